"""API keys: made once, shown once, kept as a hash; and who a request comes from.

A token is `tact_<id>_<secret>`; the id may be shown and logged, the secret has 256 random bits, so a plain SHA-256 of
it is no easier to undo than a salted one. All keys are held in memory and read again about once a second: a request
costs no query, and a revoked key works for a second at most.
"""

import hmac
import secrets
from base64 import b64decode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from tactful.api.endpoint import Scope
from tactful.stores.protocols import ApiKey

SCOPES: Final[tuple[Scope, ...]] = ("ingest", "read", "admin")
_PREFIX: Final = "tact_"
_LONGEST: Final = 200
"""Characters of a token worth looking at."""


def make_key(scopes: Sequence[Scope], name: str, now_us: int) -> tuple[ApiKey, str]:
    """Returns a new key, to be kept, and its token, to be told once."""
    key_id = secrets.token_hex(5)
    token = f"{_PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    return ApiKey(key_id, _digest(token), tuple(sorted(set(scopes))), name, now_us), token


class Keyring:
    """The keys of a service.

    Args:
        keys: all of the store, revoked ones included.
        may_be_open: whether everything is allowed to everybody as long as no key was ever made. True on the machine
            itself only.
    """

    def __init__(self, keys: Iterable[ApiKey] = (), may_be_open: bool = True) -> None:
        self._may_be_open = may_be_open
        self.replace(keys)

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """Takes the keys as the store has them now."""
        known = list(keys)
        self.is_open = self._may_be_open and not known
        self._in_force = {key.key_id: key for key in known if key.revoked_us is None}

    @property
    def any_in_force(self) -> bool:
        """Whether somebody can come with a key."""
        return bool(self._in_force)

    def named(self, key_id: str) -> ApiKey | None:
        """Returns a key in force by its id: for somebody who proved before that it is hers."""
        return self._in_force.get(key_id)

    def find(self, authorization: str) -> ApiKey | None:
        """Returns the key that an `Authorization` header names, None if it names none in force.

        As a bearer token, or as the user name of basic credentials.

        >>> key, token = make_key(["read"], "", 0)
        >>> Keyring([key]).find(f"Bearer {token}") == key, Keyring([key]).find(f"Bearer {token}x")
        (True, None)
        """
        scheme, _, token = authorization.partition(" ")
        scheme = scheme.lower()
        token = _user_name(token) if scheme == "basic" else token.strip()
        if scheme not in ("bearer", "basic") or not token.startswith(_PREFIX) or len(token) > _LONGEST:
            return None
        key = self._in_force.get(token[len(_PREFIX) :].partition("_")[0])
        if key is None or not hmac.compare_digest(_digest(token), key.digest):
            return None
        return key


def _user_name(credentials: str) -> str:
    """The user name of HTTP basic credentials: there senders of Segment's format put the key."""
    try:
        return b64decode(credentials[: 2 * _LONGEST], validate=True).decode("ascii").partition(":")[0]
    except ValueError:
        return ""


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
