"""The bound: above whatever is lived, silence where nothing may be sent, and what it costs to be computed coarsely."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from tactful.clock import HOUR_US, WEEK_US
from tactful.errors import InvalidExperiment, TruthForbidden
from tactful.simulator import closed_loop
from tactful.simulator.answers import EMAIL, PUSH, in_quiet_hours
from tactful.simulator.arms.silence import Silence
from tactful.simulator.arms.uniform_personal import UniformPersonal
from tactful.simulator.bound import Bound, dual_bound, dual_bounds
from tactful.simulator.closed_loop import Explored
from tactful.simulator.columns import joined, pick
from tactful.simulator.constants import MOVES_VISITS, PAYS_LATER, Constants
from tactful.simulator.hours import local_minutes, zone_minutes
from tactful.simulator.protocol import CandidateColumns, SendColumns, TruthlessWorld
from tactful.simulator.scoring import score, sends_per_user_week, share_of_gain
from tactful.simulator.truth import WorldTruth
from tactful.simulator.visits import SESSION
from tactful.simulator.world import DefaultWorld, make

pytestmark = pytest.mark.usefixtures("shapes_unchecked")
DAYS, N = 6, 150


@pytest.fixture(scope="module")
def explored(shapes_unchecked: None) -> Explored:
    return closed_loop.explore(make(seed=3, n_users=N), days=7, seed=3)


@pytest.fixture(scope="module")
def frontier(explored: Explored) -> list[Bound]:
    return dual_bounds(explored.world, DAYS, [0.0, 1.0, 2.5, 5.0], prices=[0.3, 0.1, 0.03])


def test_silence_is_what_silent_runs_come_to() -> None:
    world, days = make(seed=5, n_users=2_500), 10
    expected = dual_bound(world, days, 0)
    active = lived_in_silence(world, days)
    lived = (active.sum(axis=1) + world.truth().remaining_value()).mean()
    assert expected.silence == pytest.approx(lived, rel=0.015)  # luck: 0.4 %


def lived_in_silence(world: DefaultWorld, days: int) -> np.ndarray:
    active = np.zeros((world.users().n, days), np.bool_)
    for hour in range(24 * days):
        at = world.start_us + hour * HOUR_US
        seen = world.respond(SendColumns.none(), at, at + HOUR_US)
        active[seen.user[seen.kind == SESSION], hour // 24] = True
    return active


def test_nothing_to_send_is_worth_nothing(frontier: list[Bound]) -> None:
    assert frontier[0].gain == 0.0
    assert frontier[0].value == frontier[0].silence


def test_more_messages_are_worth_more_but_ever_less_each(frontier: list[Bound]) -> None:
    volume, value = (np.array([getattr(b, name) for b in frontier]) for name in ("per_user_per_week", "value"))
    slope = np.diff(value) / np.diff(volume)
    assert np.all(slope > 0.0)
    assert np.all(np.diff(slope) < 0.0)


def test_the_arms_stay_below_the_bound_of_what_they_sent(explored: Explored) -> None:
    silent, uniform = (closed_loop.follow(explored, arm, DAYS) for arm in (Silence(), UniformPersonal()))
    above = dual_bound(explored.world, DAYS, sends_per_user_week(uniform), price=0.1)
    gain = (score(uniform) - score(silent)).mean()
    assert 0.0 < gain < above.gain
    assert score(uniform).mean() < above.value


def test_greedy_with_the_truth_stays_below_the_bound_but_comes_near(explored: Explored) -> None:
    silent, _ = greedy_with_truth(explored.world, DAYS, price=9.0)
    greedy, volume = greedy_with_truth(explored.world, DAYS, price=0.08)
    above = dual_bound(explored.world, DAYS, volume, price=0.1)
    assert 0.4 * above.gain < (greedy - silent).mean() < above.gain


@pytest.mark.parametrize("variant", [MOVES_VISITS, PAYS_LATER])
def test_the_bound_holds_in_worlds_that_contradict_us(variant: Constants) -> None:
    explored = closed_loop.explore(make(seed=4, n_users=100, constants=variant), days=3, seed=4)
    silent, uniform = (closed_loop.follow(explored, arm, 5) for arm in (Silence(), UniformPersonal()))
    above = dual_bound(explored.world, 5, sends_per_user_week(uniform), price=0.1)
    assert (score(uniform) - score(silent)).mean() < above.gain


def test_the_best_price_is_found_and_any_other_bounds_higher(explored: Explored) -> None:
    sought = dual_bound(explored.world, DAYS, 2.5)
    for price in (0.5 * sought.price, 2.0 * sought.price):
        assert dual_bound(explored.world, DAYS, 2.5, price=price).value > sought.value - 0.002


def test_finer_nodes_and_shorter_steps_hardly_change_it(explored: Explored) -> None:
    def gain(step_hours: int, nodes: tuple[int, int]) -> float:
        found = dual_bounds(explored.world, 4, [2.5], [0.1], users=60, step_hours=step_hours, nodes=nodes)
        return found[0].gain

    usual = gain(2, (4, 6))
    assert usual == pytest.approx(gain(2, (7, 9)), rel=0.01)
    assert usual <= gain(6, (4, 6)) * 1.005


def test_keeping_account_of_more_candidates_tightens_it(explored: Explored) -> None:
    gains = [dual_bounds(explored.world, 4, [2.5], [0.1], users=60, slots=slots)[0].gain for slots in (0, 1, 3)]
    assert gains[0] > gains[1] > gains[2]


def test_the_world_stays_as_it_is_and_must_tell_its_truth(explored: Explored) -> None:
    before = copy.deepcopy(vars(explored.world.truth().state))
    first, again = (dual_bound(explored.world, 2, 2.5, price=0.1, users=40) for _ in range(2))
    assert first == again
    assert first.error > 0.0
    for name, array in vars(explored.world.truth().state).items():
        assert np.array_equal(array, before[name])
    with pytest.raises(TruthForbidden):
        dual_bound(TruthlessWorld(explored.world), 2, 2.5)


def test_a_negative_volume_or_price_is_refused(explored: Explored) -> None:
    with pytest.raises(InvalidExperiment, match=r"volume of -1"):
        dual_bound(explored.world, 2, -1)
    with pytest.raises(InvalidExperiment, match=r"price of -0\.1"):
        dual_bound(explored.world, 2, 1, price=-0.1)


def test_the_share_of_the_gain_is_a_ratio_of_means_or_nothing() -> None:
    base = np.array([1.0, 1.2, 0.9, 1.1])
    share = share_of_gain(base + 0.5, base, base + np.array([1.9, 2.1, 2.0, 2.0]))
    assert share is not None
    assert share.value == pytest.approx(0.25)
    assert share.low < share.value < share.high
    assert share_of_gain(base + 0.5, base, base + np.array([-1.0, 1.0, 0.5, -0.4])) is None


def greedy_with_truth(world: DefaultWorld, days: int, price: float) -> tuple[np.ndarray, float]:
    """A reference, no bound: everyone's J, and the volume, when each hour sends what is worth more than the price.

    A message is worth the chance of a click where the day has no visit yet, and the habit that a click makes, less
    the worth of the reach that it may cost. It waits for the best hour of the next twelve, and is sent once.
    """
    world = copy.deepcopy(world)
    begin = world.truth()
    people, now, n = begin.people, begin.now_us, begin.people.columns.n
    active, sent = np.zeros((n, days), np.bool_), 0
    pool = world.candidates(max(world.start_us, now - WEEK_US), now)
    for hour in range(24 * days):
        at = now + hour * HOUR_US
        pool = joined([pool, world.candidates(at, at + HOUR_US)])
        pool = pick(pool, pool.expires_us > at)
        truth = world.truth()
        local = local_minutes(np.full(n, at), people.columns.zone, zone_minutes(people.columns.zones, at))
        awake = ~in_quiet_hours(people, np.arange(n), local) & (truth.reachable > 0)
        sends = best_now(truth, pick(pool, awake[pool.user]), at, active[:, hour // 24], price)
        pool = pick(pool, ~np.isin(pool.candidate, sends.candidate))
        sent += len(sends.user)
        seen = world.respond(sends, at, at + HOUR_US)
        active[seen.user[seen.kind == SESSION], hour // 24] = True
    return active.sum(axis=1) + world.truth().remaining_value(), sent * 7.0 / (n * days)


def best_now(truth: WorldTruth, pool: CandidateColumns, at: int, active: np.ndarray, price: float) -> SendColumns:
    """The best message to each person at an instant, where it is worth its price and no coming hour is better."""
    both = joined([as_sends(pool, at, channel) for channel in (EMAIL, PUSH)])
    click, user = truth.click_probability(both).astype(np.float64), both.user
    left = truth.reachable[user] & ~(np.uint8(1) << both.channel.astype(np.uint8))
    reach = truth.ahead.worth[truth.reachable[user], user] - truth.ahead.worth[left, user]
    habit = 0.15 * (1.0 - truth.state.habit[user]) * 8.0 * truth.people.visits[user]
    worth = click * (~active[user] + habit) - truth.leave_probability(both) * reach
    order = np.lexsort((worth, user))
    last = order[np.append(user[order][1:] != user[order][:-1], True)] if len(order) else order
    chosen = last[worth[last] > price]
    sends, likeliest = pick(both, chosen), click[chosen]
    for later in range(2, 13, 2):
        then = replace(sends, at_us=sends.at_us + later * HOUR_US)
        likeliest = np.maximum(likeliest, truth.click_probability(then))
    return pick(sends, click[chosen] >= 0.95 * likeliest)


def as_sends(pool: CandidateColumns, at: int, channel: int) -> SendColumns:
    m = len(pool.user)
    return SendColumns(
        user=pool.user,
        at_us=np.full(m, at),
        channel=np.full(m, channel, np.int8),
        type=pool.type,
        category=pool.category,
        quality=pool.quality,
        candidate=pool.candidate,
        decision=np.zeros(m, np.int64),
    )
