"""The heads of the volume response model: what each predicts, the columns that it reads, and its form when saved.

A head is a forest or, where data are too thin for one, a table of rates by segment and budget. Not here: what is made
of their answers (`volume_response.py`), and how they are fitted (`training/volume/`).
"""

from collections.abc import Mapping
from math import exp
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float32, Integer
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.features.segments import REACHES, SEGMENTS
from tactful.kernel import kernel
from tactful.models.forest import Forest

PURPOSES = ("activity", "activity_week", "unsubscribe", "long_term")
"""Active on a day; active within the week; unsubscribes within the week; active on a day, weeks after leaving."""
CLIP = 1e-6
"""No head says less than this, or more than one minus this: a forest has never seen enough to be that sure."""

Head: TypeAlias = Forest | NDArray[np.float64]
"""A forest of logistic margins, or rates [segment, budget] in [0, 1] (one budget for `long_term`)."""
Heads: TypeAlias = Mapping[str, tuple[Head, Head, Head]]
"""By purpose, one head for each of `segments.REACHES`; the same head three times where the reaches are pooled."""


def head_inputs(
    features: Float32[np.ndarray, "n f"],
    reach: Integer[np.ndarray, " n"],
    k: Integer[np.ndarray, " n"] | None = None,
) -> Float32[np.ndarray, "n c"]:
    """Returns the columns that a head's forest reads: the features, reach (0, 1, 2) and, unless it is None, k.

    Training and scoring both use this. The head `long_term` has no k: who has left gets no messages.
    """
    columns = [features, reach.astype(np.float32)[:, None]]
    return np.hstack(columns if k is None else [*columns, k.astype(np.float32)[:, None]])


def probabilities(
    head: Head,
    inputs: Float32[np.ndarray, "n c"],
    segment: Integer[np.ndarray, " n"],
    k_max: int,
) -> Float32[np.ndarray, "b n"]:
    """Returns the head's probability of every budget 0..k_max, budgets first, clipped to [CLIP, 1 - CLIP].

    Args:
        head: a forest over `inputs` and k, or a table.
        inputs: `head_inputs` without k.
        segment: index into `segments.SEGMENTS`.
        k_max: largest weekly budget, >= 0.
    """
    if not isinstance(head, Forest):
        rates: NDArray[np.float32] = np.clip(head[:, : k_max + 1].T, CLIP, 1.0 - CLIP).astype(np.float32)
        by_user: NDArray[np.float32] = rates[:, segment]
        return by_user
    margins: NDArray[np.float32] = head.over_budgets(inputs, inputs.shape[1], k_max)
    _link(margins.reshape(-1), CLIP)
    return margins


def after_leaving(
    head: Head, inputs: Float32[np.ndarray, "n c"], segment: Integer[np.ndarray, " n"]
) -> Float32[np.ndarray, " n"]:
    """Returns the probability of a head without k (`long_term`): a forest over `inputs`, or a table of one budget."""
    if not isinstance(head, Forest):
        rates: NDArray[np.float32] = probabilities(head, inputs, segment, 0)[0]
        return rates
    margins: NDArray[np.float32] = head.scores(inputs).astype(np.float32)
    _link(margins, CLIP)
    return margins


def refuse_widths(heads: Heads, n_features: int, k_trained: int) -> None:
    """Passes if every forest reads the columns of `head_inputs`, and every table has all trained budgets.

    Raises:
        InvalidModel: for the first head that does not.
    """
    for purpose in PURPOSES:
        n_columns, n_budgets = (n_features + 1, 1) if purpose == "long_term" else (n_features + 2, k_trained + 1)
        for reach, head in zip(REACHES, heads[purpose], strict=True):
            if isinstance(head, Forest) and head.n_features != n_columns:
                raise InvalidModel(
                    f"got {purpose}/{reach} grown on {head.n_features} columns, expected {n_columns}; "
                    "make its rows with volume_heads.head_inputs"
                )
            if not isinstance(head, Forest) and head.shape != (len(SEGMENTS), n_budgets):
                raise InvalidModel(
                    f"got {purpose}/{reach} with rates of shape {head.shape}, expected {(len(SEGMENTS), n_budgets)}"
                )


def packed(heads: Heads) -> dict[str, NDArray[np.float64]]:
    """Returns heads as arrays of float64, the only thing that a saved model holds; a pooled head is kept once.

    `head_of` [purpose, reach] is the number of a forest, or ~ the number of a table; `forest_sizes` has each
    forest's splits, leaves, roots and features; the arrays of all forests, and of all tables, are joined.
    """
    every = [head for purpose in PURPOSES for head in heads[purpose]]
    distinct = list({id(head): head for head in every}.values())
    forests = [head for head in distinct if isinstance(head, Forest)]
    tables = [head for head in distinct if not isinstance(head, Forest)]
    number = {id(head): i for i, head in enumerate(forests)} | {id(head): ~i for i, head in enumerate(tables)}
    sizes = [(len(f.splits), len(f.leaves), len(f.roots), f.n_features) for f in forests]
    none = np.empty(0)
    return {
        "head_of": np.array([number[id(head)] for head in every], dtype=np.float64).reshape(
            len(PURPOSES), len(REACHES)
        ),
        "forest_sizes": np.array(sizes, dtype=np.float64).reshape(-1, 4),
        "splits": np.concatenate([np.empty((0, 4)), *(f.splits for f in forests)]),
        "leaves": np.concatenate([none, *(f.leaves for f in forests)]),
        "roots": np.concatenate([none, *(f.roots for f in forests)]),
        "table_sizes": np.array([table.shape[1] for table in tables], dtype=np.float64),
        "tables": np.concatenate([none, *(table.ravel() for table in tables)]),
    }


def unpacked(
    head_of: Float[np.ndarray, "4 3"],
    forest_sizes: Float[np.ndarray, "forests 4"],
    splits: Float[np.ndarray, "m 4"],
    leaves: Float[np.ndarray, " l"],
    roots: Float[np.ndarray, " r"],
    table_sizes: Float[np.ndarray, " tables"],
    tables: Float[np.ndarray, " rates"],
) -> dict[str, tuple[Head, Head, Head]]:
    """Returns the heads that `packed` made into arrays.

    Raises:
        InvalidModel: if the arrays do not fit together, or hold what is no forest or no rate.
    """
    sizes, widths = forest_sizes.astype(np.int64), table_sizes.astype(np.int64)
    ends, table_ends = np.cumsum(sizes, axis=0), np.cumsum(widths * len(SEGMENTS))
    numbers = head_of.astype(np.int64)
    fits = (
        np.array_equal(sizes.sum(axis=0)[:3], [len(splits), len(leaves), len(roots)])
        and int(widths.sum()) * len(SEGMENTS) == len(tables)
        and np.all((numbers < len(sizes)) & (~numbers < len(widths)))
        and np.all(sizes >= 0)
        and np.all(widths > 0)
        and np.all((tables >= 0.0) & (tables <= 1.0))
    )
    if not fits:
        raise InvalidModel("got head arrays that do not fit together, or rates outside [0, 1]; save the model again")
    forests = [
        Forest(splits[m - a : m], leaves[n - b : n], roots[t - c : t], int(width))
        for (a, b, c, width), (m, n, t, _) in zip(sizes, ends, strict=True)
    ]
    curves = [
        tables[end - width * len(SEGMENTS) : end].reshape(len(SEGMENTS), width)
        for width, end in zip(widths, table_ends, strict=True)
    ]
    head = [[forests[i] if i >= 0 else curves[~i] for i in row] for row in numbers]
    return {purpose: (row[0], row[1], row[2]) for purpose, row in zip(PURPOSES, head, strict=True)}


@kernel
def _link(margins: NDArray[np.float32], clip: float) -> None:
    # One scalar exp a cell: numpy's vectorised one may differ in the last bit between the ends and the middle.
    for i in range(len(margins)):
        p = 1.0 / (1.0 + exp(-margins[i]))
        margins[i] = np.float32(min(max(p, clip), 1.0 - clip))
