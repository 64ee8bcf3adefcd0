"""Bounds the whole time of a call over HTTP/1.1: a server that sends a byte now and then holds up no thread.

An HTTP client's timeout is for the next bytes. Here each wait ends, at the latest, when the call's own time is up. Over
HTTP/2 several calls share a connection, and one that gave up would end the others with it: they have the plain timeout.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

from tactful.delivery.guard import SocketOption


class Deadlines(threading.local):
    """When the call that this thread makes must be over."""

    at_s: float = float("inf")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Gives what is done inside so long in all."""
        self.at_s = time.monotonic() + seconds
        try:
            yield
        finally:
            self.at_s = float("inf")

    def left(self, timeout: float | None) -> float:
        """Returns how long the next wait may take; 0 or less if the time is up."""
        left = self.at_s - time.monotonic()
        return left if timeout is None else min(timeout, left)


class TimedBackend(httpcore.NetworkBackend):
    """Opens connections whose waits end with their call."""

    def __init__(self, inner: httpcore.NetworkBackend, deadlines: Deadlines) -> None:
        self._inner, self._deadlines = inner, deadlines

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects, and hurries what is read and written."""
        left = self._deadlines.left(timeout)
        if left <= 0:
            raise httpcore.ConnectTimeout("the call's time is up")
        return _Timed(self._inner.connect_tcp(host, port, left, local_address, socket_options), self._deadlines)


class _Timed(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadlines: Deadlines) -> None:
        self._inner, self._deadlines = inner, deadlines

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._deadlines.left(timeout)
        if left <= 0:
            raise httpcore.ReadTimeout("the call's time is up")
        return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._deadlines.left(timeout)
        if left <= 0:
            raise httpcore.WriteTimeout("the call's time is up")
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadlines.left(timeout)
        if left <= 0:
            raise httpcore.ConnectTimeout("the call's time is up")
        return _Timed(self._inner.start_tls(ssl_context, server_hostname, left), self._deadlines)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
