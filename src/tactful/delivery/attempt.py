"""One attempt, from the call of a provider to what it means: values and pure functions; the store is `send`'s."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from tactful.clock import to_us
from tactful.delivery import retry
from tactful.delivery.outbox import OutboxMessage
from tactful.delivery.protocol import Channel, Delivered, Failed, Message, Outcome, RetryAfter, Unreachable
from tactful.stores.protocols import REDRIVEN, Attempt, OutboxRow

_LOG = logging.getLogger(__name__)
_MICROSECOND = timedelta(microseconds=1)

Result: TypeAlias = Literal[
    "delivered",
    "retry",  # the provider asked for it, or was away: tried again later
    "held",  # not called, for now: a cap is reached, a kill switch is on, or nobody could say whether it holds
    "gave_up",  # all attempts are used, or the next one would be too late
    "failed",  # refused for good by the provider
    "unreachable",  # the address is dead
    "suppressed",  # unsubscribed between decision and send
    "cancelled",  # the candidate was withdrawn, or seen in another channel, between decision and send
    "withdrawn",  # asked right before the send, the app said that it does not hold any more
    "expired",
    "unrenderable",  # a value or template is missing, or the text is longer than the channel takes
    "in_doubt",  # nobody knows: the call broke off
]
"""How a message fared; in the store, the `outcome` of its attempt."""


class Call(NamedTuple):
    """A message whose attempt is on record, so that its provider may be called. `tries` counts this call, too."""

    row: OutboxRow
    attempt_no: int
    tries: int
    channel: Channel | None
    message: Message
    waiting: OutboxMessage


class Stopped(NamedTuple):
    """A message that does not go out and why; with `wait` it is looked at again, unless it expires before."""

    result: Result
    detail: str = ""
    wait: timedelta | None = None


Answer: TypeAlias = Outcome | Stopped | None
"""What came of a call; None if it broke off and nobody knows whether the message arrived."""


class End(NamedTuple):
    """What is put on record of an attempt."""

    result: Result
    detail: str = ""
    next_try_us: int | None = None


@runtime_checkable
class Revalidation(Protocol):
    """Asks the app, right before a message goes out, whether it still holds."""

    def __call__(self, waiting: OutboxMessage) -> Stopped | None:
        """Returns why a message does not go out, None if it does. Called from several threads at once."""
        ...


def make(call: Call, revalidation: Revalidation | None = None) -> Answer:
    """Calls the provider and returns what came of it. Touches no store: any thread may do it."""
    if call.channel is None:
        return RetryAfter(detail=f"no channel is configured for {call.message.channel}")
    stopped = revalidation(call.waiting) if revalidation else None
    if stopped is not None:
        return stopped
    try:
        return call.channel.send(call.message, call.waiting.decision_id)
    except Exception as error:  # whatever broke, the provider may have the message already
        _LOG.warning("decision %016x: the call broke off: %s", call.row.decision_key, type(error).__name__)
        return None


def end_of(call: Call, answer: Outcome | Stopped, policy: retry.RetryPolicy, now_us: int) -> End:
    """Returns what an answer means: the result, the provider's words, and when to try again."""
    expires_us = to_us(call.waiting.expires_at)
    match answer:
        case Stopped():
            return end_of_stopped(answer, expires_us, now_us)
        case Delivered(receipt):
            return End("delivered", receipt)
        case Failed(detail):
            return End("failed", detail)
        case Unreachable(detail):
            return End("unreachable", detail)
        case RetryAfter(asked, detail):
            then = retry.decide(policy, call.tries, now_us, expires_us, call.row.decision_key, asked)
            if isinstance(then, retry.GiveUp):
                return End("gave_up", f"{then.reason}: {detail}")
            return End("retry", detail, then.next_try_us)


def end_of_stopped(stopped: Stopped, expires_us: int, now_us: int) -> End:
    """Returns what is put on record of a message that was not sent; a wait past its expiry is its end."""
    if stopped.wait is None:
        return End(stopped.result, stopped.detail)
    next_try_us = now_us + stopped.wait // _MICROSECOND
    return End("expired", stopped.detail) if next_try_us >= expires_us else End("held", stopped.detail, next_try_us)


def tries(attempts: Sequence[Attempt]) -> int:
    """Returns how many of a message's attempts count against its number: calls, since a person last drove it on.

    >>> tries([Attempt(1, n, 0, outcome, "") for n, outcome in enumerate(("retry", "held", "gave_up"), 1)])
    2
    """
    count = 0
    for attempt in attempts:
        count = 0 if attempt.outcome == REDRIVEN else count + (attempt.outcome != "held")
    return count
