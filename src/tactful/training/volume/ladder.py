"""Which form a head takes: the less it is learned from, the less it tells people apart.

Three rungs, by the people with the rarer outcome (for unsubscribing: those who left): from 2,000 in a reach segment on
it has a forest of its own; below that it shares one of all reach segments, which reads the reach as a feature; below
200 in all, there is a table of rates by segment and budget, shrunk from a stated prior (`shrunk.py`).
"""

from typing import Final, Literal, TypeAlias

import numpy as np
from jaxtyping import Int64

from tactful.features.segments import REACHES
from tactful.training.volume.labels import Counts

Rung: TypeAlias = Literal["own", "pooled", "shrunk"]

ENOUGH_FOR_ITS_OWN: Final = 2000
ENOUGH_FOR_A_FOREST: Final = 200


def rungs(counts: Counts, reach: Int64[np.ndarray, " m"]) -> tuple[Rung, Rung, Rung]:
    """Returns the rung of each reach segment, by the people who have the rarer outcome of a head."""
    positive, negative = counts.positives > 0, counts.trials > counts.positives
    rarer = np.array([min(positive[reach == r].sum(), negative[reach == r].sum()) for r in range(len(REACHES))])
    in_all = min(int(positive.sum()), int(negative.sum()))
    if in_all < ENOUGH_FOR_A_FOREST:
        return ("shrunk", "shrunk", "shrunk")
    found: list[Rung] = ["own" if people >= ENOUGH_FOR_ITS_OWN else "pooled" for people in rarer.tolist()]
    return (found[0], found[1], found[2])
