"""Links that lead over the service, so that a click is known: signed, and never to a host that is not listed.

A token holds the decision and where the click leads. The signature covers both, and the host must be on the list when
the link is made and again when it is followed: nobody can make of it a link to a place of his own.

Source: RFC 2104 (HMAC).
"""

import base64
import binascii
import hashlib
import hmac
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import accumulate
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tactful.delivery.protocol import Message
from tactful.delivery.unsubscribe import MIN_SECRET_BYTES
from tactful.errors import InvalidSettings

_SIGNATURE_BYTES: Final = 16
_CLICK: Final = b"tactful click 1:"
_OPEN: Final = b"tactful open 1:"
_MOST_URL_CHARS: Final = 4000
"""Longer links are left as they are: mail programs cut them."""
_HREF: Final = re.compile(r"""((?<![\w-])href\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)
_UNSAFE: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Click:
    """What a click's token says: which message was clicked, and where the click leads."""

    decision_id: str
    url: str


def allowed(url: str, hosts: Sequence[str]) -> bool:
    """Returns whether a click may be led on to an address: http or https, a listed host, nothing that hides another.

    >>> hosts = ["www.example.com", ".shop.example.com"]
    >>> allowed("https://www.example.com/a?b=1", hosts), allowed("https://de.shop.example.com/", hosts)
    (True, True)
    >>> allowed("https://www.example.com@evil.example/", hosts), allowed("javascript:alert(1)", hosts)
    (False, False)
    """
    if _UNSAFE.search(url) or len(url) > _MOST_URL_CHARS:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return False
    return any(host == one.lower() or (one.startswith(".") and host.endswith(one.lower())) for one in hosts)


def read_click(token: str, secret: bytes) -> Click | None:
    """Returns what a click's token says, None if it is none of ours. Whether the host is allowed is for the caller."""
    claim = _opened(token, secret, _CLICK)
    if claim is None:
        return None
    length = claim[0]
    return Click(claim[1 : 1 + length].decode(), claim[1 + length :].decode())


def read_open(token: str, secret: bytes) -> str | None:
    """Returns the decision whose message was opened, None if the token is none of ours."""
    claim = _opened(token, secret, _OPEN)
    return None if claim is None else claim.decode()


@dataclass(frozen=True, slots=True)
class Redirects:
    """Where counted links lead first, the secret that signs them (never shown by `repr`), and which hosts may follow.

    Raises:
        InvalidSettings: the secret is too short.
    """

    url: str
    secret: bytes = field(repr=False)
    hosts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_BYTES:
            raise InvalidSettings(
                f"got a link secret of {len(self.secret)} bytes, expected at least {MIN_SECRET_BYTES} random ones; "
                "set the environment variable that api.secret_env names"
            )

    def click(self, decision_id: str, url: str) -> str:
        """Returns the address that counts a click and leads on to `url`; `url` itself if its host is not listed."""
        if not allowed(url, self.hosts):
            return url
        name = decision_id.encode()
        return f"{self.url}/r/{_signed(self.secret, _CLICK, bytes([len(name)]) + name + url.encode())}"

    def image(self, decision_id: str) -> str:
        """Returns the address of the image that tells of an open."""
        return f"{self.url}/o/{_signed(self.secret, _OPEN, decision_id.encode())}"

    def in_email(self, message: Message) -> Message:
        """Returns an e-mail whose links and opens are counted."""
        finder = _Links()
        finder.feed(message.body)
        body, end = "", 0
        starts = [0, *accumulate(len(line) + 1 for line in message.body.split("\n"))]
        for (line, column), tag in finder.found:
            start = starts[line - 1] + column
            body += message.body[end:start] + _HREF.sub(lambda href: self._counted(message.decision_id, href), tag)
            end = start + len(tag)
        body += message.body[end:]
        image = f'<img src="{self.image(message.decision_id)}" width="1" height="1" alt="">'
        closing = body.lower().rfind("</body")
        place = len(body) if closing < 0 else closing
        return msgspec.structs.replace(message, body=body[:place] + image + body[place:])

    def _counted(self, decision_id: str, href: re.Match[str]) -> str:
        url = html.unescape(href[2][1:-1])
        return f'{href[1]}"{html.escape(self.click(decision_id, url))}"'


class _Links(HTMLParser):
    """Finds the opening tags of links, and where they stand."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[tuple[int, int], str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append((self.getpos(), self.get_starttag_text() or ""))


def _signed(secret: bytes, context: bytes, claim: bytes) -> str:
    return base64.urlsafe_b64encode(_sign(secret, context, claim) + claim).rstrip(b"=").decode()


def _opened(token: str, secret: bytes, context: bytes) -> bytes | None:
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    claim = raw[_SIGNATURE_BYTES:]
    return claim if hmac.compare_digest(raw[:_SIGNATURE_BYTES], _sign(secret, context, claim)) else None


def _sign(secret: bytes, context: bytes, claim: bytes) -> bytes:
    return hmac.new(secret, context + claim, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
