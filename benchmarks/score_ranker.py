"""How fast the ranker scores candidates through ONNX Runtime, against torch, on one core and on two.

Command: `python benchmarks/score_ranker.py`. Data: jobs by a seeded generator with full sequences (32 entries read, 16
got, 16 answered), the default `Ranker` with random weights: neither changes how long a score takes. *torch* is
`Ranker`, *served* is `ServedRanker` with its checks, groups, calibration and logistic function; *encoded* leaves out
the person's half, which is kept; otherwise she is encoded once a job. All on one thread, as CPU time of the process:
the works take turns, the least of the turns counts. *Two processes* serve at the same time, by the clock and by CPU
time, without torch; their memory is the most that one of them ever held.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tactful.features.ranking import (
    ANSWER_IDS,
    ANSWERS,
    CANDIDATE,
    CANDIDATE_IDS,
    CONTENT,
    CONTENT_IDS,
    SEND_IDS,
    SENDS,
    USER,
    USER_IDS,
    RankInputs,
)
from tactful.models import served
from tactful.models.served_ranker import ServedRanker

POOLS = (1, 32, 1024)
QUICK = (32,), (2,), 1024, 1
"""Pools, processes, candidates and turns that show that it runs."""
Work = Callable[[], object]


def jobs(n: int, c: int) -> RankInputs:
    """Returns n jobs of c candidates each, with full sequences."""
    draw = np.random.default_rng(c)

    def ids(columns: Mapping[str, int], *shape: int) -> NDArray[np.int16]:
        return np.stack([draw.integers(1, most, shape) for most in columns.values()], axis=-1).astype(np.int16)

    return RankInputs(
        user=draw.random((n, len(USER)), dtype=np.float32),
        user_ids=ids(USER_IDS, n),
        content=ids(CONTENT_IDS, n, CONTENT),
        sends=ids(SEND_IDS, n, SENDS),
        answers=ids(ANSWER_IDS, n, ANSWERS),
        candidate=draw.random((n, c, len(CANDIDATE)), dtype=np.float32),
        candidate_ids=ids(CANDIDATE_IDS, n, c),
        present=np.ones((n, c), dtype=np.bool_),
    )


def seconds(works: Mapping[str, Work], turns: int) -> dict[str, float]:
    """Returns the CPU seconds of each work, the least of interleaved turns after one that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns + 1):
        for name, run in works.items():
            began = time.process_time()
            run()
            taken[name].append(time.process_time() - began)
    return {name: min(times[1:]) for name, times in taken.items()}


def on_one_core(
    models: Mapping[str, ServedRanker], eager: "Eager", pools: Sequence[int], candidates: int, turns: int
) -> dict[str, float]:
    """Returns candidates a CPU second of every work, by pool size."""
    figures: dict[str, float] = {}
    for c in pools:
        inputs = jobs(max(1, candidates // c), c)
        works: dict[str, Work] = dict(eager.works(inputs))
        for name, model in models.items():
            works[f"served, {name}"] = partial(model.rank, inputs)
            works[f"served, {name}, encoded"] = partial(model.score, model.encode(inputs), inputs)
        for name, taken in seconds(works, turns).items():
            figures[f"{name}, C = {c}"] = inputs.present.size / taken
    return figures


class Eager:
    """The same ranker in torch, on one thread."""

    def __init__(self) -> None:
        """Makes the default ranker."""
        import torch

        from tactful.models.ranker import Ranker
        from tactful.training.fit import seeded

        torch.set_num_threads(1)
        self.model = seeded(Ranker, 0).eval()

    def exported(self) -> dict[str, ServedRanker]:
        """Returns it as it is served, and with weights of eight bits."""
        from tactful.training.export_ranker import export_ranker
        from tactful.training.export_responses import quantised

        ranker = export_ranker(self.model)
        encode, score = (quantised(graph) for graph in ranker.parameters().values() if isinstance(graph, bytes))
        return {"float32": ranker, "int8": ServedRanker(encode, score, ranker.channels)}

    def works(self, inputs: RankInputs) -> dict[str, Work]:
        """Returns the two ways to score these jobs."""
        import torch

        from tactful.models.ranker import ENCODED, tensors

        columns = tensors(inputs)
        candidates = {name: columns[name] for name in ("candidate", "candidate_ids")}

        def whole() -> object:
            with torch.no_grad():
                return self.model(**columns)

        with torch.no_grad():
            state = self.model.encode(**{name: columns[name] for name in ENCODED})

        def encoded() -> object:
            with torch.no_grad():
                return self.model.score(state, **candidates)

        return {"torch": whole, "torch, encoded": encoded}


def serve(file: Path, c: int, candidates: int, turns: int) -> None:
    """What one process of several does: loads the model, says so, waits for a line, and prints how fast it was."""
    model = served.load(file.read_bytes())
    inputs = jobs(max(1, candidates // c), c)
    state = model.encode(inputs)
    model.score(state, inputs)
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(turns):
        model.score(state, inputs)
    n = turns * inputs.present.size
    figures = {"wall": n / (time.perf_counter() - began), "cpu": n / (time.process_time() - cpu)}
    print(json.dumps(figures | {"MB": _peak_mb()}))


def _peak_mb() -> float:
    """The most memory that this process held. Not `ru_maxrss`, which begins with what its parent held."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def in_processes(file: Path, n: int, c: int, candidates: int, turns: int) -> dict[str, float]:
    """Returns what n processes that serve at the same time say: rates summed, memory of the largest."""
    command = [sys.executable, __file__, "--serve", str(file), "--pool", str(c), "--candidates", str(candidates)]
    command += ["--turns", str(turns)]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(n)]
    for one in running:
        assert one.stdout is not None
        one.stdout.readline()
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [json.loads(one.communicate()[0]) for one in running]
    of = f"{n} process{'es' * (n > 1)}, encoded, C = {c}"
    figures = {f"{of}, by the clock": sum(s["wall"] for s in said), f"{of}, a CPU second": sum(s["cpu"] for s in said)}
    return figures | {f"{of}, peak MB": max(s["MB"] for s in said)}


def measured(pools: Sequence[int], processes: Sequence[int], candidates: int, turns: int) -> dict[str, float]:
    """Returns every figure of the page, by name."""
    eager = Eager()
    models = eager.exported()
    data = {name: served.save(model) for name, model in models.items()}
    figures = {f"{name} MB": len(bytes_) / 1e6 for name, bytes_ in data.items()}
    inputs = jobs(64, 8)
    scores = {name: model.rank(inputs) for name, model in models.items()}
    figures["largest difference of int8"] = float(np.abs(scores["int8"] - scores["float32"]).max())
    figures["bits of int8 that neighbours change"] = _changed_by_neighbours(models["int8"], inputs)
    figures |= on_one_core(models, eager, pools, candidates, turns)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ranker.msgpack"
        file.write_bytes(data["float32"])
        for n, c in product(processes, pools):
            figures |= in_processes(file, n, c, candidates, turns)
    return figures


def _changed_by_neighbours(model: ServedRanker, inputs: RankInputs) -> float:
    """The share of scores of a job that are not, bit for bit, what they are among other jobs."""
    alone = RankInputs(**{name: column[:1] for name, column in vars(inputs).items()})
    return float((model.rank(alone) != model.rank(inputs)[:1]).mean())


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="Speed of the ranker.")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--quick", action="store_true", help="few candidates: shows that it runs")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pool", type=int, default=32, help=argparse.SUPPRESS)
    parser.add_argument("--candidates", type=int, default=4_096, help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, default=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.pool, arguments.candidates, arguments.turns)
        return
    figures = measured(*QUICK) if arguments.quick else measured(POOLS, (1, 2), arguments.candidates, arguments.turns)
    if arguments.json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.4f}" if value < 100 else f"{value:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
