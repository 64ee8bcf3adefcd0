"""The one thing that training a ranker reads: messages sent, as their decisions read them, and what people did.

A store gives it (`stored.py`), a simulated world gives it (`simulator/rank_log.py`). Labels are made in `labels.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from tactful.errors import InvalidRecord
from tactful.features.join import Sends, Touches
from tactful.features.ranking import RankInputs
from tactful.training.ranking.select import stacked, taken


@dataclass(frozen=True, eq=False)
class RankLog:
    """s messages whose snapshots were kept, and everything that their people did, up to an instant.

    Attributes:
        inputs: of each message what its decision read, c = 1: the candidate that was sent.
        sends: the messages, sorted by (user, at_us, decision); inputs are in the same order.
        random: sent by an exploration bucket that sends at random: calibration is fitted and judged on these.
        logged: the chance that the snapshot was kept: .1 of production, 1 in the random slice.
        touches: all engagements of these people.
        until_us: the log ends here; what closes later is unknown.
    """

    inputs: RankInputs
    sends: Sends
    random: Bool[np.ndarray, " s"]
    logged: Float64[np.ndarray, " s"]
    touches: Touches
    until_us: int

    def __post_init__(self) -> None:
        """Checks what the types cannot say.

        Raises:
            InvalidRecord: columns of different lengths, more than one candidate a message, a chance outside (0, 1].
        """
        n = len(self.sends.user)
        lengths = {"inputs": len(self.inputs.present), "random": len(self.random), "logged": len(self.logged)}
        if any(length != n for length in lengths.values()):
            raise InvalidRecord(f"got {n} sends beside {lengths}, expected one of each a send")
        if n and (self.inputs.present.shape[1] != 1 or not self.inputs.present.all()):
            raise InvalidRecord("got inputs of several candidates a send, or of none; expected the one that was sent")
        if not ((self.logged > 0.0) & (self.logged <= 1.0)).all():
            raise InvalidRecord("got a chance to be logged outside (0, 1]; a row that had none cannot be on record")

    def __len__(self) -> int:
        return len(self.logged)


def before(log: RankLog, until_us: int) -> RankLog:
    """Returns the log as it stood at an earlier instant: nothing that was sent or done from then on."""
    sent, done = log.sends.at_us < until_us, log.touches.at_us < until_us
    return replace(
        _only(log, np.flatnonzero(sent)),
        touches=taken(log.touches, np.flatnonzero(done)),
        until_us=min(until_us, log.until_us),
    )


def since(log: RankLog, from_us: int) -> RankLog:
    """Returns the log without the messages before an instant; all engagements stay."""
    return _only(log, np.flatnonzero(log.sends.at_us >= from_us))


def merged(logs: Sequence[RankLog]) -> RankLog:
    """Returns several logs as one; a message that more than one of them holds counts once.

    What is logged is drawn by hash of the decision, so the logs' samples are nested: a message that one of them keeps
    with the larger chance has that chance in all together, and the others' rows of it are copies.

    Raises:
        InvalidRecord: without a log, or for logs that end at different instants: what closes between them is known of
            some people only.
    """
    ends = sorted({log.until_us for log in logs})
    if len(ends) != 1:
        raise InvalidRecord(f"got logs that end at {ends}, expected one end; read them up to the same instant")
    whole = RankLog(
        inputs=stacked([log.inputs for log in logs]),
        sends=stacked([log.sends for log in logs]),
        random=np.concatenate([log.random for log in logs]),
        logged=np.concatenate([log.logged for log in logs]),
        touches=stacked([log.touches for log in logs]),
        until_us=ends[0],
    )
    sends = whole.sends
    order = np.lexsort((-whole.logged, sends.decision, sends.at_us, sends.user))
    columns = [column[order] for column in (sends.decision, sends.at_us, sends.user)]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return _only(whole, order[first])


def _only(log: RankLog, rows: NDArray[np.int64]) -> RankLog:
    return replace(
        log,
        inputs=taken(log.inputs, rows),
        sends=taken(log.sends, rows),
        random=log.random[rows],
        logged=log.logged[rows],
    )
