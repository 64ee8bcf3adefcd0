"""Which candidates of a job the ranker is asked about, where the rules name a most: those that look best at a glance.

The glance is the click model's best channel. What is left out cannot be sent in this job, and its decision says so
(`not_ranked`): random sends draw from what was ranked, so that their chances stay exact. A row is chosen by itself, in
a total order.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.decision.candidates.eligibility import live
from tactful.decision.request import Pool
from tactful.features.ranking import RankInputs


def best_places(
    click: Float[np.ndarray, "n c h"], reach: Bool[np.ndarray, "n h"], pool: Pool, most: int
) -> Int[np.ndarray, "n m"]:
    """Returns the places of each job that are worth a closer look: at most `most`, open ones first.

    Args:
        click: chance of a click of each candidate on each channel.
        reach: the channels on which she can be reached.
        pool: of the jobs; of equal chances the smaller key goes first.
        most: how many.
    """
    chance = np.where(reach[:, None, :], click, 0.0).max(axis=2)
    order = np.lexsort((pool.key, -np.where(live(pool), chance, -1.0)), axis=1)
    places: NDArray[np.int64] = order[:, :most]
    return places


def only(inputs: RankInputs, places: Int[np.ndarray, "n m"]) -> RankInputs:
    """Returns the inputs with the candidates of some places only, in the given order."""
    rows = np.arange(len(places))[:, None]
    return replace(
        inputs,
        candidate=inputs.candidate[rows, places],
        candidate_ids=inputs.candidate_ids[rows, places],
        present=inputs.present[rows, places],
    )


def spread(
    said: Float[np.ndarray, "n m h heads"], places: Int[np.ndarray, "n m"], c: int
) -> tuple[Float[np.ndarray, "n c h heads"], Bool[np.ndarray, "n c"]]:
    """Returns what was said of some places at their place among c, 0 elsewhere, and which places those are."""
    n, _, h, heads = said.shape
    rows = np.arange(n)[:, None]
    values, ranked = np.zeros((n, c, h, heads)), np.zeros((n, c), dtype=np.bool_)
    values[rows, places], ranked[rows, places] = said, True
    return values, ranked
