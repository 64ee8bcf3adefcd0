"""What a decision keeps of what was read for it: snapshots of the decisions that are logged in full."""

from dataclasses import dataclass

import numpy as np

from tactful.decision.decide import Verdict
from tactful.decision.policy.full_log import full_log
from tactful.decision.request import Request
from tactful.features.ranking_snapshot import snapshots
from tactful.runtime.settings import Settings


@dataclass(frozen=True)
class Frozen:
    """The fields `snapshot`, `snapshot_place` and `log_probability` of each decision."""

    snapshot: list[bytes]
    place: list[int]
    probability: list[float]


def frozen(request: Request, verdict: Verdict, settings: Settings) -> Frozen:
    """Returns what each decision of a request keeps of what a ranker reads of it, all from before it."""
    person, exploration = request.person, settings.exploration
    log = full_log(
        settings.seed,
        person.key,
        person.now_us,
        person.bucket,
        verdict.sends,
        exploration.logged_sends,
        exploration.full_history,
    )
    blobs, place = [b""] * request.n, np.full(request.n, -1)
    whole, alone = np.flatnonzero(log.kept & log.whole), np.flatnonzero(log.kept & ~log.whole)
    for rows, at in ((whole, None), (alone, verdict.candidate[alone])):
        if len(rows):
            kept = snapshots(request.inputs_of(rows), np.arange(len(rows)), at)
            for row, blob in zip(rows.tolist(), kept, strict=True):
                blobs[row] = blob
    place[whole] = verdict.candidate[whole]
    place[alone] = np.minimum(verdict.candidate[alone], 0)
    return Frozen(blobs, place.tolist(), log.probability.tolist())
