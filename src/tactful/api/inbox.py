"""The in-app inbox: a person's messages, a stream of new ones, and what she did with them.

The app's server comes with an API key, its client with the person's own token (`POST /v1/users/{user_id}/tokens`).
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tactful import draws
from tactful.api.endpoint import OWN_TOKEN, Endpoint, Scope, answer, header
from tactful.api.limits import admit
from tactful.api.problems import Problem
from tactful.api.query import parameters, whole
from tactful.api.secret import secret_of
from tactful.api.service import Service
from tactful.api.tokens import read
from tactful.clock import from_us
from tactful.delivery.channels.inbox import NEVER_US, decode
from tactful.events.records import Engagement, EngagementKind, encode
from tactful.stores.protocols import InboxDeed, InboxRow
from tactful.stores.sqlite import SqliteStore

_HEARTBEAT_S: Final = 20.0
"""Less than the half minute after which proxies let go of a connection on which nothing moves."""
_MOST: Final = 200
_AT_ONCE: Final = 100
_LARGEST_SEQ: Final = 2**63 - 1
_KIND: Final[dict[InboxDeed, EngagementKind]] = {"seen": "view", "read": "open", "clicked": "click"}


class InboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """One message. What she has not done yet is null; a later message replaces those with its `collapse_key`."""

    seq: int
    decision_id: str
    type: str
    title: str
    body: str
    link: str
    collapse_key: str
    at: datetime
    expires_at: datetime | None
    seen_at: datetime | None
    read_at: datetime | None
    clicked_at: datetime | None


class InboxPage(msgspec.Struct, frozen=True):
    """Messages, the newest first; `next_before` gives the page behind this one, null if it is the last."""

    messages: list[InboxItem]
    unread: int
    next_before: int | None


async def list_inbox(request: Request, service: Service) -> Response:
    """Returns a page of a person's inbox."""
    user_key = _admitted(request, service, "read")
    given = parameters(request, ("limit", "before", OWN_TOKEN))
    limit, now_us = whole(given, "limit", 50, 1, _MOST), service.clock.now_us()
    before = whole(given, "before", _LARGEST_SEQ, 1, _LARGEST_SEQ)
    rows, unread = await service.ask(
        lambda store: (store.inbox_of(user_key, now_us, limit + 1, before), store.inbox_unread(user_key, now_us))
    )
    shown = rows[:limit]
    return answer(InboxPage([_item(row) for row in shown], unread, shown[-1].seq if len(rows) > limit else None))


async def stream_inbox(request: Request, service: Service) -> Response:
    """Streams new messages, and how many are unread whenever that changes, as server-sent events."""
    user_key = _admitted(request, service, "read")
    given = parameters(request, ("after", OWN_TOKEN))
    told = header(request, b"last-event-id")
    last = int(told) if told.isascii() and told.isdigit() and len(told) < 19 else None
    after = whole(given, "after", -1, 0, _LARGEST_SEQ) if last is None else last
    if after < 0:
        after = await service.ask(lambda store: store.inbox_last())
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(service, user_key, after), headers=headers, media_type="text/event-stream")


async def _events(service: Service, user_key: int, after: int) -> AsyncIterator[bytes]:
    """The text of the stream; a comment now and then shows that it is alive."""
    told_unread: int | None = None
    with service.inbox.listen(user_key, service) as changed:
        while True:
            changed.clear()
            now_us = service.clock.now_us()
            rows, unread = await service.ask(partial(_news, user_key, after, now_us))
            for row in rows:
                after = row.seq
                if row.expires_us > now_us:
                    yield _event("message", msgspec.json.encode(_item(row)), row.seq)
            if unread != told_unread:
                told_unread = unread
                yield _event("unread", msgspec.json.encode({"unread": unread}))
            if len(rows) == _AT_ONCE:
                continue
            try:
                await asyncio.wait_for(changed.wait(), _HEARTBEAT_S)
            except TimeoutError:
                yield b": still here\n\n"


def _news(user_key: int, after: int, now_us: int, store: SqliteStore) -> tuple[list[InboxRow], int]:
    return store.inbox_after(after, _AT_ONCE, user_key), store.inbox_unread(user_key, now_us)


def _event(name: str, data: bytes, seq: int | None = None) -> bytes:
    named = b"" if seq is None else b"id: %d\n" % seq
    return named + b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


async def mark_seen(request: Request, service: Service) -> Response:
    """Notes that a message was shown to her."""
    return await _mark(request, service, "seen")


async def mark_read(request: Request, service: Service) -> Response:
    """Notes that she opened a message."""
    return await _mark(request, service, "read")


async def mark_clicked(request: Request, service: Service) -> Response:
    """Notes that she followed a message's link."""
    return await _mark(request, service, "clicked")


async def _mark(request: Request, service: Service, deed: InboxDeed) -> Response:
    user_key = _admitted(request, service, "ingest")
    parameters(request, (OWN_TOKEN,))
    user_id, decision_id = request.path_params["user_id"], request.path_params["decision_id"]
    at_us = service.clock.now_us()

    def write(store: SqliteStore) -> InboxRow | None:
        row = store.mark_inbox(user_key, draws.key(decision_id), deed, at_us)
        if row is not None:
            store.post([encode(_engagement(row, deed, user_id, decision_id, at_us))])
        return row

    row = await service.intake.write(write)
    if row is None:
        raise Problem(404, "no-such-message", "got a decision of which this person's inbox has no message; list it")
    service.inbox.wake(user_key)
    return answer(_item(row))


def _engagement(row: InboxRow, deed: InboxDeed, user_id: str, decision_id: str, at_us: int) -> Engagement:
    """What the engine is told: at the instant of the first time, so that saying it again is the same record."""
    first_us = {"seen": row.seen_us, "read": row.read_us, "clicked": row.clicked_us}[deed] or at_us
    kind = _KIND[deed]
    return Engagement(
        engagement_id=f"inbox:{kind}:{decision_id}",
        user_id=user_id,
        kind=kind,
        at=from_us(first_us),
        decision_id=decision_id,
        channel="in_app",
    )


def _admitted(request: Request, service: Service, scope: Scope) -> int:
    """Returns the key of the user whose inbox is asked for, if who asks may.

    A person's token comes as `Authorization: Bearer ...`, or as the parameter `token`.

    Raises:
        Problem: 401 or 403, and what `admit` raises for API keys.
    """
    user_id, now_us = request.path_params["user_id"], service.clock.now_us()
    token = request.query_params.get(OWN_TOKEN) or header(request, b"authorization").partition(" ")[2]
    if "." not in token:  # an API key, which has no signature
        admit(request, scope, service, now_us)
        return draws.key(user_id)
    whose = read(secret_of(service), "client", token, now_us)
    if whose is None:
        raise Problem(401, "bad-token", "got a token that is over or was not made here; ask for another one")
    if whose != user_id:
        raise Problem(403, "no-right", "got a token for another person's inbox, expected one for this")
    return draws.key(user_id)


def _item(row: InboxRow) -> InboxItem:
    kept = decode(row.data)
    return InboxItem(
        seq=row.seq,
        decision_id=kept.decision_id,
        type=kept.type,
        title=kept.title,
        body=kept.body,
        link=kept.link,
        collapse_key=kept.collapse_key,
        at=from_us(row.at_us),
        expires_at=None if row.expires_us >= NEVER_US else from_us(row.expires_us),
        seen_at=None if row.seen_us is None else from_us(row.seen_us),
        read_at=None if row.read_us is None else from_us(row.read_us),
        clicked_at=None if row.clicked_us is None else from_us(row.clicked_us),
    )


_PATH: Final = "/v1/users/{user_id}/inbox"

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        _PATH,
        list_inbox,
        None,
        "Lists a person's in-app inbox.",
        answers={200: InboxPage},
        query={"limit": f"How many at most, up to {_MOST}; 50.", "before": "Only messages with a lower number."},
        or_own="read",
    ),
    Endpoint(
        "GET",
        f"{_PATH}/stream",
        stream_inbox,
        None,
        "Streams new messages and the number of unread ones as server-sent events.",
        query={"after": "Messages behind this number; only new ones by default."},
        shown=False,
        or_own="read",
    ),
    *(
        Endpoint(
            "POST",
            f"{_PATH}/{{decision_id}}/{word}",
            handler,
            None,
            f"Notes that a message was {done}; the engine hears of it.",
            answers={200: InboxItem, 404: Problem},
            or_own="ingest",
        )
        for word, handler, done in (
            ("seen", mark_seen, "shown"),
            ("read", mark_read, "opened"),
            ("click", mark_clicked, "followed"),
        )
    ),
)
