"""Only budgets in force now are watched, and only a fill that moved is told."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.clock import WEEK_US
from tactful.training.volume.fill import Fill, fill_of
from tactful.training.volume.labels import label
from tactful.training.volume.log import VolumeLog
from tactful.training.volume.watch import moved_since
from volume_logs import START_US, assignments

WEEKS = 4


@pytest.fixture
def log() -> VolumeLog:
    """300 people with 5 a week for four weeks so far, four of five sent."""
    k = [5] * 300
    found = assignments(k, until_us=START_US + WEEKS * WEEK_US)
    return replace(found, sent=np.full(300, WEEKS * 4))


@pytest.fixture
def trained(log: VolumeLog) -> Fill:
    return fill_of(log, label(log))


def test_the_same_fill_says_nothing(log: VolumeLog, trained: Fill) -> None:
    assert moved_since(trained, log) == ()


def test_a_fill_that_fell_asks_to_train_again_for_every_reach(log: VolumeLog, trained: Fill) -> None:
    found = moved_since(trained, replace(log, sent=np.full(300, WEEKS * 3)))
    assert [said.partition(",")[0] for said in found] == ["email_only", "push_only", "both"]
    assert found[0] == "email_only, budget 5: 0.60 of it is sent, 0.80 at training; train again"


def test_budgets_of_an_earlier_period_are_not_watched(log: VolumeLog, trained: Fill) -> None:
    over = replace(log, sent=np.full(300, WEEKS), until_us=START_US + 12 * WEEK_US)
    assert moved_since(trained, over) == ()
