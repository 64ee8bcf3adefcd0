"""Levels of complaints and bounces, and the share of user-days that they leave open."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.decision.policy.reputation import SHAPE, Guard, Levels, groups, judge, shut
from tactful.errors import InvalidSettings
from tactful.events.records import CHANNELS
from tactful.features.mailbox import MAILBOXES

EMAIL, GMAIL, YAHOO = CHANNELS.index("email"), MAILBOXES.index("gmail"), MAILBOXES.index("yahoo")


def at_gmail(count: int) -> NDArray[np.int64]:
    cell = np.zeros(SHAPE, dtype=np.int64)
    cell[EMAIL, GMAIL] = count
    return cell


def found(sends: int, complaints: int = 0, bounces: int = 0) -> tuple[float, float, float]:
    guard = judge(at_gmail(sends), at_gmail(complaints), at_gmail(bounces), Levels())
    assert (guard.share[np.arange(SHAPE[0]) != EMAIL] == 1.0).all()
    share, rate, level = (float(cells[EMAIL, GMAIL]) for cells in (guard.share, guard.rate, guard.level))
    return share, rate, level


@pytest.mark.parametrize(
    ("complaints", "bounces", "want"),
    [
        (9, 0, (1.0, 0.0, 0.0)),
        (10, 0, (0.5, 0.001, 0.001)),
        (29, 0, (0.5, 0.0029, 0.001)),
        (30, 0, (0.0, 0.003, 0.003)),
        (0, 199, (1.0, 0.0, 0.0)),
        (0, 200, (0.5, 0.02, 0.02)),
        (0, 500, (0.0, 0.05, 0.05)),
        (15, 500, (0.0, 0.05, 0.05)),
        (15, 300, (0.5, 0.0015, 0.001)),
    ],
)
def test_levels_throttle_then_stop_and_the_stricter_one_tells(
    complaints: int, bounces: int, want: tuple[float, float, float]
) -> None:
    assert found(10_000, complaints, bounces) == pytest.approx(want)


def test_few_sends_are_not_judged() -> None:
    assert found(1_999, 1_999)[0] == 1.0
    assert found(2_000, 2_000)[0] == 0.0


def test_a_level_that_stops_before_it_throttles_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="bounce_stop"):
        Levels(bounce_throttle=0.1)


def test_the_share_that_is_open_is_drawn_by_user_and_day_and_holds_all_day() -> None:
    guard = Guard.open()
    guard.share[EMAIL, GMAIL] = 0.5
    user = np.arange(20_000, dtype=np.uint64)
    gmail = np.full(len(user), GMAIL)
    morning, evening, next_day = (
        shut(7, user, np.full(len(user), at), gmail, guard) for at in (DAY_US, 2 * DAY_US - 1, 2 * DAY_US)
    )
    assert (morning == evening).all()
    assert morning[:, EMAIL].mean() == pytest.approx(0.5, abs=0.011)
    assert (morning != next_day)[:, EMAIL].mean() == pytest.approx(0.5, abs=0.011)
    assert not np.delete(morning, EMAIL, axis=1).any()
    assert not shut(7, user, np.full(len(user), DAY_US), np.full(len(user), YAHOO), guard).any()


def test_only_email_has_mailboxes() -> None:
    assert groups(np.array([GMAIL, YAHOO]))[:, EMAIL].tolist() == [GMAIL, YAHOO]
    assert not np.delete(groups(np.array([GMAIL, YAHOO])), EMAIL, axis=1).any()
