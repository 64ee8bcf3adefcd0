"""What a person's own device reports: sessions, receipts, clicks, dismissals, permission, and where it can be reached.

Each report comes with her token (`tokens.py`), so a device speaks for its person alone. The body is plain text that
holds JSON and any origin may read the answer: browsers then ask for no leave beforehand, and no cookie is needed.

Permission is *granted*, *denied* or unknown: `default` and no report are both unknown, and unknown is never taken for
granted. It opens nothing, and closes nothing that the app says is open.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.endpoint import Endpoint, answer, body_of
from tactful.api.messages import found
from tactful.api.problems import Problem, too_many
from tactful.api.secret import secret_of
from tactful.api.service import Service
from tactful.api.tokens import read
from tactful.clock import from_us
from tactful.events.records import CHANNELS, Engagement, Input, Instant, Preferences, Suppression, decode, encode
from tactful.runtime import choices
from tactful.stores.sqlite import SqliteStore

DeviceChannel: TypeAlias = Literal["push", "web_push", "in_app"]
_SNIPPET: Final = Path(__file__).parent / "snippet"
_MOST_BYTES: Final = 64 * 1024
_OLDEST: Final = timedelta(days=30)
"""What a device reports later than this counts from then on."""
_ALWAYS_US: Final = 1 << 62


class _Reported(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """`id` is the device's own name for the report: repeated, it counts once."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    at: Instant | None = None


class Session(_Reported, frozen=True, kw_only=True, tag="session"):
    """She came into the app."""


class _OfMessage(_Reported, frozen=True, kw_only=True):
    """Something that became of a message to her."""

    decision_id: Annotated[str, msgspec.Meta(max_length=64)]


class Received(_OfMessage, frozen=True, kw_only=True, tag="receipt"):
    """The device showed a message."""


class Clicked(_OfMessage, frozen=True, kw_only=True, tag="click"):
    """She followed it."""


class Dismissed(_OfMessage, frozen=True, kw_only=True, tag="dismiss"):
    """She put it away."""


class Permission(_Reported, frozen=True, kw_only=True, tag="permission"):
    """What the system says of notifications; `default`: she was not asked, so it is not known."""

    channel: DeviceChannel
    state: Literal["granted", "denied", "default"]


class Address(_Reported, frozen=True, kw_only=True, tag="address"):
    """Where the device is reached: its token, or a browser's subscription as JSON; "" when it no longer is.

    `asked` says that she just agreed to notifications; only that opens a channel that she had switched off.
    """

    channel: DeviceChannel
    address: Annotated[str, msgspec.Meta(max_length=4096)]
    permission: Literal["granted", "denied", "default"]
    asked: bool = False


Reported: TypeAlias = Session | Received | Clicked | Dismissed | Permission | Address


class Reports(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device reports at once, with its person's token."""

    token: str
    events: Annotated[list[Reported], msgspec.Meta(max_length=50)]


class ReportsTaken(msgspec.Struct, frozen=True):
    """How many reports were taken, and how many changed nothing or were of messages that are not hers."""

    taken: int
    ignored: int


async def report(request: Request, service: Service) -> Response:
    """Takes what a device reports."""
    body = await body_of(request)
    if len(body) > _MOST_BYTES:
        raise Problem(413, "too-large", f"got {len(body)} bytes, expected {_MOST_BYTES} at most", headers=_OPEN)
    try:
        told = _REPORTS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(422, "invalid", f"got reports that cannot be read ({str(error)[:300]})", headers=_OPEN) from None
    now_us = service.clock.now_us()
    user_id = read(secret_of(service), "client", told.token, now_us)
    if user_id is None:
        raise Problem(401, "no-token", "got a token that is over or none of ours; get a new one", headers=_OPEN)
    if wait_s := service.client_pace.take(user_id, now_us):
        why = "got more reports than api.client_requests_per_minute allows one person; send several in one request"
        raise too_many("too-fast", why, wait_s, _OPEN)
    records = await service.ask(lambda store: _records(store, user_id, told.events, now_us))
    if records:
        await service.intake.post([encode(one) for one in records])
    taken = len({_name(one) for one in records})
    return answer(ReportsTaken(taken, len(told.events) - taken), 202, _OPEN)


def _records(store: SqliteStore, user_id: str, events: list[Reported], now_us: int) -> list[Input]:
    """What the engine is told; a report of a message that is not hers, or that changes nothing, is left out."""
    made: list[Input] = []
    for one in events:
        match one:
            case Session() | Received() | Clicked() | Dismissed():
                made += _engagement(store, user_id, one, now_us)
            case Permission():
                made += _permission(store, user_id, one, now_us)
            case Address():
                made += _address(store, user_id, one, now_us)
    return made


def _engagement(
    store: SqliteStore, user_id: str, one: Session | Received | Clicked | Dismissed, now_us: int
) -> list[Input]:
    at = min(max(one.at or from_us(now_us), from_us(now_us) - _OLDEST), from_us(now_us))
    made = Engagement(engagement_id=_id(user_id, one), user_id=user_id, kind=_KINDS[type(one)], at=at)
    if isinstance(one, Session):
        return [made]
    message = found(store, one.decision_id)
    if message is None or message.user_id != user_id:
        return []
    return [msgspec.structs.replace(made, decision_id=message.decision_id, channel=message.channel)]


def _permission(store: SqliteStore, user_id: str, one: Permission, now_us: int) -> list[Input]:
    """Denied closes the channel; granted opens it if it was a refusal that closed it; unknown changes nothing."""
    key, code, at = draws.key(user_id), CHANNELS.index(one.channel), from_us(now_us)
    closed = store.suppressed(key, code)
    if one.state == "denied" and not closed:
        name = f"{_id(user_id, one)}:{now_us}"
        return [Engagement(engagement_id=name, user_id=user_id, kind="disable", at=at, channel=one.channel)]
    if one.state == "granted" and closed and _closed_by(store, key, one.channel) == "disable":
        return [_lifted(user_id, one, now_us)]
    return []


def _address(store: SqliteStore, user_id: str, one: Address, now_us: int) -> list[Input]:
    """An address is kept; the channel is opened only with permission, and never against what she chose."""
    known = choices.chosen(store, user_id)
    undecided = known is None or one.channel not in known.channels
    opens = one.permission == "granted" and bool(one.address) and (one.asked or undecided)
    choice = Preferences(
        preferences_id=f"{_id(user_id, one)}:{now_us}",
        user_id=user_id,
        at=from_us(now_us),
        addresses={one.channel: one.address},
        channels={one.channel: True} if opens else {},
    )
    closed = store.suppressed(draws.key(user_id), CHANNELS.index(one.channel))
    return [choice, _lifted(user_id, one, now_us)] if opens and one.asked and closed else [choice]


def _closed_by(store: SqliteStore, user_key: int, channel: str) -> str:
    """What closed a channel last, as the log tells it: a kind of engagement, "suppression", or "" for nothing."""
    for line in reversed(store.inputs_of(user_key, 0, _ALWAYS_US)):
        record = decode(line.data)
        if isinstance(record, Suppression) and not record.lifted and record.channel in (None, channel):
            return "suppression"
        if isinstance(record, Engagement) and record.kind in _CLOSING and record.channel in (None, channel):
            return record.kind
    return ""


def _lifted(user_id: str, one: Permission | Address, now_us: int) -> Suppression:
    return Suppression(
        suppression_id=f"{_id(user_id, one)}:{now_us}",
        user_id=user_id,
        channel=one.channel,
        reason="permission granted",
        lifted=True,
        at=from_us(now_us),
    )


def _id(user_id: str, one: Reported) -> str:
    return f"client:{draws.key(user_id):016x}:{draws.key(one.id):016x}"


def _name(record: Input) -> str:
    """The report that a record comes of."""
    name = getattr(record, f"{type(record).__name__.lower()}_id")
    return ":".join(str(name).split(":")[:3])


async def show_snippet(request: Request, service: Service) -> Response:
    """Returns a file of the snippet."""
    name = request.url.path.rsplit("/", 1)[1]
    headers = {**_OPEN, "Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response((_SNIPPET / name).read_bytes(), 200, headers, "text/javascript; charset=utf-8")


_OPEN: Final = {"Access-Control-Allow-Origin": "*"}
_REPORTS: Final = msgspec.json.Decoder(Reports)
_KINDS: Final[dict[type, Literal["session", "receipt", "click", "dismiss"]]] = {
    Session: "session",
    Received: "receipt",
    Clicked: "click",
    Dismissed: "dismiss",
}
_CLOSING: Final = frozenset({"unsubscribe", "disable", "complaint", "bounce", "uninstall"})

ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/client/events", report, None, "Takes what a person's own device reports, with her token.",
        Reports, {202: ReportsTaken, 401: Problem, 413: Problem, 422: Problem, 429: Problem},
    ),
    *(
        Endpoint("GET", f"/static/{name}", show_snippet, None, "Gives a file of the web snippet.", shown=False)
        for name in ("tactful.js", "tactful-sw.js")
    ),
)  # fmt: skip
