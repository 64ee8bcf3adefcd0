"""The daily candidates of every user, from a catalogue known before: popular, new, followed, won back.

A producer, not a step of the runtime: a job calls this once a day, submits what it returns as candidates, and
engines and replays read them from the input log. Items are positions in the catalogue; texts, identifiers and
payloads are the caller's. Not here: which candidate is told, and when (`decision/decide.py`).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.errors import InvalidRecord
from tactful.kernel import kernel

SOURCES: Final = ("followed", "new", "popular", "win_back")
"""In the order in which they are looked up: what she asked for comes before what is guessed."""
SOURCE_TYPES: Final = ("new_content_from_followed", "recommendation", "recommendation", "win_back")
"""The shipped event type of each source's candidates."""

_ALWAYS: Final = int(np.iinfo(np.int64).min)


@dataclass(frozen=True, eq=False)
class Shelf:
    """The catalogue as arrays, one entry an item, known before `at_us` (microseconds since 1970 UTC).

    `popularity` is any score, more is better (reads of the last days); `quality` the prior in 0..1 that the
    candidate carries; `author` is -1 where nobody can be followed for it. Categories and authors are numbered from
    0; -1 is unknown and found by no one.
    """

    at_us: int
    category: Int[np.ndarray, " i"]
    author: Int[np.ndarray, " i"]
    published_us: Int[np.ndarray, " i"]
    popularity: Float[np.ndarray, " i"]
    quality: Float[np.ndarray, " i"]

    def __post_init__(self) -> None:
        """Checks that nothing comes from the future.

        Raises:
            InvalidRecord: an item published at `at_us` or later.
        """
        late = np.flatnonzero(self.published_us >= self.at_us)
        if len(late):
            raise InvalidRecord(
                f"got {len(late)} item(s) published at or after the catalogue's own time, item {late[0]} first, "
                "expected only what was known before; leave them for the next snapshot"
            )


@dataclass(frozen=True, eq=False)
class Readers:
    """What the generator reads of users, one row each; unused places of the wide arrays hold -1.

    `interests` are categories, the strongest first; `follows` are authors; `known` are catalogue items that she
    has read or was offered already; `skip` says which of `SOURCES` not to look up (`expected_empty`).
    """

    interests: Int[np.ndarray, "n f"]
    follows: Int[np.ndarray, "n a"]
    known: Int[np.ndarray, "n r"]
    last_visit_us: Int[np.ndarray, " n"]
    dormant: Bool[np.ndarray, " n"]
    skip: Bool[np.ndarray, "n s"]


@dataclass(frozen=True, eq=False)
class Generated:
    """Candidates by user and place, and what was looked up for them.

    `source` is an index into `SOURCES`. `looked` and `found` say for each user which sources were asked and which
    of these had an item for her: add them up over the days and `expected_empty` knows the type's availability.
    `skipped` counts the look-ups that this saved.
    """

    row: Int[np.ndarray, " m"]
    source: Int[np.ndarray, " m"]
    item: Int[np.ndarray, " m"]
    category: Int[np.ndarray, " m"]
    quality: Float[np.ndarray, " m"]
    looked: Bool[np.ndarray, "n s"]
    found: Bool[np.ndarray, "n s"]
    skipped: int

    @property
    def saved_share(self) -> float:
        """Look-ups that were skipped, as a share of all that would have been made."""
        wanted = self.skipped + int(self.looked.sum())
        return self.skipped / wanted if wanted else 0.0


def generate(shelf: Shelf, readers: Readers, limit: int = 3, per_source: int = 2, depth: int = 8) -> Generated:
    """Returns at most `limit` candidates a user, at most `per_source` of a source, none known to her, none twice.

    - followed: the newest items of authors she follows, published since her last visit;
    - new: the newest items in her categories, published since her last visit;
    - popular: the most popular items in her categories, the best of each category first;
    - win_back: for the dormant and for nobody else, the most popular items of all. The dormant get nothing else.

    A source is asked while she has room for more. Each row is worked out by itself, so that batches do not matter,
    and ties go to the earlier item of the catalogue.

    Args:
        shelf: the catalogue.
        readers: one row a user.
        limit: most candidates a user and day; 3, the default daily cap.
        per_source: most of them from one source.
        depth: how far down each category or author is looked.
    """
    n = len(readers.dormant)
    chosen, source = np.full((n, limit), -1), np.full((n, limit), -1)
    count = np.zeros(n, dtype=np.int64)
    looked, found = np.zeros(readers.skip.shape, dtype=np.bool_), np.zeros(readers.skip.shape, dtype=np.bool_)
    skipped = 0
    anything = np.zeros((n, 1), dtype=np.int64)
    popular, newest = -shelf.popularity, -shelf.published_us.astype(np.float64)
    rows_of = {
        "followed": (readers.follows, shelf.author, newest, readers.last_visit_us),
        "new": (readers.interests, shelf.category, newest, readers.last_visit_us),
        "popular": (readers.interests, shelf.category, popular, np.full(n, _ALWAYS)),
        "win_back": (anything, np.zeros(len(shelf.category), dtype=np.int64), popular, np.full(n, _ALWAYS)),
    }
    for place, name in enumerate(SOURCES):
        keys, item_key, order, since = rows_of[name]
        wanted = (count < limit) & (readers.dormant == (name == "win_back"))
        skipped += int((wanted & readers.skip[:, place]).sum())
        looked[:, place] = wanted & ~readers.skip[:, place]
        before = count.copy()
        _pick(_table(item_key, order, depth), keys, since, shelf.published_us, readers.known, looked[:, place],
              min(per_source, limit), chosen, count)  # fmt: skip
        found[:, place] = count > before
        filled = np.arange(limit)
        source[(filled >= before[:, None]) & (filled < count[:, None])] = place
    row, at = np.nonzero(chosen >= 0)
    item = chosen[row, at]
    return Generated(
        row=row,
        source=source[row, at],
        item=item,
        category=shelf.category[item],
        quality=shelf.quality[item].astype(np.float64),
        looked=looked,
        found=found,
        skipped=skipped,
    )


def expected_empty(
    looks: Int[np.ndarray, "n s"],
    finds: Int[np.ndarray, "n s"],
    u: Float[np.ndarray, "n s"],
    least_looks: int = 3,
    below: float = 0.2,
    recheck: float = 1 / 7,
) -> Bool[np.ndarray, "n s"]:
    """Returns which sources to skip: those that, for this user, were nearly always empty when asked.

    Args:
        looks: how often each of `SOURCES` was asked for her in the last weeks.
        finds: how often it had something.
        u: a hash draw in [0, 1) per user, day and source: below `recheck` it is asked all the same, about once a
            week, for people change and begin to follow somebody.
        least_looks: fewer prove nothing.
        below: share of finds under which it counts as empty.

    >>> expected_empty(np.array([[9, 9, 1]]), np.array([[0, 5, 0]]), np.full((1, 3), 0.5)).tolist()
    [[True, False, False]]
    """
    return (looks >= least_looks) & (finds < below * looks) & (u >= recheck)


def _table(key: NDArray[np.int64], order: NDArray[np.float64], depth: int) -> NDArray[np.int64]:
    """The first `depth` items of every key in falling worth (`order` ascends), one row a key, -1 where none is left."""
    items = np.lexsort((order, key))
    items = items[key[items] >= 0]
    sorted_key = key[items]
    table = np.full((int(sorted_key.max(initial=-1)) + 1, depth), -1, dtype=np.int64)
    rank = np.arange(len(items)) - np.searchsorted(sorted_key, sorted_key)
    near = rank < depth
    table[sorted_key[near], rank[near]] = items[near]
    return table


@kernel
def _pick(
    table: NDArray[Any],
    keys: NDArray[Any],
    since_us: NDArray[Any],
    published_us: NDArray[Any],
    known: NDArray[Any],
    looked: NDArray[Any],
    most: int,
    chosen: NDArray[Any],
    count: NDArray[Any],
) -> None:
    limit = chosen.shape[1]
    for i in range(len(keys)):
        if not looked[i]:
            continue
        end = min(count[i] + most, limit)
        for d in range(table.shape[1]):
            for f in range(keys.shape[1]):
                if count[i] >= end or keys[i, f] < 0 or keys[i, f] >= len(table):
                    continue
                item = table[keys[i, f], d]
                if item < 0 or published_us[item] <= since_us[i]:
                    continue
                fresh = True
                for r in range(known.shape[1]):
                    if known[i, r] == item:
                        fresh = False
                for r in range(count[i]):
                    if chosen[i, r] == item:
                        fresh = False
                if fresh:
                    chosen[i, count[i]] = item
                    count[i] += 1
