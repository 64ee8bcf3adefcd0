"""How fast candidates are scored: one history for all candidates of a user, through ONNX Runtime, against torch.

Command: `python benchmarks/score_responses.py`. Data: `response_rows.py`, 50 behaviours a user, 12,000 items; TIN with
item and category of 64 numbers each and a perceptron of 80-40, trained on 65,536 rows, so that its scores and the cost
of eight bits mean something (AUC on 8,192 other rows of the same seed, by which the best epoch was chosen). All on one
thread, as CPU time of the process: the works take turns, the least of the turns counts. *torch* is the trained model, a
history a row; *torch, shared* has one history a user, as the graph has. *served* is `ServedResponses.response`, with
the checks, cuts and padding that serving needs. A candidate is one target of one user.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from response_rows import Rows
from tactful.experiments.metrics import auc
from tactful.models.served_responses import ServedResponses
from tactful.models.shared_history import shared
from tactful.models.tin import TIN
from tactful.training.export_responses import export_responses, quantised
from tactful.training.fit import Course, fit, seeded
from tactful.training.row_adagrad import Rows as TableRows
from tactful.training.sequences import Sequences

ITEMS, LENGTH, DIM, HIDDEN = 12_000, 50, 64, (80, 40)


def trained(n: int, epochs: int) -> tuple[TIN, Sequences, Sequences]:
    """Returns a model, the rows that it learned from, and other rows."""
    rows = Rows.made(n + n // 8, ITEMS, LENGTH, 1)
    train = replace(rows, history=rows.history[:n], target=rows.target[:n], label=rows.label[:n]).sequences()
    test = replace(rows, history=rows.history[n:], target=rows.target[n:], label=rows.label[n:]).sequences()
    model = seeded(lambda: TIN(train.shape, DIM, HIDDEN), 0)
    fit(model, train, test, Course(batch_rows=1024, max_epochs=epochs, rows=TableRows(learning_rate=0.3)))
    return model, train, test


def requests(data: Sequences, users: int, candidates: int) -> dict[str, NDArray[np.int64]]:
    """Returns so many users with so many candidates each, as numpy arrays."""
    batch = data.batch(np.arange(users)).inputs()
    drawn = np.random.default_rng(candidates).integers(0, len(data), users * candidates)
    targets = data.batch(drawn).target.view(users, candidates, -1)
    return {name: column.numpy() for name, column in (batch | {"target": targets}).items()}


def rates(works: Mapping[str, Callable[[], object]], n: int, turns: int) -> dict[str, float]:
    """Returns candidates a CPU second of each work, the best of interleaved turns after one that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns + 1):
        for name, run in works.items():
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)
    return {name: n / min(taken[1:]) for name, taken in seconds.items()}


def measured(n: int, epochs: int, scores: int, turns: int) -> dict[str, float]:
    """Returns every figure of the page, by name."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    model, data, test = trained(n, epochs)
    graph = export_responses(model, data.shape, "made up")
    small = quantised(graph)
    served, served_small = ServedResponses(graph, "made up"), ServedResponses(small, "made up")
    by_user = shared(model).eval()
    figures = {"float32 MB": len(graph) / 1e6, "int8 MB": len(small) / 1e6}
    for candidates in (1, 32, 1024):
        asked = requests(data, max(1, scores // candidates), candidates)
        tensors = {name: torch.from_numpy(column) for name, column in asked.items()}
        few = max(1, 2048 // candidates)
        rows = {name: column[:few].repeat_interleave(candidates, dim=0) for name, column in tensors.items()}
        rows["target"] = tensors["target"][:few].flatten(0, 1)
        with torch.no_grad():
            by_row = rates({"torch": partial(model, **rows)}, few * candidates, turns)
            works = {
                "torch, shared": partial(by_user, **tensors),
                "served, float32": partial(served.response, **asked),
                "served, int8": partial(served_small.response, **asked),
            }
            of = by_row | rates(works, asked["target"].shape[0] * candidates, turns)
        figures |= {f"{name}, C = {candidates}": rate for name, rate in of.items()}
    asked = requests(test, len(test), 1)
    batch = test.batch(np.arange(len(test)))
    asked["target"] = batch.target.numpy()[:, None, :]
    for name, one in (("float32", served), ("int8", served_small)):
        chances = one.response(**asked)[:, 0]
        figures[f"AUC, {name}"] = auc(chances, batch.label.numpy() > 0)
    return figures


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="Speed of scoring candidates.")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--quick", action="store_true", help="few rows: shows that it runs")
    arguments = parser.parse_args()
    figures = measured(2048, 1, 2048, 1) if arguments.quick else measured(65_536, 3, 32_768, 5)
    if arguments.json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.4f}" if value < 100 else f"{value:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
