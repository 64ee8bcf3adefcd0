"""Who stands for whom when an app's log is lived through again, and what they are sent."""

import numpy as np
import pytest

import fit_store
from tactful.clock import DAY_US, MINUTE_US
from tactful.simulator.columns import joined
from tactful.simulator.constants import Constants
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.fit.imitate import Imitation, cast
from tactful.simulator.fit.log import AppLog, explored
from tactful.simulator.fit.moments import moments, own_visits
from tactful.simulator.tally import NO_FEATURES
from tactful.simulator.world import START_US

PEOPLE, DAYS = 120, 12


@pytest.fixture(scope="module")
def app() -> AppLog:
    lived = fit_store.lived(PEOPLE, DAYS)
    log = ExplorationLog(
        lived.world.users(), START_US, START_US + DAYS * DAY_US, np.zeros(6, np.int64),
        joined(lived.sends), NO_FEATURES, joined(lived.seen),
    )  # fmt: skip
    return explored(log, np.arange(PEOPLE) % 3 == 0)


@pytest.fixture(scope="module")
def people(app: AppLog) -> Imitation:
    return cast(app, 100, 4, own_visits(app))


@pytest.fixture(scope="module")
def lived(people: Imitation) -> AppLog:
    return people.live(Constants())


def test_everyone_stands_for_one_who_is_reached_alike(app: AppLog, people: Imitation, lived: AppLog) -> None:
    assert 95 <= len(people.row) <= 100
    assert np.array_equal(lived.reach, app.reach[people.stands_for])
    assert np.array_equal(lived.drawn, app.drawn[people.stands_for])


def test_messages_come_at_the_same_time_by_her_clock_and_through_the_same_channel(
    app: AppLog, people: Imitation, lived: AppLog
) -> None:
    one = int(np.flatnonzero(np.bincount(lived.sends.user, minlength=lived.n) > 3)[0])
    hers, first = (lived.sends.user == one), (app.sends.user == people.stands_for[one])
    local = lived.zones.local_us(lived.zone[lived.sends.user[hers]], lived.sends.at_us[hers]) // MINUTE_US % 1440
    told = app.zones.local_us(app.zone[app.sends.user[first]], app.sends.at_us[first]) // MINUTE_US % 1440
    assert set(local.tolist()) <= set(told.tolist())
    assert sorted(lived.sends.channel[hers].tolist()) == sorted(app.sends.channel[first].tolist())


def test_busy_people_stand_for_busy_people_and_drawn_ones_for_any(
    app: AppLog, people: Imitation, lived: AppLog
) -> None:
    visits = own_visits(app)[people.stands_for]
    theirs = own_visits(lived)
    drawn = app.drawn[people.stands_for]
    assert np.corrcoef(visits[~drawn], theirs[~drawn])[0, 1] > 0.4
    assert abs(np.corrcoef(visits[drawn], theirs[drawn])[0, 1]) < 0.4


def test_the_same_constants_give_the_same_life_and_others_differ_by_what_they_do(
    people: Imitation, lived: AppLog
) -> None:
    once, again = moments(lived), moments(people.live(Constants()))
    assert np.array_equal(once.above, again.above)
    more = moments(people.live(Constants()._replace(attention=0.16)))
    opens = once.names.index("opens an e-mail")
    assert 1.5 < more.value[opens] / once.value[opens] < 2.5
    assert np.array_equal(more.below[:, opens], once.below[:, opens])
