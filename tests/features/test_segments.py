"""Segments by hand: each definition, at its edges, and which of two comes first."""

import numpy as np
import pytest

from tactful.events.records import CHANNELS
from tactful.features.segments import SEGMENTS, segment_of


def name(days: int = 0, signup: int = 400, gap: int = 0, since_return: int = 99, channels: str = "email") -> str:
    reach = sum(1 << CHANNELS.index(channel) for channel in CHANNELS if channel in channels.split())
    one = [np.array([value]) for value in (days, signup, gap, since_return)]
    return SEGMENTS[segment_of(*one, np.array([reach], dtype=np.uint8))[0]]


@pytest.mark.parametrize(
    ("days", "activity"),
    [(0, "dormant"), (1, "marginal"), (3, "marginal"), (4, "casual"), (7, "casual"), (8, "core"), (28, "core")],
)
def test_activity_follows_the_active_days_of_four_weeks(days: int, activity: str) -> None:
    assert name(days) == f"{activity}/email_only"


def test_new_for_28_days_whatever_else_holds() -> None:
    assert name(20, signup=28) == "new/email_only"
    assert name(20, signup=29) == "core/email_only"


def test_resurrected_for_a_week_after_four_weeks_away() -> None:
    assert name(1, gap=28, since_return=7) == "resurrected/email_only"
    assert name(1, gap=28, since_return=8) == "marginal/email_only"
    assert name(1, gap=27, since_return=0) == "marginal/email_only"


@pytest.mark.parametrize(
    ("channels", "reach"),
    [
        ("email", "email_only"),
        ("email webhook", "email_only"),
        ("push", "push_only"),
        ("web_push in_app", "push_only"),
        ("webhook", "push_only"),
        ("", "push_only"),
        ("email in_app", "both"),
        ("email push webhook", "both"),
    ],
)
def test_reach_follows_the_channels(channels: str, reach: str) -> None:
    assert name(5, channels=channels) == f"casual/{reach}"


def test_there_are_eighteen_segments_and_the_index_is_activity_times_three_plus_reach() -> None:
    assert len(SEGMENTS) == 18
    assert SEGMENTS[3 * 3 + 2] == "dormant/both"
