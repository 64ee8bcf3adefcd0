"""The daily generator: what each source offers, what nobody is offered, and what is not looked up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.decision.candidates.generate import (
    SOURCE_TYPES,
    SOURCES,
    Generated,
    Readers,
    Shelf,
    expected_empty,
    generate,
)
from tactful.errors import InvalidRecord
from tactful.events.registry import Registry

NOW = 1_000
FOLLOWED, NEW, POPULAR, WIN_BACK = range(4)


def shelf(category: list[int], popularity: list[float], published: list[int], author: list[int]) -> Shelf:
    n = len(category)
    return Shelf(
        at_us=NOW,
        category=np.array(category, dtype=np.int64),
        author=np.array(author, dtype=np.int64),
        published_us=np.array(published, dtype=np.int64),
        popularity=np.array(popularity, dtype=np.float64),
        quality=np.linspace(0.0, 1.0, n),
    )


def reader(
    interests: tuple[int, ...] = (0,),
    follows: tuple[int, ...] = (-1,),
    known: tuple[int, ...] = (-1,),
    last_visit: int = NOW,
    dormant: bool = False,
    skip: tuple[int, ...] = (),
) -> Readers:
    return Readers(
        interests=np.array([interests], dtype=np.int64),
        follows=np.array([follows], dtype=np.int64),
        known=np.array([known], dtype=np.int64),
        last_visit_us=np.array([last_visit]),
        dormant=np.array([dormant]),
        skip=np.isin(np.arange(len(SOURCES)), skip)[None, :],
    )


FOUR = shelf(category=[0, 0, 1, 1], popularity=[5, 9, 7, 8], published=[10, 20, 30, 40], author=[0, 0, 1, 1])


def offered(made: Generated) -> list[tuple[str, int]]:
    return [(SOURCES[s], i) for s, i in zip(made.source.tolist(), made.item.tolist(), strict=True)]


def test_every_source_has_a_shipped_event_type() -> None:
    assert len(SOURCE_TYPES) == len(SOURCES)
    assert set(SOURCE_TYPES) <= set(Registry.shipped().names)


def test_popular_takes_the_best_of_each_of_her_categories_first() -> None:
    made = generate(FOUR, reader(interests=(1, 0)), limit=4, per_source=4)
    assert offered(made) == [("popular", 3), ("popular", 1), ("popular", 2), ("popular", 0)]
    assert made.category.tolist() == [1, 0, 1, 0]
    assert made.quality.tolist() == FOUR.quality[made.item].tolist()


def test_new_items_are_those_since_her_last_visit_and_newest_first() -> None:
    made = generate(FOUR, reader(interests=(0, 1), last_visit=20), limit=2)
    assert offered(made) == [("new", 3), ("new", 2)]


def test_news_of_followed_authors_comes_before_everything_else() -> None:
    made = generate(FOUR, reader(interests=(1,), follows=(0, -1), last_visit=15), limit=3, per_source=1)
    assert offered(made) == [("followed", 1), ("new", 3), ("popular", 2)]


def test_dormant_users_get_win_backs_and_others_get_none() -> None:
    assert offered(generate(FOUR, reader(dormant=True), limit=2)) == [("win_back", 1), ("win_back", 3)]
    assert "win_back" not in dict(offered(generate(FOUR, reader(interests=(0, 1)), limit=4)))


def test_a_user_without_interests_is_offered_nothing_and_a_found_source_is_told_from_an_empty_one() -> None:
    made = generate(FOUR, reader(interests=(-1, -1)))
    assert len(made.item) == 0
    assert made.looked[0].tolist() == [True, True, True, False]
    assert not made.found.any()


def test_skipped_sources_are_not_looked_up_and_are_counted_as_saved() -> None:
    made = generate(FOUR, reader(interests=(0,), last_visit=0, skip=(FOLLOWED, NEW, WIN_BACK)))
    assert set(made.source.tolist()) == {POPULAR}
    assert made.looked[0].tolist() == [False, False, True, False]
    assert made.skipped == 2, "win-back is not for her, so nothing is saved by skipping it"
    assert made.saved_share == pytest.approx(2 / 3)


def test_a_full_list_needs_no_further_look_up() -> None:
    made = generate(FOUR, reader(interests=(0, 1), last_visit=0), limit=1)
    assert made.looked[0].tolist() == [True, True, False, False]


def test_an_empty_catalogue_offers_nothing() -> None:
    made = generate(shelf([], [], [], []), reader())
    assert len(made.row) == 0
    assert made.skipped == 0


def test_a_catalogue_with_items_from_the_future_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="item 1 first"):
        shelf([0, 0], [1, 1], [NOW - 1, NOW], [-1, -1])


def test_a_source_is_skipped_after_empty_look_ups_and_asked_again_about_once_a_week() -> None:
    days = np.linspace(0.0, 1.0, 700, endpoint=False)[:, None]
    looks, finds = np.full((700, 1), 5), np.zeros((700, 1), dtype=np.int64)
    assert expected_empty(looks, finds, days).mean() == pytest.approx(6 / 7, abs=0.01)
    assert not expected_empty(looks * 0 + 2, finds, days).any(), "two look-ups prove nothing"
    assert not expected_empty(looks, finds + 1, days).any()


# --- properties ----------------------------------------------------------------------------------------------


@st.composite
def days(draw: st.DrawFn) -> tuple[Shelf, Readers, int]:
    """A random catalogue, up to 8 users, and a limit."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    items, n = draw(st.integers(0, 30)), draw(st.integers(1, 8))
    made = Shelf(
        at_us=NOW,
        category=rng.integers(-1, 5, items),
        author=rng.integers(-1, 4, items),
        published_us=rng.integers(0, NOW, items),
        popularity=rng.integers(0, 4, items).astype(np.float64),
        quality=rng.random(items),
    )
    readers = Readers(
        interests=rng.integers(-1, 7, (n, draw(st.integers(0, 3)))),
        follows=rng.integers(-1, 6, (n, draw(st.integers(0, 2)))),
        known=rng.integers(-1, max(items, 1), (n, draw(st.integers(0, 12)))),
        last_visit_us=rng.integers(0, NOW, n),
        dormant=rng.random(n) < 0.3,
        skip=rng.random((n, len(SOURCES))) < 0.2,
    )
    return made, readers, draw(st.integers(0, 5))


def rows(readers: Readers, index: np.ndarray) -> Readers:
    return replace(readers, **{name: value[index] for name, value in vars(readers).items()})


@settings(max_examples=150, deadline=None)
@given(days())
def test_never_a_known_item_never_one_outside_the_catalogue_never_twice_never_over_the_limit(
    day: tuple[Shelf, Readers, int],
) -> None:
    catalogue, readers, limit = day
    made = generate(catalogue, readers, limit=limit)
    assert ((made.item >= 0) & (made.item < len(catalogue.category))).all()
    assert not (readers.known[made.row] == made.item[:, None]).any()
    assert len(set(zip(made.row.tolist(), made.item.tolist(), strict=True))) == len(made.item)
    assert np.bincount(made.row, minlength=1).max(initial=0) <= limit
    assert (readers.dormant[made.row] == (made.source == WIN_BACK)).all()
    news = made.source <= NEW
    assert (catalogue.published_us[made.item[news]] > readers.last_visit_us[made.row[news]]).all()
    assert made.looked[made.row, made.source].all()
    assert not (made.looked & readers.skip).any()


@settings(max_examples=100, deadline=None)
@given(days(), st.integers(0, 2**32 - 1))
def test_what_a_user_is_offered_does_not_depend_on_her_batch(day: tuple[Shelf, Readers, int], seed: int) -> None:
    catalogue, readers, limit = day
    n = len(readers.dormant)
    together = generate(catalogue, readers, limit=limit)
    order = np.random.default_rng(seed).permutation(n)
    shuffled = generate(catalogue, rows(readers, order), limit=limit)
    for i in range(n):
        alone = offered(generate(catalogue, rows(readers, np.array([i])), limit=limit))
        mine, moved = together.row == i, order[shuffled.row] == i
        assert alone == [(SOURCES[s], k) for s, k in zip(together.source[mine], together.item[mine], strict=True)]
        assert alone == [(SOURCES[s], k) for s, k in zip(shuffled.source[moved], shuffled.item[moved], strict=True)]
