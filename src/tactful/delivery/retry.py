"""Whether and when a message is tried again: a value computed from the attempt, no loop and no sleep."""

from datetime import timedelta
from typing import TypeAlias

import msgspec

from tactful import draws
from tactful.errors import InvalidSettings

_MICROSECOND = timedelta(microseconds=1)


class RetryPolicy(msgspec.Struct, frozen=True):
    """Exponential waits: `first`, twice that, four times that, ... up to `longest`, each shortened by chance.

    `jitter_share` (0..1) is the share of a wait that chance may take away, so that the messages which one
    outage held up do not all come back in the same second.

    Raises:
        InvalidSettings: for a wait or a number of attempts that is not positive, or a share outside 0..1.
    """

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    max_attempts: int = 6
    jitter_share: float = 0.5

    def __post_init__(self) -> None:
        if not timedelta(0) < self.first <= self.longest:
            raise InvalidSettings(
                f"got retry waits first={self.first}, longest={self.longest}, expected 0 < first <= longest"
            )
        if self.max_attempts < 1 or not 0 <= self.jitter_share <= 1:
            raise InvalidSettings(
                f"got max_attempts={self.max_attempts}, jitter_share={self.jitter_share}; "
                "expected at least 1 attempt and a share between 0 and 1"
            )


class TryAgain(msgspec.Struct, frozen=True):
    """Try again from this instant on."""

    next_try_us: int


class GiveUp(msgspec.Struct, frozen=True):
    """Do not try again, and why: `attempts` (all are used) or `expires` (it would be too late)."""

    reason: str


Retry: TypeAlias = TryAgain | GiveUp


def decide(
    policy: RetryPolicy,
    attempt_no: int,
    now_us: int,
    expires_us: int,
    decision_key: int,
    asked: timedelta = timedelta(0),
    seed: int = 0,
) -> Retry:
    """Returns what follows after attempt number `attempt_no` (from 1) failed for now.

    wait = max(min(first * 2**(attempt_no - 1), longest) * (1 - jitter_share * u), asked), where u in [0, 1)
    is a hash of (seed, decision, attempt): the same message waits equally long on every machine.

    Args:
        now_us: the present instant, microseconds since 1970.
        expires_us: from this instant on the message is worthless.
        decision_key: the message's decision.
        asked: the wait that the provider asked for; never undercut.

    >>> decide(RetryPolicy(jitter_share=0), attempt_no=2, now_us=0, expires_us=10**9, decision_key=1)
    TryAgain(next_try_us=60000000)
    """
    if attempt_no >= policy.max_attempts:
        return GiveUp("attempts")
    # 2**20 times any first wait is past every sensible longest; a larger power overflows a timedelta.
    grown = min(policy.first * 2 ** min(attempt_no - 1, 20), policy.longest)
    u = float(draws.uniform(seed, decision_key, attempt_no, "retry")[0])
    next_try_us = now_us + max(grown * (1 - policy.jitter_share * u), asked) // _MICROSECOND
    return TryAgain(next_try_us) if next_try_us < expires_us else GiveUp("expires")
