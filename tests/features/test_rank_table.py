"""A message as one row of numbers: what fits the candidate is counted, by age, and only what is there."""

from dataclasses import replace

import numpy as np

from rank_rows import rank_rows
from tactful.events.records import KINDS
from tactful.features.rank_table import COLUMNS, rank_table
from tactful.features.ranking import AGES, USER

INPUTS = rank_rows(6, 2)


def _row(inputs: object = INPUTS, place: int = 0, channel: int = 1) -> dict[str, float]:
    row = rank_table(inputs, np.array([3]), np.array([place]), np.array([channel]))[0]  # type: ignore[arg-type]
    return dict(zip(COLUMNS, row.tolist(), strict=True))


def test_numbers_are_those_of_person_candidate_and_channel() -> None:
    row = _row(place=1, channel=1)
    assert row["quality"] == np.float32(INPUTS.candidate[3, 1, 0])
    assert row["type"] == INPUTS.candidate_ids[3, 1, 0]
    assert row["channel"] == 1
    assert row["click_rate_here"] == np.float32(INPUTS.user[3, USER.index("click_rate_push")])
    assert row["hour"] == INPUTS.user_ids[3, 1]


def test_entries_of_the_candidates_category_are_counted_by_age() -> None:
    content = np.zeros_like(INPUTS.content)
    category = int(INPUTS.candidate_ids[3, 0, 1])
    content[3, :4] = [[category, 1, 2], [category + 1, 1, 3], [category, 1, 8], [category, 1, 12]]
    row = _row(replace(INPUTS, content=content))
    assert [row[f"content_{name}"] for name in ("n", "newest", "category_1d", "category_7d", "category")] == [
        4.0, 2.0, 1.0, 2.0, 3.0,
    ]  # fmt: skip
    assert row["content_category_newest"] == 2.0


def test_an_empty_past_is_as_old_as_can_be() -> None:
    row = _row(rank_rows(6, 2, empty=True))
    assert {row[name] for name in COLUMNS if name.endswith("_newest") or name.endswith("s_newest")} == {float(AGES)}
    assert row["sends_n"] == row["content_n"] == row["answers_opens"] == 0.0


def test_no_category_is_like_nothing() -> None:
    ids, content = INPUTS.candidate_ids.copy(), INPUTS.content.copy()
    ids[3, 0, 1], content[3, 0] = 0, [0, 1, 1]
    assert _row(replace(INPUTS, candidate_ids=ids, content=content))["content_category"] == 0.0


def test_answers_are_counted_by_kind_and_channel() -> None:
    answers = np.zeros_like(INPUTS.answers)
    opened, clicked = KINDS.index("open") + 1, KINDS.index("click") + 1
    left = KINDS.index("complaint") + 1
    answers[3, :4] = [[0, opened, 2, 4], [0, clicked, 2, 4], [0, opened, 1, 9], [0, left, 2, 9]]
    row = _row(replace(INPUTS, answers=answers))
    names = ("opens", "clicks", "leavings", "channel_opens", "channel_clicks", "open_newest", "click_newest")
    assert [row[f"answers_{name}"] for name in names] == [2.0, 1.0, 1.0, 1.0, 1.0, 4.0, 4.0]


def test_a_row_alone_has_the_same_numbers_as_among_many() -> None:
    row, place = np.repeat(np.arange(6), 2), np.tile(np.arange(2), 6)
    many = rank_table(INPUTS, row, place, np.zeros(12, dtype=np.int64))
    for i in range(12):
        one = rank_table(INPUTS, row[i : i + 1], place[i : i + 1], np.zeros(1, dtype=np.int64))
        assert one.tobytes() == many[i : i + 1].tobytes()
