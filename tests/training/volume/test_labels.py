"""What becomes of an assignment, and when it is known."""

import numpy as np
import pytest

from tactful.clock import DAY_US, WEEK_US
from tactful.events.records import ACTIVE_KINDS, KINDS
from tactful.features.join import LEAVING_KINDS
from tactful.training.volume.labels import Labels, label
from volume_logs import SESSION, START_US, UNSUBSCRIBE, assignments, drawn


def _one(*events: tuple[float, int], until_us: int = START_US + 12 * WEEK_US, weeks: int = 8) -> Labels:
    """The labels of one assignment; events are (days since its start, kind)."""
    at = [(0, START_US + round(days * DAY_US), kind) for days, kind in events]
    return label(assignments(k=[3], weeks=weeks, events=at, until_us=until_us))


def _counts(labels: Labels, head: str) -> tuple[int, int]:
    counts = getattr(labels, head)
    return int(counts.trials[0]), int(counts.positives[0])


def test_each_day_counts_once_however_often_she_comes() -> None:
    labels = _one((0.1, SESSION), (0.9, SESSION), (1.0, SESSION), (9.5, SESSION))
    assert _counts(labels, "days") == (56, 3)
    assert _counts(labels, "weeks") == (8, 2)
    assert _counts(labels, "left") == (8, 0)
    assert _counts(labels, "after") == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_activity_in_the_app_from_any_entry_counts_and_nothing_else(kind: str) -> None:
    labels = _one((2.5, KINDS.index(kind)))
    in_the_app = kind in ACTIVE_KINDS and kind != "open"  # an e-mail is opened in a mailbox
    assert _counts(labels, "days")[1] == int(in_the_app)


@pytest.mark.parametrize("kind", LEAVING_KINDS)
def test_every_way_of_leaving_ends_the_risk(kind: str) -> None:
    labels = _one((10.2, KINDS.index(kind)))
    assert _counts(labels, "left") == (2, 1)
    assert _counts(labels, "days") == (11, 0)
    assert labels.left_at_us[0] == START_US + round(10.2 * DAY_US)


def test_days_after_leaving_are_not_days_of_a_subscriber() -> None:
    labels = _one((0.5, SESSION), (3.5, SESSION), (3.6, UNSUBSCRIBE), (4.5, SESSION), (30.0, SESSION))
    assert _counts(labels, "days") == (4, 2)
    assert _counts(labels, "weeks") == (1, 1)


def test_only_the_first_leaving_counts() -> None:
    labels = _one((3.6, UNSUBSCRIBE), (20.0, UNSUBSCRIBE))
    assert _counts(labels, "left") == (1, 1)


def test_leaving_before_or_after_the_assignment_is_none_of_it() -> None:
    labels = _one((-1.0, UNSUBSCRIBE), (56.0, UNSUBSCRIBE))
    assert _counts(labels, "left") == (8, 0)
    assert _counts(labels, "days") == (56, 0)


def test_leaving_on_the_boundary_of_two_weeks_belongs_to_the_later_one() -> None:
    assert _counts(_one((7.0, UNSUBSCRIBE)), "left") == (2, 1)
    assert _counts(_one((6.999999, UNSUBSCRIBE)), "left") == (1, 1)


def test_a_week_is_known_from_the_instant_at_which_it_is_over() -> None:
    over = START_US + 2 * WEEK_US
    assert _counts(_one(until_us=over), "left") == (2, 0)
    assert _counts(_one(until_us=over - 1), "left") == (1, 0)
    assert _counts(_one(until_us=over - 1), "days") == (7, 0)


def test_who_leaves_in_a_week_that_is_not_over_is_a_positive_later() -> None:
    event = (8.0, UNSUBSCRIBE)
    before = _one(event, until_us=START_US + 2 * WEEK_US - 1)
    after = _one(event, until_us=START_US + 2 * WEEK_US)
    assert _counts(before, "left") == (1, 0)
    assert _counts(before, "days") == (7, 0)
    assert _counts(after, "left") == (2, 1)
    assert _counts(after, "days") == (9, 0)


def test_a_week_that_the_assignment_cuts_does_not_count() -> None:
    log = assignments(k=[3])
    cut = type(log)(**{**vars(log), "end_us": log.end_us - 1})
    assert label(cut).left.trials.tolist() == [7]


def test_the_fourth_week_after_leaving_is_days_21_to_27_after_it() -> None:
    left = 5.3
    inside = [(left + d, SESSION) for d in (21.0, 21.4, 24.5, 27.99)]
    outside = [(left + d, SESSION) for d in (0.5, 20.99, 28.0)]
    labels = _one((left, UNSUBSCRIBE), *inside, *outside)
    assert _counts(labels, "after") == (7, 3)


def test_the_fourth_week_is_known_from_the_instant_at_which_it_is_over() -> None:
    left = (5.0, UNSUBSCRIBE)
    over = START_US + 33 * DAY_US
    assert _counts(_one(left, until_us=over), "after") == (7, 0)
    assert _counts(_one(left, until_us=over - 1), "after") == (0, 0)


def test_labels_of_one_person_are_not_moved_by_another() -> None:
    events = [(u, START_US + u * DAY_US + DAY_US // 2, SESSION) for u in range(5)]
    together = label(assignments(k=[1, 2, 3, 5, 7], events=events))
    assert together.days.positives.tolist() == [1] * 5


def test_two_assignments_of_one_person_share_her_engagements_by_time() -> None:
    log = assignments(k=[3, 5], events=[(0, START_US + 9 * WEEK_US, SESSION), (0, START_US + DAY_US, SESSION)])
    second = START_US + 8 * WEEK_US
    log = type(log)(
        **{
            **vars(log),
            "user": np.zeros(2, dtype=np.int64),
            "start_us": np.array([START_US, second]),
            "end_us": np.array([second, second + 8 * WEEK_US]),
        }
    )
    assert label(log).days.positives.tolist() == [1, 1]
    assert label(log).weeks.trials.tolist() == [8, 4]


def test_folded_rows_have_the_loss_of_one_row_a_day() -> None:
    log, _ = drawn(200, seed=1)
    days = label(log).days
    p = np.random.default_rng(2).uniform(0.05, 0.95, len(log))
    row, positive, weight = days.rows()
    folded = -(weight * np.log(np.where(positive, p[row], 1.0 - p[row]))).sum()
    unfolded = 0.0
    for i in range(len(log)):
        daily = np.arange(days.trials[i]) < days.positives[i]
        unfolded -= np.log(np.where(daily, p[i], 1.0 - p[i])).sum()
    assert folded == pytest.approx(unfolded, rel=1e-12)
    assert weight.sum() == days.trials.sum()


def test_the_number_sent_would_make_those_who_leave_look_under_mailed() -> None:
    """The trap that the assigned budget avoids: by the number sent, more messages seem to keep people."""
    log, _ = drawn(20_000, seed=3, hazard=0.01, per_message=0.2)
    left = label(log).left
    gone = left.positives > 0
    assert log.k[gone].mean() > log.k[~gone].mean() + 1.0
    assert log.sent[gone].mean() < log.sent[~gone].mean() - 1.0
