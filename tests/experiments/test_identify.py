"""The table of what a log can judge: every change has its row, and no row claims what nothing was randomised for."""

import pytest

from tactful.errors import NotIdentifiable
from tactful.experiments.identify import CHANGES, TABLE, row_for, row_for_settings


def test_every_change_has_a_row_that_names_what_was_randomised() -> None:
    assert tuple(TABLE) == CHANGES
    for change in CHANGES:
        row = row_for(change)
        assert row.change == change
        assert row.rewards
        assert row.share.startswith("exploration.")


def test_settings_find_their_row() -> None:
    assert row_for_settings(["rules.weights", "rules.further_visit"]).change == "candidate"
    assert row_for_settings(["volume.per_user_per_week"]).change == "volume"


def test_what_was_not_randomised_is_for_an_experiment() -> None:
    with pytest.raises(NotIdentifiable, match=r"rules.daily_cap: not identifiable from this log: A/B only"):
        row_for_settings(["rules.weights", "rules.daily_cap"])
    with pytest.raises(NotIdentifiable, match="A/B only"):
        row_for("template")
    with pytest.raises(NotIdentifiable, match="nothing to judge"):
        row_for_settings([])
    with pytest.raises(NotIdentifiable, match="one after the other"):
        row_for_settings(["rules.weights", "volume.per_user_per_week"])
