"""An e-mail as bytes: HTML and text, headers that nothing can be smuggled into, the same bytes for the same decision.

Source: RFC 5322 (form), RFC 2046 section 5.1.4 (alternatives), RFC 2369 and RFC 8058 (unsubscribe headers).
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from tactful.delivery.plain_text import plain_text
from tactful.delivery.protocol import Message
from tactful.errors import InvalidSettings

_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_LINE = re.compile(r"[\x20-\x7e]*")
_LINE_CHARS = 998
_OURS = frozenset(
    {"from", "to", "cc", "bcc", "sender", "reply-to", "return-path", "subject", "date", "message-id", "mime-version"}
)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes: the parts of every e-mail that do not depend on the message."""

    sender: Address
    reply_to: str = ""


def letterhead(sender: str, reply_to: str = "") -> Letterhead:
    """Returns the letterhead of `"Example <news@mail.example.com>"`.

    Raises:
        InvalidSettings: if one of them is no address.
    """
    name, address = parseaddr(sender)
    if mailbox(address) != address or (reply_to and mailbox(reply_to) is None):
        raise InvalidSettings(
            f"got sender = {sender!r}, reply_to = {reply_to!r}; expected addresses such as "
            "'Example <news@mail.example.com>'"
        )
    return Letterhead(Address(name, addr_spec=address), reply_to)


def mailbox(address: str) -> str | None:
    """Returns an address as mail servers take it, its domain in ASCII; None if it is none.

    >>> mailbox("ana@bücher.example"), mailbox("ana@example.com\\r\\nBcc: x@y.example")
    ('ana@xn--bcher-kva.example', None)
    """
    local, _, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        return None
    good = _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)
    return f"{local}@{domain}" if good else None


def compose(message: Message, to: str, key: str, head: Letterhead, at: datetime) -> bytes:
    """Returns the bytes of an e-mail, lines ended by CR LF.

    Args:
        message: its headers are written as they are, unfolded: mail programs read an unsubscribe address only so.
        to: the recipient, as `mailbox` gives it.
        key: names the mail: its Message-ID is `<key@domain of the sender>`.
        head: who writes.
        at: its date.

    Raises:
        ValueError: if a subject or header could not stand in one line, or a text is no text.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = head.sender
    mail["To"] = Address(addr_spec=to)
    if head.reply_to:
        mail["Reply-To"] = head.reply_to
    mail["Subject"] = message.subject or message.title
    mail["Date"] = format_datetime(at)
    text = plain_text(message.body)
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(message.body, subtype="html", cte="quoted-printable")
    mail.set_boundary("=_" + hashlib.sha256(key.encode()).hexdigest()[:40])
    named = {"Message-ID": f"<{key}@{head.sender.domain}>", **message.headers}
    return "".join(map(_header, named, named.values())).encode("ascii") + mail.as_bytes()


def _header(name: str, value: str) -> str:
    """One header in one line; what would begin another one, or stand for one of ours, is refused."""
    fits = len(name) + 2 + len(value) <= _LINE_CHARS
    ours = name.lower() in _OURS or name.lower().startswith("content-")
    if not (_HEADER.fullmatch(name) and _LINE.fullmatch(value) and fits) or (ours and name != "Message-ID"):
        raise ValueError("a header that cannot be sent")
    return f"{name}: {value}\r\n"
