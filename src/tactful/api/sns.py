"""Messages of Amazon SNS: who signed them, checked before anything in them is believed.

The certificate is fetched only from hosts of SNS itself, and only for topics that the settings name.

Source: the SNS developer guide, on verifying the signatures of messages (versions 1 and 2).
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPSConnection
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

_HOST: Final = re.compile(r"sns\.[a-z0-9-]{3,32}\.amazonaws\.com(\.cn)?")
_TIMEOUT_S: Final = 10.0
_MOST_BYTES: Final = 64 * 1024
_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}

Fetch = Callable[[str], bytes]
"""Returns what an address answers with 200; raises OSError otherwise."""


class SnsMessage(msgspec.Struct, frozen=True, rename="pascal"):
    """One message of a topic; `message` is what was published, for SES the JSON of its notification."""

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature: str
    signature_version: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(default=None, name="SubscribeURL")


def refused(message: SnsMessage, topics: Sequence[str], fetch: Fetch) -> str | None:
    """Returns why a message is not to be believed, None if it is SNS's own and of one of the topics."""
    if message.topic_arn not in topics:
        return "a topic that api.sns_topics does not name"
    if not of_sns(message.signing_cert_url) or not message.signing_cert_url.endswith(".pem"):
        return "a certificate that is not at SNS"
    kinds: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}
    if message.signature_version not in kinds:
        return f"signature version {message.signature_version[:10]!r}, expected 1 or 2"
    try:
        key = load_pem_x509_certificate(fetch(message.signing_cert_url)).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return "a certificate with another kind of key"
        signature = base64.b64decode(message.signature, validate=True)
        key.verify(signature, _canonical(message), padding.PKCS1v15(), kinds[message.signature_version])
    except (InvalidSignature, binascii.Error):
        return "a signature that does not fit"
    except (OSError, ValueError) as error:
        return f"a certificate that could not be read ({type(error).__name__})"
    return None


def of_sns(url: str | None) -> bool:
    """Returns whether an address is one of SNS itself.

    >>> of_sns("https://sns.eu-west-1.amazonaws.com/x.pem"), of_sns("https://sns.eu-west-1.amazonaws.com.evil.example/")
    (True, False)
    """
    try:
        parts = urlsplit(url or "")
        plain = parts.scheme == "https" and parts.port is None and parts.username is None
        return plain and _HOST.fullmatch(parts.hostname or "") is not None and parts.netloc == parts.hostname
    except ValueError:
        return False


def fetch(url: str) -> bytes:
    """Returns what an https address answers with 200, following no redirect.

    Raises:
        OSError: it answered otherwise, too much, or not at all.
    """
    parts = urlsplit(url)
    connection = HTTPSConnection(parts.hostname or "", timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES + 1)
    except HTTPException as error:
        raise OSError(f"{parts.hostname} answered what is no HTTP: {type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != 200 or len(body) > _MOST_BYTES:
        raise OSError(f"{parts.hostname} answered {answer.status} with {len(body)} bytes, expected 200 and few")
    return body


def _canonical(message: SnsMessage) -> bytes:
    """What was signed: each field's name and value, a line each; a field that is not there is left out."""
    told = msgspec.to_builtins(message)
    lines = [line for name in _SIGNED[message.type] if told.get(name) is not None for line in (name, told[name])]
    return "".join(f"{line}\n" for line in lines).encode()
