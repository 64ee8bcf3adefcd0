"""`POST /v1/cloudevents`: CloudEvents 1.0 over HTTP, structured, in batches, and binary.

A CloudEvent of another type than ours is an event that somebody could be told about: `subject` is who, the last part of
`type` names the event type, `data` is its payload. Ours (`tactful.engagement`, `tactful.user`, `tactful.cancel`) carry
in `data` what the endpoint of that name takes. `source` and `id` together are the id, as the specification has it, so
that an event may be sent again without harm.

Source: CloudEvents 1.0.2, its JSON format and HTTP protocol binding.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint, body_of, header
from tactful.api.problems import Problem
from tactful.api.rows import LONGEST_ID, Taken, Told, take_rows
from tactful.api.service import Service
from tactful.errors import InvalidRecord
from tactful.events.records import Cancel, Candidate, Engagement, Identifier, Input, Instant, User

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "ce-"


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One CloudEvent. Extensions of ours: `expiresat`, `groupkey`, `cancelkey`; others are not read."""

    specversion: str
    id: Identifier
    source: Identifier
    type: Identifier
    subject: str | None = None
    time: Instant | None = None
    datacontenttype: str = "application/json"
    data: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))
    data_base64: str | None = None
    expiresat: Instant | None = None
    groupkey: str = ""
    cancelkey: str = ""


_EVENT: Final = msgspec.json.Decoder(CloudEvent)
_DATA: Final = msgspec.json.Decoder(dict[str, Any])


def read_structured(data: bytes, now: datetime) -> Told:
    """Returns what one CloudEvent in the JSON format says.

    Raises:
        InvalidRecord: it is of another version, or says what cannot be read.
        msgspec.MsgspecError: it is no CloudEvent.
    """
    return told(_EVENT.decode(data), now)


def read_binary(headers: Mapping[str, str], body: bytes, now: datetime) -> Told:
    """Returns what a CloudEvent says whose attributes are headers and whose data is the body.

    Raises:
        InvalidRecord, msgspec.MsgspecError: as `read_structured`.
    """
    attributes = {name[len(_PREFIX) :]: unquote(value) for name, value in headers.items() if name.startswith(_PREFIX)}
    attributes.pop("data", None)
    attributes.pop("data_base64", None)
    media = headers.get("content-type", "application/json")
    event = msgspec.convert(attributes | {"datacontenttype": media}, CloudEvent, strict=False)
    return told(msgspec.structs.replace(event, data=msgspec.Raw(body or b"{}")), now)


def told(event: CloudEvent, now: datetime) -> Told:
    """Returns the record that a CloudEvent stands for.

    Raises:
        InvalidRecord: as `read_structured`.
    """
    if event.specversion != "1.0":
        raise InvalidRecord(f"got specversion {event.specversion!r}, expected 1.0")
    data = _data(event)
    make = _OURS.get(event.type, _candidate)
    record_id = _id(event)
    try:
        return Told(make(event, data, event.time or now, record_id), record_id)
    except msgspec.ValidationError as error:
        raise InvalidRecord(f"got data that does not fit {event.type}: {error}") from None


def _candidate(event: CloudEvent, data: dict[str, Any], at: datetime, record_id: str) -> Input:
    return Candidate(
        candidate_id=record_id,
        user_id=_subject(event),
        type=event.type.rpartition(".")[2],
        created_at=at,
        expires_at=event.expiresat,
        payload=data,
        group_key=event.groupkey,
        cancel_key=event.cancelkey,
        source=event.source,
    )


def _engagement(event: CloudEvent, data: dict[str, Any], at: datetime, record_id: str) -> Input:
    mine = {"engagement_id": record_id, "user_id": _subject(event), "at": at}
    return msgspec.convert(data | mine, Engagement)


def _user(event: CloudEvent, data: dict[str, Any], at: datetime, record_id: str) -> Input:
    return msgspec.convert(data | {"user_id": _subject(event)}, User)


def _cancel(event: CloudEvent, data: dict[str, Any], at: datetime, record_id: str) -> Input:
    return msgspec.convert(data | {"cancel_id": record_id, "user_id": _subject(event), "at": at}, Cancel)


_Make = Callable[[CloudEvent, dict[str, Any], datetime, str], Input]
_OURS: Final[Mapping[str, _Make]] = {
    "tactful.engagement": _engagement,
    "tactful.user": _user,
    "tactful.cancel": _cancel,
}


def _subject(event: CloudEvent) -> str:
    if not event.subject or len(event.subject) > LONGEST_ID:
        raise InvalidRecord(f"got the subject {event.subject!r}, expected the id of a user: who may be told, or acted")
    return event.subject


def _data(event: CloudEvent) -> dict[str, Any]:
    media = event.datacontenttype.partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise InvalidRecord(f"got data of type {media!r}, expected application/json")
    if event.data_base64 is None:
        return _DATA.decode(event.data)
    try:
        return _DATA.decode(base64.b64decode(event.data_base64, validate=True))
    except ValueError as error:
        raise InvalidRecord(f"got data_base64 that is no base64 ({error})") from None


def _id(event: CloudEvent) -> str:
    """Source and id; where that is too long, a hash of it."""
    name = f"{event.source}#{event.id}"
    return name if len(name) <= LONGEST_ID else blake2b(name.encode(), digest_size=16).hexdigest()


async def post_cloudevents(request: Request, service: Service) -> Response:
    """Takes CloudEvents, in the mode that the headers say.

    Raises:
        Problem: 415 for none of the modes; else as `rows.take_rows`.
    """
    media = header(request, b"content-type").partition(";")[0].strip().lower()
    body = await body_of(request)
    if media == STRUCTURED:
        return await take_rows(request, service, [(1, body)], read_structured)
    if media == BATCHED:
        return await take_rows(request, service, members(body, service.settings.api.batch_rows), read_structured)
    if "ce-specversion" in request.headers:
        headers = dict(request.headers)
        return await take_rows(request, service, [(1, body)], lambda data, now: read_binary(headers, data, now))
    raise Problem(
        415,
        "media-type",
        f"got the media type {media[:80]!r} without ce- headers, expected {STRUCTURED}, {BATCHED}, or ce-specversion "
        "and the other attributes as headers",
    )


def members(body: bytes, most: int, name: str = "") -> list[tuple[int, bytes]]:
    """Returns the members of a JSON list, or of the list under a name of an object, with their numbers, from 1.

    Raises:
        Problem: 400 for what is no such list, 413 for too many.
    """
    try:
        whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])[name] if name else body
        found = msgspec.json.decode(whole, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError) as error:
        where = f" under {name!r}" if name else ""
        raise Problem(400, "not-json", f"got what is no JSON list{where} ({error})") from None
    if len(found) > most:
        why = f"got {len(found):,} members, expected {most:,} at most (api.batch_rows); send several batches"
        raise Problem(413, "too-many-rows", why)
    return [(number, bytes(member)) for number, member in enumerate(found, 1)]


ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/cloudevents", post_cloudevents, "ingest",
        "Takes CloudEvents 1.0: one (structured or binary) or a batch.",
        CloudEvent, {202: Taken}, media=(STRUCTURED,),
    ),
)  # fmt: skip
"""What this file adds to the service."""
