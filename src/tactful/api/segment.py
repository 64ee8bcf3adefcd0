"""`POST /v1/segment/{identify,track,page,screen,batch}`: what senders of Segment's format tell.

`identify` is a profile, laid over the one on record, since traits come in parts; `track` is an event that somebody
could be told about, if an event type has its name, else what she did, if it is one of the events in `ACTS`. What is
neither, or of nobody known by a `userId`, is left out with its reason.

Source: the Segment HTTP tracking API and its event specifications.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.cloudevents import members
from tactful.api.decisions import ALWAYS_US
from tactful.api.endpoint import Endpoint, body_of, header
from tactful.api.rows import Taken, Told, new_id, require_json, take_rows
from tactful.api.service import Service
from tactful.errors import InvalidRecord
from tactful.events.records import (
    CHANNELS,
    Candidate,
    Channel,
    Engagement,
    EngagementKind,
    Identifier,
    Instant,
    User,
    decode,
)
from tactful.events.registry import Registry
from tactful.stores.protocols import Store

Call: TypeAlias = Literal["identify", "track", "page", "screen", "group", "alias"]

ACTS: Final[Mapping[str, tuple[EngagementKind, Channel | None]]] = {
    "application_opened": ("session", None),
    "application_uninstalled": ("uninstall", None),
    "push_notification_received": ("receipt", "push"),
    "push_notification_tapped": ("click", "push"),
    "push_notification_dismissed": ("dismiss", "push"),
    "push_notification_bounced": ("bounce", "push"),
    "email_delivered": ("receipt", "email"),
    "email_opened": ("open", "email"),
    "email_link_clicked": ("click", "email"),
    "email_bounced": ("bounce", "email"),
    "email_marked_as_spam": ("complaint", "email"),
    "unsubscribed": ("unsubscribe", "email"),
    "product_viewed": ("view", None),
    "order_completed": ("conversion", None),
}
"""Events by their name in small letters and underscores: the engagement that each is, and through which channel."""

_READ: Final = {"decision_id", "expires_at", "group_key", "cancel_key"}
"""Properties that are ours, and no part of a payload."""


class Message(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One call of Segment's libraries; fields that are not named here are not read."""

    type: Call | None = None
    user_id: Identifier | None = None
    anonymous_id: str | None = None
    message_id: Identifier | None = None
    timestamp: Instant | None = None
    event: str = ""
    name: str = ""
    traits: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}


class Batch(msgspec.Struct, frozen=True):
    """Many calls, each with its `type`."""

    batch: tuple[Message, ...]


_MESSAGE: Final = msgspec.json.Decoder(Message)


def read(data: bytes, now: datetime, *, call: Call | None, registry: Registry, known: Mapping[str, User]) -> Told:
    """Returns what one call says.

    Args:
        data: the call as JSON.
        now: stands for a time that is left out.
        call: which one it is, where the address says so; None where it says so itself.
        registry: tells which names are event types.
        known: the profiles on record, which an `identify` is laid over.

    Raises:
        InvalidRecord: it says nothing that is kept, with the reason.
        msgspec.MsgspecError: it is no such call.
    """
    message = _MESSAGE.decode(data)
    what = call or message.type
    if message.user_id is None:
        raise InvalidRecord("got no userId: people are told by it alone, who has only an anonymousId is not known")
    at, name = message.timestamp or now, message.message_id or new_id()
    try:
        if what == "identify":
            user = profile(message, known.get(message.user_id, User(user_id=message.user_id)))
            return Told(user, message.user_id)
        if what in ("page", "screen"):
            return Told(_act(message, "view", None, name, at), name, message.message_id is None)
        if what == "track":
            return Told(_tracked(message, name, at, registry), name, message.message_id is None)
    except msgspec.ValidationError as error:
        raise InvalidRecord(f"got a call that does not fit a record: {error}") from None
    raise InvalidRecord(f"got a call of type {what!r}, which says nothing of a notification; it was left out")


def profile(message: Message, before: User) -> User:
    """Returns a profile with what the traits say laid over it.

    `email` and `context.device.token` are addresses; `opt_in` and `type_opt_out` are lists of ours; `timezone` and
    `locale` come from the traits or the context; `createdAt` is the signup. Numbers, texts and booleans (0 or 1) of
    other names are attributes, the rest is not kept. Nobody is opted in by having an address.
    """
    traits, context = message.traits, message.context
    device = context.get("device")
    found = {
        "email": traits.get("email"),
        "push": device.get("token") if isinstance(device, dict) else None,
    }
    told: dict[str, Any] = msgspec.to_builtins(before) | {
        "addresses": before.addresses | {channel: address for channel, address in found.items() if address},
        "attributes": before.attributes | _attributes(traits),
    }
    new = {
        "timezone": traits.get("timezone") or context.get("timezone"),
        "locale": traits.get("locale") or context.get("locale"),
        "signup_at": traits.get("createdAt") or traits.get("created_at"),
        "opt_in": traits.get("opt_in"),
        "type_opt_out": traits.get("type_opt_out"),
    }
    return msgspec.convert(told | {name: value for name, value in new.items() if value is not None}, User)


def _attributes(traits: Mapping[str, Any]) -> dict[str, float | str]:
    taken = {"email", "timezone", "locale", "createdAt", "created_at", "opt_in", "type_opt_out"}
    return {
        name: value if isinstance(value, str) else float(value)
        for name, value in traits.items()
        if name not in taken and isinstance(value, str | int | float)
    }


def _tracked(message: Message, name: str, at: datetime, registry: Registry) -> Candidate | Engagement:
    """An event type's candidate, or an engagement."""
    event = re.sub(r"[^a-z0-9]+", "_", message.event.lower()).strip("_")
    if event in registry.names:
        ours = {key: value for key, value in message.properties.items() if key in _READ - {"decision_id"}}
        payload = {key: value for key, value in message.properties.items() if key not in _READ}
        mine = {"candidate_id": name, "user_id": message.user_id, "type": event, "created_at": at}
        return msgspec.convert({**ours, **mine, "payload": payload, "source": "segment"}, Candidate)
    if event not in ACTS:
        raise InvalidRecord(
            f"got the event {message.event[:80]!r}, which no event type is named after and which is none of the "
            "engagements that are known; it was left out"
        )
    kind, channel = ACTS[event]
    return _act(message, kind, channel, name, at)


def _act(message: Message, kind: EngagementKind, channel: Channel | None, name: str, at: datetime) -> Engagement:
    told = message.properties
    worth = told.get("revenue", told.get("value", told.get("total"))) if kind == "conversion" else None
    return msgspec.convert(
        {
            "engagement_id": name,
            "user_id": message.user_id,
            "kind": kind,
            "at": at,
            "decision_id": told.get("decision_id"),
            "channel": told.get("channel") if told.get("channel") in CHANNELS else channel,
            "item": str(told.get("product_id", told.get("item_id", "")))[:255],
            "value": float(worth) if isinstance(worth, int | float) else 0.0,
        },
        Engagement,
    )


def profiles(store: Store, user_ids: Sequence[str]) -> dict[str, User]:
    """Returns the profiles on record of people, as far as the engine has taken them."""
    found = {}
    for user_id in dict.fromkeys(user_ids):
        inputs = store.inputs_of(draws.key(user_id), 0, ALWAYS_US)
        known = [r for i in inputs if isinstance(r := decode(i.data), User)]
        if known:
            found[user_id] = known[-1]
    return found


async def post_call(request: Request, service: Service) -> Response:
    """Takes one call; the end of the address says which."""
    rows = [(1, await _body(request))]
    call: Any = request.url.path.rpartition("/")[2]
    return await _take(request, service, rows, call)


async def post_batch(request: Request, service: Service) -> Response:
    """Takes many calls."""
    rows = members(await _body(request), service.settings.api.batch_rows, "batch")
    return await _take(request, service, rows, None)


async def _take(request: Request, service: Service, rows: list[tuple[int, bytes]], call: Call | None) -> Response:
    who = [user_id for _, data in rows if (user_id := _identified(data, call))]
    known = await service.ask(lambda store: profiles(store, who)) if who else {}
    # one call may be laid over an earlier one of the same request
    return await take_rows(request, service, rows, partial(_laid, call=call, service=service, known=known))


def _laid(data: bytes, now: datetime, *, call: Call | None, service: Service, known: dict[str, User]) -> Told:
    told = read(data, now, call=call, registry=service.registry, known=known)
    if isinstance(told.record, User):
        known[told.record.user_id] = told.record
    return told


def _identified(data: bytes, call: Call | None) -> str | None:
    """Whom a call identifies, None if it does not; what cannot be read is refused later."""
    try:
        message = _MESSAGE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return message.user_id if (call or message.type) == "identify" else None


async def _body(request: Request) -> bytes:
    """The body; browsers' libraries send JSON as text, so that no question goes before it."""
    media = header(request, b"content-type").partition(";")[0].strip().lower()
    if media != "text/plain":
        require_json(media)
    return await body_of(request)


ENDPOINTS: Final = (
    *(
        Endpoint(
            "POST", f"/v1/segment/{call}", post_call, "ingest", f"Takes a Segment `{call}` call.",
            Message, {202: Taken}, media=("application/json", "text/plain"),
        )
        for call in ("identify", "track", "page", "screen")
    ),
    Endpoint(
        "POST", "/v1/segment/batch", post_batch, "ingest", "Takes Segment calls, each with its `type`.",
        Batch, {202: Taken}, media=("application/json", "text/plain"),
    ),
)  # fmt: skip
"""What this file adds to the service."""
