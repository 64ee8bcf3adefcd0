"""What comes of deciding beside another sender: the messages of both, over whole local days."""

from dataclasses import dataclass, field

import msgspec

from tactful.runtime.shadowing.sent import Sent


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message that the other sender sent, or that we would have.

    `day` is her local date in days since 1970, `hour` of her clock; `foretold` follows `Beside.heads`, empty where
    nothing could be foretold: she was not known yet.
    """

    user_id: str
    at_us: int
    day: int
    hour: int
    candidate_id: str
    type: str
    channel: str
    segment: str
    foretold: tuple[float, ...]


@dataclass
class Beside:
    """What came of it, over whole local days.

    Attributes:
        theirs, ours: messages by time.
        sent: theirs again, as their log has them.
        heads: what is foretold of each.
        first_day, last_day: days since 1970, both inclusive.
        people: who had a profile by the end.
        user_days: of people with a profile, by segment.
        candidates: how many there were to tell.
        refused: candidates of the other sender's log that the engine did not take.
        model: the version of the models that spoke.
    """

    first_day: int
    last_day: int
    model: str
    theirs: list[Message] = field(default_factory=list)
    ours: list[Message] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    heads: tuple[str, ...] = ()
    people: int = 0
    user_days: dict[str, int] = field(default_factory=dict)
    candidates: int = 0
    refused: int = 0

    def held(self, day: int) -> bool:
        """Whether a local day is one of those that are compared."""
        return self.first_day <= day <= self.last_day
