"""Bounces and complaints of providers: only what is signed is believed, and what they close no import opens."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from served import Served
from stage import MONDAY, at, person, told
from tactful import draws
from tactful.api.feedback import ENDPOINTS
from tactful.api.sns import of_sns
from tactful.events.records import Engagement, Input

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
SNS_KEY = rsa.generate_private_key(65537, 2048)
CERTIFICATE = (
    x509.CertificateBuilder().subject_name(_NAME).issuer_name(_NAME).public_key(SNS_KEY.public_key())
    .serial_number(1).not_valid_before(MONDAY).not_valid_after(MONDAY + timedelta(days=365))
    .sign(SNS_KEY, hashes.SHA256()).public_bytes(Encoding.PEM)
)  # fmt: skip
SENDGRID = ec.generate_private_key(ec.SECP256R1())
SENDGRID_KEY = base64.b64encode(
    SENDGRID.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()


class Web:
    """What SNS serves: its certificate, and the address at which a subscription is confirmed."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        """Returns what is there."""
        self.asked.append(url)
        return CERTIFICATE


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path, ENDPOINTS, sns_topics=(TOPIC,), sendgrid_key=SENDGRID_KEY)
    made.service.fetch = Web().fetch
    yield made
    made.close()


def signed(fields: dict[str, str], version: str = "2") -> dict[str, str]:
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
    kind = hashes.SHA256() if version == "2" else hashes.SHA1()
    signature = base64.b64encode(SNS_KEY.sign(text, padding.PKCS1v15(), kind)).decode()
    return {**fields, "Signature": signature, "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL}


def notification(
    served: Served, kind: str = "Bounce", detail: dict[str, str] | None = None, **more: str
) -> dict[str, str]:
    part = {"timestamp": "2026-03-03T10:00:00.000Z", **(detail or {"bounceType": "Permanent"})}
    mail = {"headers": [{"name": "Message-ID", "value": f"<{served.sent.decision_id}@app.example>"}]}
    message = {"notificationType": kind, "mail": mail, kind.lower(): part}
    return {"Type": "Notification", "MessageId": "m1", "TopicArn": TOPIC, "Message": json.dumps(message),
            "Timestamp": "2026-03-03T10:00:01.000Z", **more}  # fmt: skip


def ses(served: Served, message: dict[str, str]) -> httpx.Response:
    return served.call("POST", "/v1/feedback/ses", content=json.dumps(message), headers={"content-type": "text/plain"})


def sendgrid(served: Served, *events: dict[str, Any], key: ec.EllipticCurvePrivateKey = SENDGRID) -> httpx.Response:
    body = json.dumps(events).encode()
    signature = base64.b64encode(key.sign(b"1700000000" + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": "1700000000",
    }
    return served.call("POST", "/v1/feedback/sendgrid", content=body, headers=headers)


def kinds(records: list[Input]) -> list[str]:
    return [one.kind for one in records if isinstance(one, Engagement)]


def closed(served: Served) -> bool:
    return served.app.store.suppressed(draws.key("ann"), 0)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_permanent_bounce_closes_the_address_whatever_is_imported_later(served: Served, version: str) -> None:
    answer = ses(served, signed(notification(served), version))
    assert answer.json() == {"taken": 1, "ignored": 0}
    (bounce,) = served.taken()
    assert isinstance(bounce, Engagement)
    assert (bounce.kind, bounce.user_id, bounce.channel, bounce.decision_id) == (
        "bounce", "ann", "email", served.sent.decision_id,
    )  # fmt: skip
    when = served.wait(hours=1)
    served.app.submit(when, person("ann", "email", locale="en"), told("c2", created=when))
    served.app.run(at(100))
    assert closed(served)
    assert len(served.app.of("send")) == 1


def test_a_transient_bounce_takes_the_send_back_and_closes_nothing(served: Served) -> None:
    ses(served, signed(notification(served, detail={"bounceType": "Transient"})))
    assert kinds(served.taken()) == ["failure"]
    assert not closed(served)


def test_a_complaint_closes_the_channel_and_a_repeated_delivery_counts_once(served: Served) -> None:
    message = signed(notification(served, "Complaint", {"complaintFeedbackType": "abuse"}))
    for _ in range(3):
        assert ses(served, message).status_code == 200
        served.wait(minutes=5)
    assert kinds(served.taken()) == ["complaint"]
    assert closed(served)
    assert served.app.store.rejects(10) == []


def test_what_sns_did_not_sign_is_not_believed(served: Served) -> None:
    good = signed(notification(served))
    changed = {**good, "Message": good["Message"].replace("Bounce", "Bounce ")}
    elsewhere = {**good, "SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"}
    other_topic = signed(notification(served, TopicArn=TOPIC + "2"))
    for bad in (changed, elsewhere, other_topic, {**good, "SignatureVersion": "3"}, {**good, "Signature": "x"}):
        assert ses(served, bad).status_code == 403
    assert served.taken() == []


def test_the_certificate_comes_from_nowhere_else() -> None:
    assert of_sns(CERTIFICATE_URL)
    for url in ("http://sns.eu-west-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com:444/x.pem",
                "https://a@sns.eu-west-1.amazonaws.com/x.pem", "https://s3.amazonaws.com/x.pem",
                "https://sns.evil.example/?sns.eu-west-1.amazonaws.com", "file:///etc/passwd", None):  # fmt: skip
        assert not of_sns(url)


def test_a_subscription_is_confirmed_for_topics_that_are_named_and_at_sns_alone(served: Served) -> None:
    web = Web()
    served.service.fetch = web.fetch
    there = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    fields = {"Type": "SubscriptionConfirmation", "MessageId": "m", "TopicArn": TOPIC, "Message": "confirm",
              "Timestamp": "2026-03-03T10:00:00.000Z", "Token": "t"}  # fmt: skip
    assert ses(served, signed({**fields, "SubscribeURL": there})).status_code == 200
    assert web.asked == [CERTIFICATE_URL, there]
    assert ses(served, signed({**fields, "SubscribeURL": "https://evil.example/"})).status_code == 403
    assert ses(served, signed({**fields, "SubscribeURL": there, "TopicArn": "other"})).status_code == 403
    assert web.asked == [CERTIFICATE_URL, there, CERTIFICATE_URL]


def test_sendgrid_s_events_are_taken_by_their_message_id_or_argument(served: Served) -> None:
    smtp_id = f"<{served.sent.decision_id}@app.example>"
    delivered = {"event": "delivered", "smtp-id": smtp_id}
    blocked = {"event": "bounce", "type": "blocked", "smtp-id": smtp_id, "timestamp": 1772532000}
    assert sendgrid(served, delivered, blocked).json() == {"taken": 1, "ignored": 1}
    assert kinds(served.taken()) == ["failure"]
    spam = {"event": "spamreport", "decision_id": served.sent.decision_id, "timestamp": 1772532000}
    strange = [{"event": "bounce", "smtp-id": "<x@y>"}, {"event": 3}, {"event": "bounce", "timestamp": "x"}]
    assert sendgrid(served, spam, *strange).json() == {"taken": 1, "ignored": 3}
    assert kinds(served.taken()) == ["complaint"]
    assert closed(served)


def test_sendgrid_s_webhook_needs_its_signature(served: Served) -> None:
    spam = {"event": "spamreport", "decision_id": served.sent.decision_id}
    assert sendgrid(served, spam, key=ec.generate_private_key(ec.SECP256R1())).status_code == 403
    assert served.call("POST", "/v1/feedback/sendgrid", json=[spam]).status_code == 403
    assert served.taken() == []


def test_a_relay_of_ones_own_reports_in_plain_words(served: Served) -> None:
    report = {"decision_id": served.sent.decision_id, "kind": "bounce", "at": "2026-03-03T10:00:00Z"}
    unknown = {"decision_id": "0123456789abcdef", "kind": "bounce"}
    assert served.call("POST", "/v1/feedback/plain", json=[report, unknown]).json() == {"taken": 1, "ignored": 1}
    assert kinds(served.taken()) == ["bounce"]
    for bad, status in (({"kind": "bounce"}, 422), ({**report, "kind": "open"}, 422)):
        assert served.call("POST", "/v1/feedback/plain", json=bad).status_code == status
    assert served.call("POST", "/v1/feedback/plain", content=b"{").status_code == 400
