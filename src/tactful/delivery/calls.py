"""One HTTP call to a provider: what surely did not arrive is an outcome, what may have arrived is raised.

It is written on httpcore, under httpx: there the guard against private networks sits where a socket is opened. A
redirect is an answer like any other, never followed.
"""

import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import httpcore

from tactful.clock import from_us
from tactful.delivery.deadline import Deadlines, TimedBackend
from tactful.delivery.guard import GuardedBackend
from tactful.delivery.protocol import Failed, RetryAfter
from tactful.errors import PrivateAddress

MAX_ANSWER_BYTES = 65_536
"""Of a longer answer the rest is not read: no provider says more, and a hostile one could go on for ever."""

LONGEST_WAIT = timedelta(days=1)
"""A provider that asks for more is asked again after a day."""

_NOT_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_KEEP_S = 60.0


class Answer(NamedTuple):
    """What a provider answered; the names of headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_busy(self) -> bool:
        """Whether the same request may be taken later: it took too long, was too many, or the server is ill."""
        return self.status in (408, 425, 429) or self.status >= 500


class Caller:
    """Posts to providers over connections that it keeps; may be used from several threads at once.

    Args:
        timeout_s: over HTTP/1.1 the longest call; over HTTP/2 the longest wait for a connection, and for the next bytes
            of an answer.
        guarded: whether private networks are out of bounds (`tactful.delivery.guard`).
        http2: whether HTTP/2 alone is spoken (APNs and FCM), or HTTP/1.1 alone.
        tls: whom to trust; by default whom the machine trusts.
    """

    def __init__(
        self,
        timeout_s: float = 10.0,
        guarded: bool = False,
        http2: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_s = float("inf") if http2 else timeout_s
        self._extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)}
        self._deadlines = Deadlines()
        opened = GuardedBackend() if guarded else httpcore.SyncBackend()
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            keepalive_expiry=_KEEP_S,
            http1=not http2,
            http2=http2,
            network_backend=TimedBackend(opened, self._deadlines),
        )

    def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer | RetryAfter | Failed:
        """Returns the answer, or how the message fares that surely never left.

        Raises:
            Exception: if the call broke off, so that nobody knows whether the message arrived.
        """
        named: list[tuple[bytes | str, bytes | str]] = list(headers.items())
        try:
            with (
                self._deadlines.within(self._timeout_s),
                self._pool.stream("POST", url, headers=named, content=body, extensions=self._extensions) as got,
            ):
                names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in got.headers}
                return Answer(got.status, names, _beginning(got))
        except _NOT_SENT as error:
            return RetryAfter(detail=f"no connection: {type(error).__name__}")
        except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError) as error:
            return Failed(f"no request can be made of it: {type(error).__name__}")
        except PrivateAddress as error:
            return Failed(str(error))

    def close(self) -> None:
        """Ends the connections."""
        self._pool.close()


def url_parts(url: str, schemes: Sequence[str] = ("https",)) -> SplitResult:
    """Returns the parts of a URL that may be called.

    Raises:
        ValueError: for another scheme, no host, a user name, or a character that could end the line of a request.

    >>> url_parts("https://push.example.com/send/abc").netloc
    'push.example.com'
    """
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme not in schemes or not parts.hostname or parts.username is not None or parts.port == 0:
        raise ValueError("no URL that may be called")
    return parts


def asked_wait(answer: Answer, now_us: int, otherwise: timedelta = timedelta(0)) -> timedelta:
    """Returns the wait that `Retry-After` asks for, in seconds or as a date; `otherwise` where it says nothing.

    >>> asked_wait(Answer(429, {"retry-after": "120"}, b""), 0)
    datetime.timedelta(seconds=120)
    """
    said = answer.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(timedelta(seconds=int(said[:9])), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(said) - from_us(now_us)
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return otherwise
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _beginning(got: httpcore.Response) -> bytes:
    """What can be read of an answer's body; its status is known already, so that one cut short leaves no doubt."""
    parts, size = [], 0
    with suppress(httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError):
        for part in got.iter_stream():
            parts.append(part)
            size += len(part)
            if size >= MAX_ANSWER_BYTES:
                break
    return b"".join(parts)[:MAX_ANSWER_BYTES]
