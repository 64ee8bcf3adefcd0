"""What mail providers report back: bounces and complaints become engagements of the message that they are about.

A permanent bounce and a complaint close the channel for that person, whatever is imported of her later. A transient
bounce says that the message reached nobody: the send is taken back, the channel stays open. Which message it was stands
in its Message-ID, `<decision id@...>`; reports of messages that are not on record are counted and otherwise ignored.
"""

import base64
import binascii
from asyncio import get_running_loop
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from starlette.requests import Request
from starlette.responses import Response

from tactful.api import sns
from tactful.api.endpoint import Endpoint, answer, body_of, header
from tactful.api.messages import Told, found
from tactful.api.problems import Problem
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.events.records import Engagement, Instant, encode
from tactful.stores.sqlite import SqliteStore

Kind: TypeAlias = Literal["bounce", "failure", "complaint", "unsubscribe"]
"""`failure` is a bounce that may pass: a full mailbox, a mail that was too large."""

_SENDGRID: Final[dict[str, Kind]] = {"bounce": "bounce", "spamreport": "complaint", "unsubscribe": "unsubscribe"}
_SENDGRID_DROPPED: Final[dict[str, Kind]] = {
    "Bounced Address": "bounce",
    "Invalid": "bounce",
    "Spam Reporting Address": "complaint",
    "Unsubscribed Address": "unsubscribe",
}


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a message: `bounce` for good, `failure` if it may pass, `complaint`, `unsubscribe`."""

    decision_id: str
    kind: Kind
    at: Instant | None = None


class FeedbackTaken(msgspec.Struct, frozen=True):
    """How many reports were taken, and how many were of messages that are not on record, or of no interest."""

    taken: int
    ignored: int


async def take_plain(request: Request, service: Service) -> Response:
    """Takes one report, or a list of them, from a relay of yours."""
    reports = _read(await body_of(request), Report | list[Report])
    return await _take(service, [reports] if isinstance(reports, Report) else reports, 0)


async def take_ses(request: Request, service: Service) -> Response:
    """Takes a notification of SES that came through SNS; confirms the subscription of a topic that is named."""
    message = _read(await body_of(request), sns.SnsMessage)
    ask = partial(sns.refused, message, service.settings.api.sns_topics, service.fetch)
    why = await get_running_loop().run_in_executor(None, ask)
    if why is not None:
        raise Problem(403, "not-believed", f"got {why}; expected a signed message of SNS")
    if message.type == "SubscriptionConfirmation":
        await _confirm(message, service)
        return answer(FeedbackTaken(0, 1))
    reports = list(_of_ses(_loose(message.message)))
    return await _take(service, reports, 0 if reports else 1)


async def take_sendgrid(request: Request, service: Service) -> Response:
    """Takes the events of a signed webhook of SendGrid."""
    body = await body_of(request)
    signature = header(request, b"x-twilio-email-event-webhook-signature")
    stamp = header(request, b"x-twilio-email-event-webhook-timestamp")
    if not _signed_by(service.settings.api.sendgrid_key, signature, stamp.encode() + body):
        raise Problem(403, "not-believed", "got a signature that does not fit; expected that of api.sendgrid_key")
    events = _loose(body)
    rows = [one for one in events if isinstance(one, dict)] if isinstance(events, list) else []
    reports = [report for row in rows if (report := _of_sendgrid(row)) is not None]
    return await _take(service, reports, len(rows) - len(reports))


async def _take(service: Service, reports: list[Report], ignored: int) -> Response:
    """Posts what is about messages on record."""
    now = from_us(service.clock.now_us())

    def look(store: SqliteStore) -> list[Engagement]:
        known = ((report, found(store, report.decision_id)) for report in reports)
        return [_engagement(report, message, now) for report, message in known if message is not None]

    told = await service.ask(look)
    if told:
        await service.intake.post([encode(one) for one in told])
    return answer(FeedbackTaken(len(told), ignored + len(reports) - len(told)))


def _engagement(report: Report, message: Told, now: datetime) -> Engagement:
    """A report as the engine takes it; a failure is that of the send, whoever tells of it first."""
    return Engagement(
        engagement_id=f"{report.kind}:{message.decision_id}",
        user_id=message.user_id,
        kind=report.kind,
        at=message.at if report.kind == "failure" else max(report.at or now, message.at),
        decision_id=message.decision_id,
        channel=message.channel,
    )


async def _confirm(message: sns.SnsMessage, service: Service) -> None:
    url = message.subscribe_url
    if url is None or not sns.of_sns(url):
        raise Problem(403, "not-believed", "got an address to confirm at that is not at SNS; expected one of SNS")
    try:
        await get_running_loop().run_in_executor(None, service.fetch, url)
    except OSError as error:
        raise Problem(502, "not-confirmed", f"SNS did not take the confirmation ({error}); it asks again") from None


def _of_ses(told: Any) -> Iterable[Report]:
    """What a notification of SES says, of whichever of its two forms."""
    if not isinstance(told, dict) or not isinstance(mail := told.get("mail"), dict):
        return
    decision_id = _decision_of_ses(mail)
    kind = told.get("notificationType") or told.get("eventType")
    bounce, complaint = told.get("bounce"), told.get("complaint")
    if decision_id and kind == "Bounce" and isinstance(bounce, dict):
        lasting = bounce.get("bounceType") == "Permanent"
        yield Report(decision_id, "bounce" if lasting else "failure", _instant(bounce.get("timestamp")))
    if decision_id and kind == "Complaint" and isinstance(complaint, dict):
        yield Report(decision_id, "complaint", _instant(complaint.get("timestamp")))


def _decision_of_ses(mail: dict[str, Any]) -> str:
    """The decision in our Message-ID: SES gives mails an id of its own, and keeps ours among the headers."""
    headers = mail.get("headers")
    rows = [one for one in headers if isinstance(one, dict)] if isinstance(headers, list) else []
    ours = [one.get("value") for one in rows if str(one.get("name")).lower() == "message-id"]
    common = mail.get("commonHeaders")
    ours.append(common.get("messageId") if isinstance(common, dict) else None)
    return next((decision for one in ours if (decision := _decision_of(one))), "")


def _of_sendgrid(event: dict[str, Any]) -> Report | None:
    decision_id = _decision_of(event.get("decision_id")) or _decision_of(event.get("smtp-id"))
    what, at = event.get("event"), event.get("timestamp")
    kind = _SENDGRID.get(str(what))
    if what == "bounce" and event.get("type") == "blocked":
        kind = "failure"
    if what == "dropped":
        kind = _SENDGRID_DROPPED.get(str(event.get("reason")), "failure")
    if not decision_id or kind is None:
        return None
    lasting = isinstance(at, int) and 0 < at < 1 << 35
    return Report(decision_id, kind, from_us(at * 1_000_000) if lasting and isinstance(at, int) else None)


def _decision_of(told: object) -> str:
    """The decision id in a Message-ID, or by itself; "" for none."""
    return told.strip("<> \r\n").partition("@")[0] if isinstance(told, str) else ""


def _instant(told: object) -> datetime | None:
    try:
        return msgspec.convert(told, Instant)
    except msgspec.ValidationError:
        return None


def _signed_by(key: str, signature: str, payload: bytes) -> bool:
    if not key or not signature:
        return False
    try:
        public = load_der_public_key(base64.b64decode(key, validate=True))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), payload, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _read(body: bytes, kind: Any) -> Any:
    """A body as a type of ours."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, "invalid", f"got a body that is not what is told ({error})") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "no-json", f"got a body that is no JSON ({error})") from None


def _loose(text: str | bytes) -> Any:
    """What a provider wrote, as it is; None for what is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/feedback/plain", take_plain, "ingest", "Takes what became of messages, from a relay of yours.",
        Report | list[Report], {200: FeedbackTaken, 422: Problem},
    ),
    Endpoint("POST", "/v1/feedback/ses", take_ses, None, "Takes signed notifications of SES over SNS.", shown=False),
    Endpoint("POST", "/v1/feedback/sendgrid", take_sendgrid, None, "Takes signed events of SendGrid.", shown=False),
)  # fmt: skip
