"""Rows that rankers learn from: what was read, what came of it by head, and with which chance the row is here.

A row trains a head only once that head's window has closed, and only the heads of its own channel: what would have
come of the message elsewhere nobody knows. Which rows are learned from and which are judged on is decided by time.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int64

from tactful.features.join import closed
from tactful.features.ranking import RankInputs
from tactful.training.ranking.as_of import refuse_later_knowledge
from tactful.training.ranking.labels import labels, windows_us
from tactful.training.ranking.log import RankLog
from tactful.training.ranking.select import taken


@dataclass(frozen=True, eq=False)
class RankRows:
    """n messages, one row each; heads in the order of `RANK_HEADS`.

    Attributes:
        inputs: what the decision read, c = 1.
        user: any integer key of the person.
        at_us: when it was sent.
        channel: on which it was sent, an index into `records.CHANNELS`.
        label: whether the head's outcome came.
        known: whether that is known, and not left out by down-sampling: only then the label means anything.
        keep: the chance that this row is here for that head: of being logged, times that of down-sampling.
        random: sent at random.
    """

    inputs: RankInputs
    user: Int64[np.ndarray, " n"]
    at_us: Int64[np.ndarray, " n"]
    channel: Int64[np.ndarray, " n"]
    label: Bool[np.ndarray, "n heads"]
    known: Bool[np.ndarray, "n heads"]
    keep: Float32[np.ndarray, "n heads"]
    random: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.user)

    def only(self, rows: Int64[np.ndarray, " r"]) -> "RankRows":
        """Returns some of the rows, in the given order."""
        names = ("user", "at_us", "channel", "label", "known", "keep", "random")
        return replace(self, inputs=taken(self.inputs, rows), **{name: getattr(self, name)[rows] for name in names})


def rows(log: RankLog) -> RankRows:
    """Returns one row a message of the log.

    Raises:
        FutureInHistory: inputs know what came after their message.
        UnsortedRows: the messages are not sorted as the join needs them.
    """
    refuse_later_knowledge(log)
    sends, window = log.sends, windows_us(log.sends)
    known = np.stack([closed(sends.at_us, column, log.until_us) for column in window.T], axis=1)
    return RankRows(
        inputs=log.inputs,
        user=sends.user,
        at_us=sends.at_us,
        channel=sends.channel,
        label=labels(sends, log.touches),
        known=known,
        keep=np.repeat(log.logged.astype(np.float32)[:, None], window.shape[1], axis=1),
        random=log.random,
    )
