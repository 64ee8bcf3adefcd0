"""What Google answers, for an `Http2Peer`: it grants access tokens, and takes messages."""

from functools import cache

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from http_peer import Asked, Say
from tactful.delivery.google_token import ServiceAccount


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def account(token_uri: str) -> ServiceAccount:
    pem = rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ServiceAccount("app@example.iam", pem.decode(), "example-app", "key-1", token_uri)


class Google:
    """Grants tokens t1, t2, ... and answers messages as told."""

    def __init__(self, *says: Say, grant: Say | None = None) -> None:
        self.tokens: list[Asked] = []
        self.messages: list[Asked] = []
        self._says = list(says)
        self._grant = grant

    def __call__(self, asked: Asked) -> Say:
        if asked.path == "/token":
            self.tokens.append(asked)
            token = {"access_token": f"t{len(self.tokens)}", "expires_in": 3600, "token_type": "Bearer"}
            return self._grant or Say(200, msgspec.json.encode(token))
        self.messages.append(asked)
        name = f"projects/example-app/messages/{len(self.messages)}"
        return self._says.pop(0) if self._says else Say(200, msgspec.json.encode({"name": name}))
