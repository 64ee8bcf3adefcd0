"""What a request brings, row by row: one JSON document, or NDJSON. A bad row is refused alone, with its reason.

A request of which something was taken is answered with 202; the body says which rows were refused. One of which nothing
was taken is a problem: 400 for what is no JSON, else 422.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import body_of, header
from tactful.api.idempotency import post_once
from tactful.api.problems import Problem
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.errors import TactfulError, UnknownEventType
from tactful.events.records import Input, encode
from tactful.events.registry import Registry
from tactful.runtime.intake import checked

BATCH_TYPES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
LONGEST_ID: Final = 255
"""Characters of an id, as in `records.Identifier`."""
_SHOWN: Final = 300
"""Characters of a reason that are told; values in it may be long."""


class Told(NamedTuple):
    """What a row says; `generated` where it brought no id and was given one."""

    record: Input
    id: str
    generated: bool = False


Read: TypeAlias = Callable[[bytes, datetime], Told]
"""Reads one row; the instant is now."""


class Rejected(msgspec.Struct, frozen=True):
    """A row that was not taken; the first is 1."""

    row: int
    detail: str


class Taken(msgspec.Struct, frozen=True):
    """What became of a request: `ids` of what was taken, in order; `generated` of them were given here.

    What has an id of its own may be sent again without harm; what was given one would be another event.
    """

    accepted: int
    ids: list[str]
    generated: int = 0
    rejected: list[Rejected] = []


async def take(request: Request, service: Service, read: Read) -> Response:
    """Takes the rows of a request, and answers when they are durable.

    Raises:
        Problem: nothing was taken, or the request carries more rows than allowed, or another media type.
    """
    return await take_rows(request, service, await rows_of(request, service.settings.api.batch_rows), read)


async def take_rows(request: Request, service: Service, rows: Sequence[tuple[int, bytes]], read: Read) -> Response:
    """Takes rows that came with a request, each under its number, and answers when they are durable.

    Raises:
        Problem: nothing was taken.
    """
    now = from_us(service.clock.now_us())
    found = sort(rows, read, service.registry, now)
    if found.strange and await service.types_changed():
        found = sort(rows, read, service.registry, now)
    if not found.data:
        raise _nothing(found)
    body = msgspec.json.encode(found.taken)
    service.telemetry.count("api.records", len(found.data))
    service.telemetry.count("api.rejected", len(found.taken.rejected))
    return await post_once(request, service, found.data, body)


class Sorted(NamedTuple):
    """Rows told apart: the encoded records of good ones; whether one was of an unknown type, or no JSON."""

    data: list[bytes]
    taken: Taken
    strange: bool
    unreadable: bool


def sort(rows: Iterable[tuple[int, bytes]], read: Read, registry: Registry, now: datetime) -> Sorted:
    """Reads and checks rows: each becomes an encoded record, or a reason."""
    data, ids, rejected = [], [], []
    generated, strange, unreadable = 0, False, False
    for row, line in rows:
        try:
            told = read(line, now)
            checked(told.record, registry)
            data.append(encode(told.record))
        except UnknownEventType as error:
            strange = True
            rejected.append(Rejected(row, str(error)[:_SHOWN]))
        except (TactfulError, msgspec.ValidationError) as error:
            rejected.append(Rejected(row, str(error)[:_SHOWN]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            unreadable = True
            rejected.append(Rejected(row, f"got what is no JSON ({str(error)[:_SHOWN]})"))
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            rejected.append(Rejected(row, f"got a value that cannot be stored ({str(error)[:_SHOWN]})"))
        else:
            ids.append(told.id)
            generated += told.generated
    return Sorted(data, Taken(len(data), ids, generated, rejected), strange, unreadable)


async def rows_of(request: Request, most: int) -> list[tuple[int, bytes]]:
    """Returns the rows of a request's body with their numbers, from 1; blank lines are no rows.

    Raises:
        Problem: another media type, or too many rows.
    """
    media = header(request, b"content-type").partition(";")[0].strip().lower()
    body = await body_of(request)
    if media in BATCH_TYPES:
        rows = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
        if len(rows) > most:
            why = f"got {len(rows):,} rows, expected {most:,} at most (api.batch_rows); send several batches"
            raise Problem(413, "too-many-rows", why)
        return rows
    require_json(media)
    return [(1, body)]


def require_json(media: str) -> None:
    """Refuses a body of another media type: a form may be posted by any page that a browser shows.

    Raises:
        Problem: 415.
    """
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        why = f"got the media type {media[:80]!r}, expected application/json, or application/x-ndjson for a batch"
        raise Problem(415, "media-type", why)


def new_id() -> str:
    """Returns an id for what came without one."""
    return os.urandom(16).hex()


def _nothing(found: Sorted) -> Problem:
    rejected = found.taken.rejected
    if not rejected:
        return Problem(400, "no-rows", "got no row, expected one JSON object a line")
    kind, status = ("not-json", 400) if found.unreadable and len(rejected) == 1 else ("invalid", 422)
    detail = rejected[0].detail if len(rejected) == 1 else f"none of {len(rejected)} rows was taken; see each"
    return Problem(status, kind, detail, {"rejected": rejected})
