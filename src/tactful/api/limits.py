"""What a request must pass before it is looked at: a key with the right, a pace, a size, an engine that keeps up."""

import asyncio
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.types import Message, Receive

from tactful.api.endpoint import Scope, header
from tactful.api.problems import Problem, too_many
from tactful.clock import SECOND_US

if TYPE_CHECKING:
    from tactful.api.service import Service

NO_KEY: Final = ""
_NAMES: Final = 10_000
"""Buckets held at a time; beyond, the full ones are let go of."""


class Buckets:
    """A token bucket for each name.

    Args:
        per_second: tokens that flow in; 0 is no limit.
        burst: tokens that a bucket holds.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_us, self._burst = per_second / SECOND_US, burst
        self._levels: dict[str, tuple[float, int]] = {}

    def take(self, name: str, now_us: int) -> float:
        """Takes a token and returns 0, or how many seconds it takes until there is one.

        >>> buckets = Buckets(per_second=2.0, burst=1.0)
        >>> buckets.take("a", 0), buckets.take("a", 0), buckets.take("a", SECOND_US)
        (0.0, 0.5, 0.0)
        """
        if not self._per_us:
            return 0.0
        level, at_us = self._levels.get(name, (self._burst, now_us))
        level = min(self._burst, level + max(0, now_us - at_us) * self._per_us)
        left = level - 1.0 if level >= 1.0 else level
        if name not in self._levels and len(self._levels) >= _NAMES:
            self._forget_full(now_us)
        self._levels[name] = left, now_us
        return 0.0 if level >= 1.0 else (1.0 - level) / (self._per_us * SECOND_US)

    def _forget_full(self, now_us: int) -> None:
        since = self._burst / self._per_us
        self._levels = {name: each for name, each in self._levels.items() if now_us - each[1] < since}
        if len(self._levels) >= _NAMES:
            self._levels.clear()


def is_loopback(host: str) -> bool:
    """Returns whether an address is reached from this machine only.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.com")]
    [True, True, True, False, False]
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(maxsize=256)
def is_foreign(host: str) -> bool:
    """Returns whether a `Host` header names a public host: a page of that host could ask in a browser's name.

    >>> [is_foreign(host) for host in ("127.0.0.1:8000", "[::1]:8000", "localhost", "evil.example:8000", "10.0.0.7")]
    [False, False, False, True, True]
    """
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return not is_loopback(name) and ("." in name or ":" in name)


def admit(request: Request, scope: Scope | None, service: "Service", now_us: int) -> str:
    """Returns the id of the key that a request came with, "" where none is asked for.

    Wrong keys are limited by address. A right one always passes: otherwise whoever shares a proxy with somebody who
    guesses would be shut out, and 256 bits are not guessed.

    Raises:
        Problem: 401 without a key in force, 403 without the right, or by a public name while no key is asked for, 429
            too fast, or faster than the engine.
    """
    if scope is None:
        return NO_KEY
    key_id = NO_KEY
    if service.keys.is_open:
        if is_foreign(header(request, b"host")):
            why = "got a public host name, expected this machine's while no key is there; make one: tactful key new"
            raise Problem(403, "foreign-host", why)
    else:
        key = service.keys.find(header(request, b"authorization"))
        if key is None:
            raise _without_key(request, service, now_us)
        key_id = key.key_id
        if scope not in key.scopes:
            raise Problem(
                403,
                "no-right",
                f"got key {key_id} with the right to {', '.join(key.scopes)}, expected one with {scope}; "
                f"make one with: tactful key new --scope {scope}",
            )
    if wait_s := service.pace.take(key_id, now_us):
        raise too_many("too-fast", "got more requests a second than api.requests_per_second; slow down", wait_s)
    if scope == "ingest" and (why := service.pulse.behind(service.settings.api, now_us)):
        raise too_many("behind", f"{why}; nothing of this request was taken: send it again later", 5.0)
    return key_id


def _without_key(request: Request, service: "Service", now_us: int) -> Problem:
    address = request.client.host if request.client else ""
    service.telemetry.count("api.wrong_keys")
    if wait_s := service.wrong_keys.take(address, now_us):
        return too_many("wrong-keys", "got too many wrong keys from this address; check the key, then wait", wait_s)
    return Problem(
        401,
        "no-key",
        "got no key in force, expected a header 'Authorization: Bearer tact_...'; make one with: tactful key new",
        headers={"WWW-Authenticate": "Bearer"},
    )


def limited(receive: Receive, most_bytes: int, most_seconds: float) -> Receive:
    """Returns what receives the body of a request, and ends it with 413 when it is too long, with 408 when too slow."""
    taken, until_s = 0, 0.0

    async def counted() -> Message:
        nonlocal taken, until_s
        until_s = until_s or asyncio.get_running_loop().time() + most_seconds
        try:
            async with asyncio.timeout_at(until_s):
                message = await receive()
        except TimeoutError:
            raise _too_slow(most_seconds) from None
        taken += len(message.get("body", b""))
        if taken > most_bytes:
            raise _too_long(most_bytes)
        return message

    return counted


def refuse_long(request: Request, most_bytes: int) -> None:
    """Refuses a body that says itself that it is too long, before it is read.

    Raises:
        Problem: 413.
    """
    announced = header(request, b"content-length")
    if announced.isdigit() and int(announced) > most_bytes:
        raise _too_long(most_bytes)


def _too_slow(most_seconds: float) -> Problem:
    return Problem(
        408,
        "too-slow",
        f"got no whole body within {most_seconds:g} s (api.body_seconds); send it at once, or fewer rows at a time",
        headers={"Connection": "close"},
    )


def _too_long(most_bytes: int) -> Problem:
    return Problem(
        413,
        "too-long",
        f"got a body longer than {most_bytes:,} bytes (api.body_kib); send fewer rows at a time",
        headers={"Connection": "close"},
    )
