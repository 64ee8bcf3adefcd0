"""Made-up inputs of rankers: every number and id that the columns allow, sequences of any length."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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


def rank_rows(n: int, c: int, seed: int = 3, empty: bool = False) -> RankInputs:
    """Inputs of n jobs of c places, the first with full and the second with empty sequences; all empty if so asked."""
    draw = np.random.default_rng(seed)

    def ids(columns: Mapping[str, int], *shape: int, low: int = 0) -> NDArray[np.int16]:
        return np.stack([draw.integers(low, k, shape) for k in columns.values()], axis=-1).astype(np.int16)

    def sequence(columns: Mapping[str, int], places: int) -> NDArray[np.int16]:
        length = draw.integers(0, places + 1, n)
        length[:2] = [places, 0][:n]
        held = np.arange(places) < (0 if empty else 1) * length[:, None]
        return ids(columns, n, places, low=1) * held[:, :, None].astype(np.int16)

    return RankInputs(
        user=draw.random((n, len(USER)), dtype=np.float32),
        user_ids=ids(USER_IDS, n),
        content=sequence(CONTENT_IDS, CONTENT),
        sends=sequence(SEND_IDS, SENDS),
        answers=sequence(ANSWER_IDS, ANSWERS),
        candidate=draw.random((n, c, len(CANDIDATE)), dtype=np.float32),
        candidate_ids=ids(CANDIDATE_IDS, n, c),
        present=np.ones((n, c), dtype=np.bool_),
    )


def some_rows(inputs: RankInputs, rows: object) -> RankInputs:
    """These rows of the inputs."""
    return replace(inputs, **{name: column[rows] for name, column in vars(inputs).items()})
