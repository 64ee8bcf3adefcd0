"""Short-lived tokens signed with an elliptic-curve key: what Apple and push services ask a sender for.

Source: RFC 7515 (JWS), RFC 7518 section 3.4 (ES256).
"""

import base64
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tactful.errors import MissingCredential

_HALF = 32
"""Bytes of each half of a signature over P-256, and of its private key."""


def signed(key: ec.EllipticCurvePrivateKey, header: Mapping[str, str], claims: Mapping[str, str | int]) -> str:
    """Returns a JSON web token, signed with ES256."""
    parts = ({"alg": "ES256", **header}, claims)
    text = ".".join(encoded(msgspec.json.encode(part)) for part in parts)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{encoded(r.to_bytes(_HALF, 'big') + s.to_bytes(_HALF, 'big'))}"


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


def key_of_pem(text: str) -> ec.EllipticCurvePrivateKey:
    """Returns the P-256 key of a PEM or `.p8` file.

    Raises:
        MissingCredential: if there is none.
    """
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MissingCredential("the key file holds no PEM private key; take the .p8 file as Apple gave it") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise MissingCredential("the key file holds another kind of key, expected an elliptic-curve key over P-256")
    return key


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
