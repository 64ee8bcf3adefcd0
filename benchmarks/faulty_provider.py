"""A provider of messages on 127.0.0.1 that fails, is slow and goes away, and knows what it took (`load_and_faults`).

It speaks enough HTTP/1.1 for the webhook channel. What becomes of a call is a hash of the message's key and of how
often it was called with it, so that two runs treat like messages alike.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from tactful import draws

FAILING: Final = 0.18
"""Share of calls answered 503, with nothing taken."""
CUT: Final = 0.02
"""Share of calls after which the message is taken and the connection ends without an answer: the worst case."""
SLOW_S: Final = 5.0
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


class Provider:
    """Counts calls, and what it took, by path and `webhook-id`.

    Attributes:
        slow: whether answers take `SLOW_S` seconds; a message is taken before that.
        faulty: whether calls fail at all.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.slow = self.faulty = False
        self.calls: Counter[tuple[str, str]] = Counter()
        self.taken: Counter[tuple[str, str]] = Counter()

    async def come(self) -> None:
        """Listens; on the port that it had before, if it had one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def go(self) -> None:
        """Refuses connections from now on, and cuts those that are open."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    await writer.drain()
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one call; False ends the connection."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        await reader.readexactly(int(headers.get("content-length", "0")))
        called = first.split(" ")[1], headers["webhook-id"]
        self.calls[called] += 1
        u = draws.uniform(self._seed, draws.key("".join(called)), self.calls[called], "fate")[0] if self.faulty else 1.0
        if u < FAILING:
            writer.write(_BUSY)
            return True
        self.taken[called] += 1
        if self.slow:
            await asyncio.sleep(SLOW_S)
        if u < FAILING + CUT:
            return False
        writer.write(_TAKEN)
        return True
