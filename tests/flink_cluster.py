"""A session cluster of Flink on this machine, made of what PyFlink brings: one JobManager and some TaskManagers."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 300.0
_LOOK_S: Final = 0.25
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_CONFIG: Final = """
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: localhost
jobmanager.memory.process.size: 1000m
rest.address: localhost
rest.port: {rest}
rest.bind-port: {rest}
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.numberOfTaskSlots: 1
taskmanager.memory.process.size: 1600m
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs; `address` is HOST:PORT of its REST endpoint, `logs` what its processes said."""

    address: str
    logs: Path

    def get(self, path: str) -> Any:
        """Returns what the REST endpoint says."""
        with _DIRECT.open(f"http://{self.address}{path}", timeout=10.0) as answer:
            return json.load(answer)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Asks the REST endpoint to do something."""
        data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        with _DIRECT.open(urllib.request.Request(f"http://{self.address}{path}", data, kind), timeout=10.0) as answer:
            return json.load(answer)

    def status(self, job: str) -> str:
        """Returns Flink's word for how a job is."""
        return str(self.get(f"/jobs/{job}")["state"])

    def stopped(self, job: str, folder: Path) -> str:
        """Stops a job with a savepoint under a folder, and returns where that is."""
        trigger = self.post(f"/jobs/{job}/stop", {"targetDirectory": folder.as_uri(), "drain": False})["request-id"]
        told: dict[str, Any] = {}

        def is_done() -> bool:
            told.update(self.get(f"/jobs/{job}/savepoints/{trigger}"))
            return bool(told["status"]["id"] == "COMPLETED")

        until(is_done, "the savepoint was not made")
        return str(told["operation"]["location"])


@contextlib.contextmanager
def session_cluster(folder: Path, workers: int = 1) -> Iterator[Cluster]:
    """Starts a cluster that keeps its configuration and its logs in a folder, and ends it behind the block."""
    import pyflink

    home = Path(pyflink.__path__[0])
    conf = folder / "conf"
    conf.mkdir(parents=True)
    for file in (home / "conf").glob("log4j*.properties"):
        (conf / file.name).write_bytes(file.read_bytes())
    rest = _free_port(20_000)
    opened = (home / "conf" / "config.yaml").read_text().split("\njobmanager:")[0]  # what of Java has to be open
    (conf / "config.yaml").write_text(opened + _CONFIG.format(rpc=_free_port(23_000), rest=rest))
    jars = next(iter((home / "opt").glob("flink-python-*.jar")))
    env = os.environ | {"FLINK_CONF_DIR": str(conf), "FLINK_LOG_DIR": str(folder), "HADOOP_CLASSPATH": str(jars)}
    env.pop("PYTHONPATH", None)  # a worker elsewhere would not have ours
    with contextlib.ExitStack() as stack:
        for name in ("jobmanager", *(["taskmanager"] * workers)):
            script = str(home / "bin" / f"{name}.sh")
            said = stack.enter_context((folder / f"{name}.log").open("ab"))
            one = subprocess.Popen([script, "start-foreground"], env=env, stdout=said, stderr=said)
            stack.callback(_end, one)
        cluster = Cluster(f"localhost:{rest}", folder)
        until(lambda: _slots(cluster) == workers, "the cluster did not come up")
        yield cluster


def until(holds: Callable[[], bool], otherwise: str, patience_s: float = PATIENCE_S) -> None:
    """Looks until something holds."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(_LOOK_S)


def _slots(cluster: Cluster) -> int:
    try:
        return int(cluster.get("/overview")["slots-total"])
    except (OSError, KeyError, ValueError):
        return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port(first: int) -> int:
    """A port below those that Linux gives out by itself: else another socket of the cluster may take it first."""
    for port in range(first + os.getpid() % 1_000, first + 2_000):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("localhost", port))
            return port
    raise OSError(f"got no free port from {first} on")
