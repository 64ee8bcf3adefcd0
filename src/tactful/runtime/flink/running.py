"""Starts the job: on a mini-cluster of this machine until it ends, or on a session cluster and leaves it there."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from tactful.errors import CannotExport, InvalidSettings, JobFailed, MissingExtra
from tactful.runtime.flink import bundle, job
from tactful.runtime.flink.groups import KINDS, Plan
from tactful.runtime.flink.job import Places, Tuning
from tactful.runtime.flink.keeping import FINISHED
from tactful.runtime.price_keeper import PriceKeeper

JAVA: Final = 17
"""The oldest Java that the job is tested with."""
_LOOK_S: Final = 0.2
_CAUSE: Final = re.compile(r"PythonException: (.*)|Caused by: ((?!\S*PythonException)\S+Exception: .*)")


class Ran(msgspec.Struct, frozen=True):
    """What a run gave: where, in which time (`started_seconds` until the cluster had the job), lines by kind."""

    output: str
    seconds: float
    started_seconds: float
    lines: dict[str, int]


def run(
    plan: Plan,
    output: Path,
    tuning: Tuning,
    closed: bool = False,
    resume: str = "",
) -> Ran:
    """Runs a job on a mini-cluster of this machine and returns when it has ended.

    Args:
        plan: what to decide; `until_us` is set.
        output: folder of what it writes; made if it is not there.
        tuning: how it runs.
        closed: whether prices are made from counts, else they are those on record.
        resume: the folder of a checkpoint or savepoint to go on from; "" begins anew.

    Raises:
        InvalidSettings: what cannot run, or a plan without an end.
        MissingExtra: Flink or Java are not there.
        CannotExport: the output folder holds another run's output, and this one does not resume it.
        JobFailed: the job ended by an error.
    """
    if plan.until_us < 0:
        raise InvalidSettings("got a local run without an end, expected until_us; a job without one is submitted")
    check_machine()
    started = time.monotonic()
    plan = msgspec.structs.replace(plan, resumable=closed)
    places = prepare(plan, output, closed, bool(resume))
    client = _start(plan, places, tuning, {"rest.port": "0"}, resume)
    begun = time.monotonic() - started
    if closed:
        _wait(client, Path(places.controls) / FINISHED)
        _stop(client, Path(output, "savepoints").absolute().as_uri())
    _result(client.get_job_execution_result())
    return Ran(str(output), time.monotonic() - started, begun, written(output))


def submit(plan: Plan, output: Path, tuning: Tuning, cluster: str, closed: bool, follow: bool, resume: str = "") -> str:
    """Gives a job to a session cluster and returns its id; the job goes on by itself.

    Args:
        plan, output, tuning, closed, resume: as of `run`.
        cluster: HOST:PORT of its REST endpoint.
        follow: whether the job waits for more files of inputs.

    Raises:
        InvalidSettings: as `run`, or an address without a port.
        MissingExtra: Flink or Java are not there.
        CannotExport: the output folder holds another run's output, and this one does not resume it.
        JobFailed: the cluster did not take it.
    """
    check_machine()
    host, _, port = cluster.rpartition(":")
    if not host or not port.isdigit():
        raise InvalidSettings(f"got cluster {cluster!r}, expected HOST:PORT, such as localhost:8081")
    places = msgspec.structs.replace(prepare(plan, output, closed, bool(resume)), follow=follow)
    remote = {"execution.target": "remote", "rest.address": host, "rest.port": port, "python.pythonpath": _path()}
    client = _start(plan, places, tuning, remote, resume)
    return str(client.get_job_id())


def prepare(plan: Plan, output: Path, closed: bool, resumes: bool) -> Places:
    """Makes the folders of a job and returns them.

    Raises:
        CannotExport: the output folder holds another run's output.
        InvalidSettings: the input begins with states that are dealt to another number of groups.
    """
    told = bundle.load(Path(plan.folder))
    if told.moved_groups and not (closed and told.moved_groups == plan.groups):
        raise InvalidSettings(
            f"got {plan.groups} groups and prices {'from counts' if closed else 'on record'}, expected --groups "
            f"{told.moved_groups} and --closed: {plan.folder} begins with the states of an engine"
        )
    controls = output / "prices" if closed else Path(plan.folder) / "controls"
    if not resumes and any((output / kind).exists() for kind in KINDS):
        raise CannotExport(
            f"{output} holds what a job wrote, expected an empty folder; give another one, or resume that job"
        )
    output.mkdir(parents=True, exist_ok=True)
    controls.mkdir(parents=True, exist_ok=True)
    (controls / FINISHED).unlink(missing_ok=True)
    keeper = PriceKeeper(bundle.settings_of(told), plan.groups, told.start_us)
    bundle.begin_prices(controls, keeper.known_until_us)
    return Places(str(output), str(controls), closed)


def written(output: Path) -> dict[str, int]:
    """Returns how many lines there are of each kind that a job wrote."""
    found = {}
    for kind in (*KINDS, "unreadable", "controls"):
        files = files_of(output, kind)
        if files:
            found[kind] = sum(file.read_bytes().count(b"\n") for file in files)
    return found


def files_of(output: Path, kind: str) -> list[Path]:
    """Returns the files of one kind that are complete; those whose checkpoint is yet to come have a dot in front."""
    folder = output / kind
    return sorted(p for p in folder.glob("part-*") if ".inprogress" not in p.name) if folder.is_dir() else []


def latest_checkpoint(output: Path) -> Path | None:
    """Returns the folder of a job's last complete checkpoint, None before the first."""
    done = [path.parent for path in (output / "checkpoints").glob("*/chk-*/_metadata")]
    return max(done, key=lambda path: path.stat().st_mtime_ns, default=None)


def check_machine() -> None:
    """Refuses a machine on which no job can run.

    Raises:
        MissingExtra: Flink is not installed, or there is no Java of version 17 or later.
    """
    try:
        import pyflink  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "apache-flink is not installed, expected the extra 'flink': it pins other versions than ours, so give it "
            "an environment of its own (`make flink`, or pip install 'tactful[flink]' in a new one)"
        ) from error
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    try:
        told = subprocess.run([java or "java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        told = ""
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < JAVA:
        raise MissingExtra(
            f"got {'Java ' + version[1] if version else 'no Java'}, expected Java {JAVA} or later: install it "
            "(Debian: openjdk-17-jre-headless), or set JAVA_HOME"
        )


def _start(plan: Plan, places: Places, tuning: Tuning, extra: dict[str, str], resume: str) -> Any:
    job.check(plan, tuning)
    # workers import from where this process does: an embedded interpreter knows no virtual environment
    os.environ["PYTHONPATH"] = _path()
    from pyflink.common import Configuration

    configuration = Configuration()
    python = {"python.executable": sys.executable, "python.client.executable": sys.executable}
    found = python | extra | job.options(tuning, places.output)
    if resume:
        found["execution.state-recovery.path"] = resume
    for name, value in found.items():
        configuration.set_string(name, value)
    env = _environment(configuration)
    job.build(env, plan, places, tuning)
    try:
        return env.execute_async("tactful")
    except Exception as error:
        raise JobFailed(f"the cluster did not take the job: {cause(str(error))}") from error


def _path() -> str:
    return os.pathsep.join(path for path in sys.path if path)


def _environment(configuration: Any) -> Any:
    """An environment of PyFlink that executes where its configuration says.

    PyFlink's own way to get one passes over `execution.target`, and starts a mini-cluster whatever it says.
    """
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.java_gateway import get_gateway

    if configuration.get_string("execution.target", "local") == "local":
        return StreamExecutionEnvironment.get_execution_environment(configuration)
    java = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    return StreamExecutionEnvironment(java(configuration._j_configuration))


def _wait(client: Any, finished: Path) -> None:
    """Waits until the keeper says that all groups are done, or the job ends without it."""
    while not finished.exists():
        status = _status(client)
        if status.endswith(("FAILED", "CANCELED", "FINISHED")):
            _result(client.get_job_execution_result())
            raise JobFailed(f"the job ended as {status} before all groups were done; see the log of the worker")
        time.sleep(_LOOK_S)


def _stop(client: Any, folder: str) -> None:
    """Stops a job with a savepoint; PyFlink's own call does not name the format, which Flink 2 asks for."""
    from pyflink.java_gateway import get_gateway

    form = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType.CANONICAL
    try:
        client._j_job_client.stopWithSavepoint(False, folder, form).get()
    except Exception as error:
        raise JobFailed(f"the job could not be stopped with a savepoint: {cause(str(error))}") from error


def _status(client: Any) -> str:
    try:
        return str(client.get_job_status().result())
    except Exception:  # a mini-cluster is gone as soon as its job has failed; the result still says why
        return "FAILED"


def _result(future: Any) -> None:
    try:
        future.result()
    except Exception as error:
        raise JobFailed(f"the job failed: {cause(str(error))}") from error


def cause(text: str) -> str:
    """Returns what a trace of Java says of the first cause: the Python error if there is one.

    >>> cause("Caused by: x.FlinkException: a\\n  at b\\nCaused by: pemja.core.PythonException: <class 'V'>: no model")
    "<class 'V'>: no model"
    """
    found: list[tuple[str, str]] = _CAUSE.findall(text)
    python = [a for a, _ in found if a]
    java = [b for _, b in found if b]
    return (python or java or [text[:500]])[-1]
