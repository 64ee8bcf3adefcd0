"""`POST /v1/shadow/sends`: what another sender sent just now, kept for `tactful shadow`; nothing is decided by it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint, answer
from tactful.api.problems import Problem
from tactful.api.rows import Rejected, Taken, rows_of
from tactful.api.service import Service
from tactful.clock import from_us, to_us
from tactful.errors import UnknownEventType
from tactful.events.records import Channel, Identifier, Instant
from tactful.events.registry import Registry
from tactful.runtime import erasing
from tactful.runtime.shadowing.sent import Sent, derived_id, row_of
from tactful.stores.sqlite import SqliteStore


class ShadowSend(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message that another sender sent.

    `at` is now by default; with it the message may be told again without harm. `candidate_id` is that of the event that
    it told of, if the event was posted. What she did with it is told as for every message (`POST /v1/engagements`).
    """

    user_id: Identifier
    type: Identifier
    channel: Channel
    candidate_id: Identifier | None = None
    at: Instant | None = None


_DECODER: Final = msgspec.json.Decoder(ShadowSend)


async def post_shadow_sends(request: Request, service: Service) -> Response:
    """Takes one message of another sender, or a batch, and answers when they are durable."""
    rows = await rows_of(request, service.settings.api.batch_rows)
    now = from_us(service.clock.now_us())
    sends, rejected = _read(rows, service.registry, now)
    if rejected and await service.types_changed():
        sends, rejected = _read(rows, service.registry, now)
    if not sends:
        detail = rejected[0].detail if rejected else "got no row, expected one JSON object a line"
        raise Problem(422 if rejected else 400, "invalid" if rejected else "no-rows", detail, {"rejected": rejected})
    await service.intake.write(lambda store: _keep(store, sends))
    return answer(Taken(len(sends), [one.candidate_id for one in sends], 0, rejected), 202)


def _read(rows: Iterable[tuple[int, bytes]], registry: Registry, now: datetime) -> tuple[list[Sent], list[Rejected]]:
    """The good rows, and why the others are refused."""
    sends, rejected = [], []
    for row, line in rows:
        try:
            told = _DECODER.decode(line)
            registry.index(told.type)
            sends.append(_sent(told, min(to_us(told.at or now), to_us(now))))
        except (UnknownEventType, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            rejected.append(Rejected(row, str(error)[:300]))
    return sends, rejected


def _sent(told: ShadowSend, at_us: int) -> Sent:
    candidate_id = told.candidate_id or derived_id(told.user_id, at_us, told.type, told.channel)
    return Sent(at_us, told.user_id, candidate_id, told.type, told.channel, known_us=at_us)


def _keep(store: SqliteStore, sends: Sequence[Sent]) -> None:
    """Part of the open transaction; nothing of people who were erased."""
    store.put_shadow_sends([row_of(one) for one in sends if erasing.erased_at(store, one.user_id) is None])


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/shadow/sends",
        post_shadow_sends,
        "ingest",
        "Takes a message that another sender sent, or NDJSON with one a line, to compare with (tactful shadow).",
        ShadowSend,
        {202: Taken, 422: Problem},
    ),
)
"""What this file adds to the service."""
