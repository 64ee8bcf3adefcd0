"""Collapse keys as providers take them: of the messages under one key a device shows the last."""

import hashlib

from tactful.delivery.signed_tokens import encoded

_TOPIC_CHARS = 32
_APPLE_BYTES = 64


def topic(collapse_key: str) -> str:
    """Returns a collapse key as a push service takes it: 32 URL-safe characters, the same for the same key.

    >>> topic("post-1"), len(topic("x" * 200))
    ('OLphaBcGF3EF1CbBiQsIOxxlMuATU6IO', 32)
    """
    return encoded(hashlib.sha256(collapse_key.encode()).digest())[:_TOPIC_CHARS]


def apple_collapse_id(collapse_key: str) -> str:
    """Returns a collapse key as Apple takes it: itself where it fits into 64 bytes of a header, else a hash of it.

    >>> apple_collapse_id("post-1"), apple_collapse_id("post-1\\r\\nx: y")
    ('post-1', 'P6YGwONHvCmDlc-Ptq61_nl6Si-4Whp2')
    """
    fits = collapse_key.isascii() and collapse_key.isprintable() and len(collapse_key) <= _APPLE_BYTES
    return collapse_key if fits and collapse_key.strip() == collapse_key else topic(collapse_key)
