"""The truth test in small: a store of a known world, read, fitted, and its constants found again; all simulated."""

from dataclasses import replace

import numpy as np
import pytest

import fit_store
from tactful.clock import DAY_US
from tactful.errors import InvalidExperiment, NotEnoughData
from tactful.simulator.columns import joined, pick
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.fit.fitting import fit
from tactful.simulator.fit.log import AppLog, explored
from tactful.simulator.fit.moments import moments
from tactful.simulator.fit.report import Fit
from tactful.simulator.fit.stored import read_log
from tactful.simulator.fit.told_by import TOLD_BY
from tactful.simulator.protocol import SendColumns
from tactful.simulator.tally import NO_FEATURES
from tactful.simulator.world import START_US
from tactful.stores.memory import MemoryStore

pytestmark = pytest.mark.usefixtures("shapes_unchecked")
NAMES = ("visits", "attention", "email_lingers_hours", "fatigue_dulls")


@pytest.fixture(scope="module")
def app(shapes_unchecked: None) -> fit_store.Lived:
    return fit_store.lived()


@pytest.fixture(scope="module")
def stored(app: fit_store.Lived) -> AppLog:
    fit_store.fill(store := MemoryStore(), app)
    return read_log(store)


@pytest.fixture(scope="module")
def found(stored: AppLog) -> Fit:
    return fit(stored, people=300, seed=1, names=NAMES)


def test_a_store_is_counted_like_the_columns_that_went_into_it(app: fit_store.Lived, stored: AppLog) -> None:
    sends, seen = joined(app.sends), joined(app.seen)
    since, until = stored.since_us, START_US + fit_store.DAYS * DAY_US
    log = ExplorationLog(
        app.world.users(), since, until, np.zeros(6, np.int64), pick(sends, sends.at_us >= since), NO_FEATURES,
        pick(seen, seen.at_us >= since),
    )  # fmt: skip
    columns = explored(log, np.zeros(fit_store.PEOPLE, np.bool_))
    assert stored.n == columns.n
    assert stored.until_us == until
    assert len(stored.sends.user) == len(columns.sends.user)
    assert np.array_equal(np.sort(stored.type), np.sort(columns.type))
    assert np.allclose(moments(stored).value, moments(columns).value)


def test_constants_of_the_world_behind_a_log_are_found_within_three_standard_errors(found: Fit) -> None:
    for each in found.constants:
        if each.low is not None and each.high is not None:
            error = np.log(each.high / each.low) / (2.0 * 1.96)
            assert abs(np.log(each.value / getattr(fit_store.TRUTH, each.name))) < 3.0 * error
    fitted = {each.name for each in found.constants if each.low is not None}
    assert fitted == {"visits", "attention", "email_lingers_hours"}


def test_the_fitted_world_counts_more_like_the_log(found: Fit) -> None:
    before = sum(np.log(each.before / each.app) ** 2 for each in found.moments)
    after = sum(np.log(each.after / each.app) ** 2 for each in found.moments)
    assert after < before / 2.0
    assert found.world.attention > 1.3 * 0.08
    assert found.degrees == len(found.moments) - 3


def test_what_only_drawn_budgets_tell_is_kept_without_them(found: Fit) -> None:
    kept = {each.name: each.kept for each in found.constants}
    assert kept["fatigue_dulls"] == "not identifiable: no budgets drawn at random"
    assert kept["habit_lift"] == "not fitted"
    assert len(found.constants) == len(TOLD_BY)


def test_too_short_a_log_is_refused_with_what_is_missing(stored: AppLog) -> None:
    short = replace(stored, since_us=stored.until_us - 14 * DAY_US)
    with pytest.raises(NotEnoughData, match="14 whole days"):
        fit(short, 100)
    with pytest.raises(InvalidExperiment, match="50 simulated people"):
        fit(stored, 50)


def test_a_store_without_messages_or_people_is_refused(app: fit_store.Lived) -> None:
    with pytest.raises(NotEnoughData, match="no engagement"):
        read_log(MemoryStore())
    sends, seen = [SendColumns.none()] * len(app.seen), [pick(each, each.decision < 0) for each in app.seen]
    fit_store.fill(store := MemoryStore(), app._replace(sends=sends, seen=seen))
    with pytest.raises(NotEnoughData, match="neither sends nor receipts"):
        read_log(store)
