"""Fingerprints: the low 16 bits of keys, in columns, to find a key among millions without an index over keys.

An index in the order of keys dirties a page for every key written; a fingerprint costs two bytes, in the order of
writing. A search compares all of them, a few milliseconds per million, and looks at the rows of the hits; one
row in 65,536 is a false hit.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int64


def prints_of(stored_keys: Int64[np.ndarray, " n"]) -> bytes:
    """Returns the fingerprints of keys in stored form, two bytes each."""
    return stored_keys.astype(np.uint16).tobytes()


def hits(pages: Iterable[tuple[int, bytes]], stored_key: int) -> list[int]:
    """Returns where a key may be, rising: the page's first position plus the place in its fingerprints.

    >>> hits([(10, prints_of(np.array([7, 8, 7])))], 7)
    [10, 12]
    """
    wanted = np.array([stored_key]).astype(np.uint16)[0]
    found: set[int] = set()
    for first, prints in pages:
        found.update((first + np.flatnonzero(np.frombuffer(prints, dtype=np.uint16) == wanted)).tolist())
    return sorted(found)
