"""`Idempotency-Key`: a repeated request is answered as the first was, and does nothing.

The answer is kept in the transaction that posts what the request brought, so there is no moment at which one is
durable and the other is not. Only what was taken (2xx) is kept: a refused request may be mended and sent again. Keys
belong to an API key and hold for 24 hours; within a batch nothing else looks for repetitions, ids are settled by the
engine. Source: the IETF draft "The Idempotency-Key HTTP Header Field".
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import KEY, body_of, header
from tactful.api.problems import Problem
from tactful.api.pulse import DAY_S
from tactful.api.service import Service
from tactful.clock import SECOND_US
from tactful.events.letters import bundle
from tactful.stores.protocols import Answer
from tactful.stores.sqlite import SqliteStore

HEADER: Final = "Idempotency-Key"
_HEADER: Final = HEADER.lower().encode()
REPLAYED: Final = "Idempotency-Replayed"
_LONGEST: Final = 255


async def post_once(
    request: Request, service: Service, records: Sequence[bytes], body: bytes, status: int = 202
) -> Response:
    """Posts encoded records and returns an answer with this JSON body, when they are durable.

    Raises:
        Problem: 400 a key that is no key, 409 the same request is under way, 422 the key was used for another one.
    """
    told = header(request, _HEADER)
    if not told:
        await service.intake.post(records)
        return Response(body, status, media_type="application/json")
    if len(told) > _LONGEST:
        raise Problem(400, "bad-key", f"got an {HEADER} of {len(told)} characters, expected {_LONGEST} at most")
    request_key = _hash(request.scope.get(KEY, "").encode(), told.encode())
    if request_key in service.answering:
        why = f"a request with this {HEADER} is under way; ask again when it is answered"
        raise Problem(409, "under-way", why, headers={"Retry-After": "1"})
    asked = f"{request.method} {request.url.path}?{request.url.query}"
    mine = Answer(service.clock.now_us(), _hash(asked.encode(), await body_of(request)), status, body)
    service.answering.add(request_key)
    try:
        known = await service.intake.write(lambda store: _first(store, request_key, mine, records))
    finally:
        service.answering.discard(request_key)
    if known is None:
        return Response(body, status, media_type="application/json")
    if known.fingerprint != mine.fingerprint:
        why = f"got an {HEADER} that was used for another request within 24 hours, expected a new one"
        raise Problem(422, "key-reused", why)
    return Response(known.body, known.status, {REPLAYED: "true"}, "application/json")


def _first(store: SqliteStore, request_key: bytes, mine: Answer, records: Sequence[bytes]) -> Answer | None:
    """Posts and keeps the answer, or returns the one that is known; part of the open transaction."""
    known = store.answer(request_key)
    if known is not None and known.at_us > mine.at_us - DAY_S * SECOND_US:
        return known
    store.keep_answer(request_key, mine)
    store.post([bundle(records)])
    return None


def _hash(*parts: bytes) -> bytes:
    state = blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()
