"""The daily producer: candidates from what was read before, as records for the input log."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from globo.people import People
from tactful import draws
from tactful.clock import DAY_US, MINUTE_US, from_us
from tactful.decision.candidates.generate import (
    SOURCE_TYPES,
    SOURCES,
    Generated,
    Readers,
    Shelf,
    expected_empty,
    generate,
)
from tactful.events.records import Candidate, Catalogue, Item

BEFORE_MIDNIGHT_US: Final = 10 * MINUTE_US
SHELF_US: Final = 2 * DAY_US
"""An article that nobody read for two days is not offered."""
INTEREST_US: Final = 7 * DAY_US
"""Interests are the categories read in the last week; who came before and not in it counts as dormant."""
INTERESTS, KNOWN, A_DAY = 5, 64, 3

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Day:
    """What was made for one day at an instant: the shelf, its articles, the candidates.

    For the rivals: `first` holds the categories of each user's candidates in the order of their making, `popular`
    those of the most read articles that she did not know; -1 where there are fewer.
    """

    number: int
    at_us: int
    articles: Ints
    shelf: Shelf
    made: Generated
    first: Ints
    popular: Ints


class Producer:
    """Remembers what it offered, and which sources had something for whom."""

    def __init__(self, people: People, below: float = 0.2) -> None:
        """Starts at nothing; a source is skipped that had something in fewer than `below` of the looks at it."""
        self._people, self._below = people, below
        self._looks: Ints = np.zeros((people.n, len(SOURCES)), dtype=np.int64)
        self._finds = self._looks.copy()
        self._offered: Ints = np.zeros((people.n, 0), dtype=np.int64)

    def make(self, day: int) -> Day:
        """Returns the candidates of a local day, made shortly before it begins."""
        articles, shelf, readers = self.asked(day)
        made = generate(shelf, readers, limit=A_DAY)
        n = self._people.n
        everyone = replace(readers, dormant=np.ones(n, dtype=np.bool_), skip=np.zeros_like(readers.skip))
        best = generate(shelf, everyone, limit=A_DAY, per_source=A_DAY, depth=2 * KNOWN)
        self._looks = self._looks + made.looked
        self._finds = self._finds + made.found
        offered = _table(made.row, articles[made.item], n, A_DAY)
        self._offered = np.concatenate([self._offered, offered], axis=1)
        first, popular = (_table(each.row, each.category, n, A_DAY) for each in (made, best))
        now = self._people.start_us(day) - BEFORE_MIDNIGHT_US
        return Day(day, now, articles, shelf, made, first, popular)

    def asked(self, day: int) -> tuple[Ints, Shelf, Readers]:
        """Returns what the generator is asked for a day: the shelf with its articles, and everybody as she is seen."""
        people = self._people
        now = people.start_us(day) - BEFORE_MIDNIGHT_US
        articles, shelf = _shelf(people, now)
        u = np.stack([draws.uniform(0, people.keys, day, f"look up {source}") for source in SOURCES], axis=1)
        skip = expected_empty(self._looks, self._finds, u, below=self._below)
        return articles, shelf, _readers(people, now, articles, self._offered, skip)


def catalogue(day: Day, people: People) -> Catalogue:
    """Returns the snapshot that the day's candidates were drawn from."""
    shelf = day.shelf
    popular: dict[int, list[Item]] = {}
    for place in np.argsort(-shelf.popularity, kind="stable").tolist():
        popular.setdefault(int(shelf.category[place]), []).append(_item(day, place, people))
    return Catalogue(
        version=f"globo-{day.number}",
        at=from_us(day.at_us),
        popular={category: tuple(items) for category, items in popular.items()},
    )


def candidates(day: Day, people: People) -> Iterator[Candidate]:
    """Yields the day's candidates as records; an article offered again replaces its older self in the pool."""
    made = day.made
    for row, source, place in zip(made.row.tolist(), made.source.tolist(), made.item.tolist(), strict=True):
        item = _item(day, place, people)
        yield Candidate(
            candidate_id=f"{day.number}:{people.ids[row]}:{item.item_id}",
            user_id=people.ids[row],
            type=SOURCE_TYPES[source],
            created_at=from_us(day.at_us),
            payload={"title": f"Artigo {item.item_id}", "url": f"https://news.example/{item.item_id}"},
            items=(item,),
            group_key=item.item_id,
            source=SOURCES[source],
        )


def _item(day: Day, place: int, people: People) -> Item:
    article = people.item_ids[int(day.articles[place])]
    return Item(article, int(day.shelf.category[place]), float(day.shelf.quality[place]))


def _shelf(people: People, now: int) -> tuple[Ints, Shelf]:
    """Articles read in the last 48 hours; reads of the last 24 count whole, older ones half."""
    past = people.at_us < now
    recent = past & (people.at_us >= now - SHELF_US)
    articles, first, place = np.unique(people.item[recent], return_index=True, return_inverse=True)
    score = np.bincount(place, np.where(people.at_us[recent] >= now - DAY_US, 1.0, 0.5), len(articles))
    published = np.full(len(people.item_ids), now)
    np.minimum.at(published, people.item[past], people.at_us[past])
    rank = np.argsort(np.argsort(score, kind="stable"), kind="stable")
    return articles, Shelf(
        at_us=now,
        category=people.category[recent][first],
        author=np.full(len(articles), -1),
        published_us=published[articles],
        popularity=score.astype(np.float64),
        quality=(rank + 1.0) / max(len(articles), 1),
    )


def _readers(people: People, now: int, articles: Ints, offered: Ints, skip: Bool[np.ndarray, "n s"]) -> Readers:
    """Everybody as the generator sees her at an instant."""
    past = people.at_us < now
    user, at_us, item = people.user[past], people.at_us[past], people.item[past]
    last: Ints = np.zeros(people.n, dtype=np.int64)
    np.maximum.at(last, user, at_us)
    backwards = np.lexsort((-at_us, user))
    read = _table(user[backwards], item[backwards], people.n, KNOWN)
    return Readers(
        interests=_interests(people, past & (people.at_us >= now - INTEREST_US)),
        follows=np.full((people.n, 1), -1),
        known=_places(np.concatenate([read, offered], axis=1), articles),
        last_visit_us=last,
        dormant=(last > 0) & (last < now - INTEREST_US),
        skip=skip,
    )


def _interests(people: People, recent: Bool[np.ndarray, " m"]) -> Int[np.ndarray, "n f"]:
    """The categories that each user read most, of equals the one read last."""
    pairs = np.stack([people.user[recent], people.category[recent]], axis=1)
    pair, place, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    latest: Ints = np.zeros(len(pair), dtype=np.int64)
    np.maximum.at(latest, place.ravel(), people.at_us[recent])
    order = np.lexsort((-latest, -count, pair[:, 0]))
    return _table(pair[order, 0], pair[order, 1], people.n, INTERESTS)


def _table(row: Ints, value: Ints, n: int, width: int) -> Ints:
    """The first `width` values of each row; rows ascend, unused places hold -1."""
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    table: Ints = np.full((n, width), -1, dtype=np.int64)
    near = rank < width
    table[row[near], rank[near]] = value[near]
    return table


def _places(wanted: Ints, articles: Ints) -> Ints:
    """Where articles stand on the shelf, -1 for those that do not."""
    place = np.minimum(np.searchsorted(articles, wanted), len(articles) - 1)
    return np.where(articles[place] == wanted, place, -1)
