"""What categories say: the truth where there is enough to tell, nothing where not, and never a message's own answer."""

from dataclasses import replace

import numpy as np
import pytest

from rank_logs import rank_log
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.categories import leanings, leanings_from_others
from tactful.training.ranking.rows import RankRows, rows

CLICK = RANK_HEADS.index("click")


def _rows(rate_of: dict[int, float], n: int = 6000) -> RankRows:
    """Messages of some categories with clicks at these rates, five to a person."""
    rng, some = np.random.default_rng(1), rows(rank_log(n // 8, 8))
    category = rng.choice(list(rate_of), len(some))
    ids = some.inputs.candidate_ids.copy()
    ids[:, 0, 1] = category
    label = some.label.copy()
    label[:, CLICK] = rng.random(len(some)) < np.array([rate_of[c] for c in category.tolist()])
    return replace(some, inputs=replace(some.inputs, candidate_ids=ids), label=label)


def test_a_category_that_is_clicked_more_says_by_how_much_in_log_odds() -> None:
    said = leanings(_rows({3: 0.1, 7: 0.3}))[CLICK]
    assert said[7] - said[3] == pytest.approx(np.log(0.3 / 0.7) - np.log(0.1 / 0.9), abs=0.2)
    assert not said[[0, 1, 2, 1023]].any()


def test_categories_alike_say_next_to_nothing() -> None:
    said = leanings(_rows(dict.fromkeys(range(1, 60), 0.2)))[CLICK]
    assert np.abs(said).max() < 0.1


def test_no_answer_of_a_person_is_in_what_her_messages_are_taught_with() -> None:
    some = _rows({3: 0.1, 7: 0.3})
    before = leanings_from_others(some)
    person = some.user == some.user[100]
    after = leanings_from_others(replace(some, label=np.where(person[:, None], ~some.label, some.label)))
    assert np.array_equal(before[person], after[person])
    assert not np.array_equal(before, after)


def test_a_category_of_one_person_says_nothing_to_her() -> None:
    some = _rows({3: 0.1, 7: 0.3})
    ids = some.inputs.candidate_ids.copy()
    ids[some.user == some.user[0], 0, 1] = 99
    alone = replace(some, inputs=replace(some.inputs, candidate_ids=ids))
    assert not leanings_from_others(alone)[some.user == some.user[0]].any()
