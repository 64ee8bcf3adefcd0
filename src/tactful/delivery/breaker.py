"""A circuit breaker: a provider that fails is left alone for a while, so that messages wait and use up no attempts.

Time is an argument: the same answers at the same instants open and close it alike.
"""

from collections import deque
from datetime import timedelta
from typing import Annotated

import msgspec

from tactful.errors import InvalidSettings

_MICROSECOND = timedelta(microseconds=1)


class BreakerPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a channel's provider is left alone, `[delivery.breaker]`.

    Attributes:
        failing_share: of the calls in the window that failed for now or broke off, from which on it is; 0.5, for a
            provider that is only busy answers most calls.
        min_calls: in the window, below which nothing is judged; 10.
        window_s: how far back calls count; 60 seconds.
        open_s: how long it is left alone the first time, then one message probes it; 30 seconds. Each probe that fails
            doubles that.
        longest_open_s: up to this; 600, so that a provider that comes back is noticed within ten minutes.

    Raises:
        InvalidSettings: the first wait is longer than the longest.
    """

    failing_share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.5
    min_calls: Annotated[int, msgspec.Meta(ge=1)] = 10
    window_s: Annotated[float, msgspec.Meta(gt=0.0)] = 60.0
    open_s: Annotated[float, msgspec.Meta(gt=0.0)] = 30.0
    longest_open_s: Annotated[float, msgspec.Meta(gt=0.0)] = 600.0

    def __post_init__(self) -> None:
        if self.open_s > self.longest_open_s:
            raise InvalidSettings(
                f"got open_s = {self.open_s:g} above longest_open_s = {self.longest_open_s:g}, expected it at or below"
            )


class Breaker:
    """What is known of one provider.

    >>> breaker = Breaker(BreakerPolicy(min_calls=2, open_s=1.0))
    >>> for _ in range(2):
    ...     breaker.told(0, healthy=False)
    >>> breaker.allowance(999_999, in_flight=0), breaker.allowance(1_000_000, in_flight=0)
    (0, 1)
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._calls: deque[tuple[int, bool]] = deque()
        self._open_until_us: int | None = None
        self._failed_probes = 0

    def allowance(self, now_us: int, in_flight: int) -> int | None:
        """Returns how many calls may be begun now, None for as many as one likes.

        Args:
            in_flight: calls of this provider that have not come back; one probe at a time.
        """
        if self._open_until_us is None:
            return None
        return max(0, 1 - in_flight) if now_us >= self._open_until_us else 0

    @property
    def is_open(self) -> bool:
        """Whether the provider is left alone, or being probed."""
        return self._open_until_us is not None

    def told(self, now_us: int, healthy: bool) -> None:
        """Takes how a call ended. Any answer about the message itself is healthy, a refusal too."""
        if self._open_until_us is not None:
            if now_us >= self._open_until_us:
                self._probed(now_us, healthy)
            return
        self._calls.append((now_us, healthy))
        since_us = now_us - timedelta(seconds=self._policy.window_s) // _MICROSECOND
        while self._calls[0][0] <= since_us:
            self._calls.popleft()
        failed = sum(not healthy for _, healthy in self._calls)
        if len(self._calls) >= self._policy.min_calls and failed >= self._policy.failing_share * len(self._calls):
            self._open(now_us)

    def _probed(self, now_us: int, healthy: bool) -> None:
        if healthy:
            self._open_until_us, self._failed_probes = None, 0
        else:
            self._failed_probes += 1
            self._open(now_us)

    def _open(self, now_us: int) -> None:
        # 2**30 first waits are past every longest one
        seconds = min(self._policy.open_s * 2 ** min(self._failed_probes, 30), self._policy.longest_open_s)
        self._open_until_us = now_us + timedelta(seconds=seconds) // _MICROSECOND
        self._calls.clear()
