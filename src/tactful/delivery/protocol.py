"""What a channel is: the message it takes, the outcome it returns, the limits it states.

A channel is a thin wrapper around one provider. It renders nothing, retries nothing and keeps no state that
matters: retrying is in `retry`, the record of what was tried is in the outbox.
"""

from datetime import timedelta
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from tactful.events.records import Channel as ChannelName
from tactful.events.records import Instant


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A finished message: nothing in it is left to fill in.

    `locale` is the locale of the template that was used. Email has a subject and an HTML body; every other
    channel a title and a plain body. `headers` go out as they are (email: one-click unsubscribe).

    `link` is where a tap or click leads, "" for nowhere; `decision_id` lets a receipt or a click name the decision.
    A provider drops what it could not hand over by `expires_at`, and shows one message a `collapse_key` ("" for none).
    """

    channel: ChannelName
    address: str
    type: str
    locale: str
    subject: str = ""
    title: str = ""
    body: str = ""
    headers: dict[str, str] = {}
    link: str = ""
    decision_id: str = ""
    user_id: str = ""
    expires_at: Instant | None = None
    collapse_key: str = ""


class Delivered(msgspec.Struct, frozen=True):
    """The provider took the message; `receipt` is its own id for it."""

    receipt: str = ""


class RetryAfter(msgspec.Struct, frozen=True):
    """Not now: the provider is busy or away. `after` is the least wait it asks for, zero if it says none."""

    after: timedelta = timedelta(0)
    detail: str = ""


class Failed(msgspec.Struct, frozen=True):
    """Never: the provider refuses this message, and would refuse it again."""

    detail: str = ""


class Unreachable(msgspec.Struct, frozen=True):
    """The address is dead (mailbox unknown, token expired): nothing should be sent to it again."""

    detail: str = ""


Outcome: TypeAlias = Delivered | RetryAfter | Failed | Unreachable


class Limits(msgspec.Struct, frozen=True):
    """The longest message that a provider takes; None: no limit. The body is counted in UTF-8 bytes."""

    subject_chars: int | None = None
    title_chars: int | None = None
    body_bytes: int | None = None

    def broken_by(self, message: Message) -> str | None:
        """Returns which limit a message breaks and by what, None if it fits.

        >>> long = Message(channel="push", address="", type="news", locale="en", title="Hello")
        >>> Limits(title_chars=3).broken_by(long)
        'title_chars: got 5, the channel takes 3'
        """
        sizes = (
            ("subject_chars", len(message.subject), self.subject_chars),
            ("title_chars", len(message.title), self.title_chars),
            ("body_bytes", len(message.body.encode()), self.body_bytes),
        )
        for name, size, limit in sizes:
            if limit is not None and size > limit:
                return f"{name}: got {size}, the channel takes {limit}"
        return None


@runtime_checkable
class Channel(Protocol):
    """One way to reach people.

    `honours_idempotency` promises that a message sent twice under one key arrives once, also when our process
    died in between: only then is an attempt of unknown outcome repeated.
    """

    @property
    def limits(self) -> Limits:
        """What the provider takes at most."""
        ...

    @property
    def honours_idempotency(self) -> bool:
        """Whether a repeated key arrives once."""
        ...

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Hands a message to the provider and returns what it said.

        Every answer of the provider is an outcome. An exception means that nobody knows whether the message
        arrived; the attempt is then in doubt. Several threads call it at once.
        """
        ...
