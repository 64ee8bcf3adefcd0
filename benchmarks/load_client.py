"""An app that posts events for `load_and_faults`, as a good client does: each with an id, repeated until acknowledged.

Every second batch is repeated under an `Idempotency-Key`, the others by the ids of their events alone.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from time import monotonic
from typing import Final, NamedTuple

import httpx
import msgspec
import numpy as np

from tactful import draws

BATCH: Final = 50
ALERT: Final = "security_alert"
KINDS: Final = ((0.04, ALERT), (0.30, "new_follower"), (0.64, "recommendation"), (1.0, "comment_digest"))
"""Event types, by the upper end of their share: a few sent at once, the others ranked against the threshold."""
_PAYLOAD: Final = {
    ALERT: {"what": "A new device signed in", "url": "https://app.invalid/security"},
    "new_follower": {"follower_name": "Ada Lovelace", "url": "https://app.invalid/ada"},
    "recommendation": {"title": "Something to read", "url": "https://app.invalid/read"},
    "comment_digest": {"post_title": "My holidays", "url": "https://app.invalid/post"},
}
_UPPER: Final = [upper for upper, _ in KINDS]
_TOLD: Final = {kind: msgspec.json.encode(payload).decode() for kind, payload in _PAYLOAD.items()}
_MOST_OPEN: Final = 2000
_AGAIN_S: Final = 0.25
_PATIENCE_S: Final = 5.0


class Posted(NamedTuple):
    """A batch that was acknowledged: when it was to be posted, and how long the acknowledgement took, seconds."""

    due_s: float
    took_s: float


class Client:
    """Makes events `e0`, `e1`, ... of so many people, and posts them.

    Attributes:
        acknowledged: for each event, 1 once it was answered with 202.
        alerts: when the events that are decided on arrival were acknowledged, by number.
        answers: how often each status was told, and `broken` for connections that gave none.
    """

    def __init__(self, http: httpx.AsyncClient, people: int, seed: int) -> None:
        self._http, self._people, self._seed = http, people, seed
        self.acknowledged = bytearray()
        self.alerts: dict[int, float] = {}
        self.batches: list[Posted] = []
        self.answers: Counter[str] = Counter()

    async def flood(self, seconds: float, at_once: int) -> None:
        """Posts as fast as acknowledgements come, some batches at once."""
        until = monotonic() + seconds

        async def one_by_one() -> None:
            while monotonic() < until:
                await self._post(monotonic())

        await asyncio.gather(*(one_by_one() for _ in range(at_once)))

    async def drive(self, per_second: float, seconds: float) -> None:
        """Posts at a rate, however long answers take, and returns when everything is acknowledged."""
        begun, under_way = monotonic(), set[asyncio.Task[None]]()
        for number in range(round(per_second * seconds / BATCH)):
            due_s = begun + number * BATCH / per_second
            await asyncio.sleep(max(0.0, due_s - monotonic()))
            if len(under_way) >= _MOST_OPEN:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._post(due_s))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _post(self, due_s: float) -> None:
        first = len(self.acknowledged)
        self.acknowledged.extend(bytes(BATCH))
        kinds, body = self._batch(first)
        headers = {"Content-Type": "application/x-ndjson"}
        if first // BATCH % 2:
            headers["Idempotency-Key"] = f"batch-{first}"
        await self._until_acknowledged(body, headers)
        now_s = monotonic()
        self.acknowledged[first : first + BATCH] = b"\1" * BATCH
        self.alerts |= {first + i: now_s for i, kind in enumerate(kinds) if kind == ALERT}
        self.batches.append(Posted(due_s, now_s - due_s))

    async def _until_acknowledged(self, body: bytes, headers: dict[str, str]) -> None:
        while True:
            try:
                told = await self._http.post("/v1/events", content=body, headers=headers)
            except httpx.TransportError:
                self.answers["broken"] += 1
                await asyncio.sleep(_AGAIN_S)
                continue
            self.answers[str(told.status_code)] += 1
            if told.status_code == 202:
                assert told.json()["accepted"] == BATCH, told.text
                return
            assert told.status_code in (409, 429, 503), told.text
            await asyncio.sleep(min(float(told.headers.get("retry-after", _AGAIN_S)), _PATIENCE_S))

    def _batch(self, first: int) -> tuple[list[str], bytes]:
        """The types of a batch of events, and its body."""
        numbers = np.arange(first, first + BATCH)
        places = np.searchsorted(_UPPER, draws.uniform(self._seed, numbers, 0, "kind"), side="right")
        people = draws.bits(self._seed, numbers, 0, "user") % np.uint64(self._people)
        kinds = [KINDS[place][1] for place in places.tolist()]
        now = datetime.now(UTC).isoformat()  # told by the client, so that a repetition says the same
        rows = (
            f'{{"candidate_id":"e{number}","user_id":"u{user}","type":"{kind}","created_at":"{now}","payload":{_TOLD[kind]}}}'
            for number, user, kind in zip(numbers.tolist(), people.tolist(), kinds, strict=True)
        )
        return kinds, "\n".join(rows).encode()
