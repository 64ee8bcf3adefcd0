"""Short-lived signed tokens, with which Apple, Google and push services know a sender; and the keys that sign them.

Source: RFC 7515 (JWS), RFC 7518 sections 3.3 (RS256) and 3.4 (ES256).
"""

import base64
from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tactful.errors import MissingCredential

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_HALF = 32
"""Bytes of each half of a signature over P-256, and of its private key."""


def signed(key: SigningKey, header: Mapping[str, str], claims: Mapping[str, str | int]) -> str:
    """Returns a JSON web token: signed with ES256 by an elliptic-curve key, with RS256 by an RSA key."""
    name = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
    text = ".".join(encoded(msgspec.json.encode(part)) for part in ({"alg": name, **header}, claims))
    return f"{text}.{encoded(_signature(key, text.encode()))}"


def encoded(data: bytes) -> str:
    """Returns bytes in URL-safe base64 without padding.

    >>> encoded(b"??>")
    'Pz8-'
    """
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Returns the bytes of base64, URL-safe or not, padded or not.

    Raises:
        ValueError: if it is none.
    """
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def key_of_pem(text: str) -> SigningKey:
    """Returns the key of a PEM file: P-256 (Apple's `.p8`) or RSA (Google's).

    Raises:
        MissingCredential: if there is none.
    """
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MissingCredential("got no PEM private key; expected the key as the provider gave it") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    raise MissingCredential("got a private key of another kind; expected one over P-256, or an RSA key")


def key_of_bytes(text: str) -> ec.EllipticCurvePrivateKey:
    """Returns the P-256 key whose 32 bytes stand in base64, as tools for VAPID print it.

    Raises:
        MissingCredential: if it is no such text.
    """
    try:
        number = decoded(text)
        if len(number) != _HALF:
            raise ValueError(f"{len(number)} bytes")
        return ec.derive_private_key(int.from_bytes(number, "big"), ec.SECP256R1())
    except ValueError as error:
        raise MissingCredential("the VAPID key is no private key: expected 32 bytes in URL-safe base64") from error


def _signature(key: SigningKey, text: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
