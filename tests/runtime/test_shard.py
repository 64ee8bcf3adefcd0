"""Shards with a keeper decide what the embedded engine decides, byte for byte, in any number and order of arrival."""

import numpy as np
import pytest

from shards import Job, Left, embedded, everything, left_by, log_of
from stage import App
from streams import BUSY, START
from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.errors import InvalidRecord
from tactful.events.records import Decision, SlotPlan, decode
from tactful.runtime import logbook
from tactful.runtime.logged_scores import LoggedScorer
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.price_keeper import PriceKeeper
from tactful.runtime.shard import Shard

USERS, DAYS = 20, 1.6
FIRST = to_us(START)
END = FIRST + int(DAYS * DAY_US) + HOUR_US
STREAM = everything(1, USERS, DAYS)


@pytest.fixture(scope="module")
def app() -> App:
    return embedded(STREAM, BUSY, END)


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


def differences(ours: Left, theirs: Left) -> list[str]:
    """What is not the same, in words that fit on a screen."""
    return [name for name in vars(ours) if getattr(ours, name) != getattr(theirs, name)]


def job(app: App, groups: int) -> Job:
    return Job(log_of(app.store), BUSY, groups)


def test_the_log_has_every_kind_of_input_and_the_run_every_kind_of_output(app: App, alone: Left) -> None:
    assert {one.kind for one in log_of(app.store)} >= {0, 1, 2, 3, 4, 5, 6, 8}
    assert min(map(len, vars(alone).values())) >= 4
    decisions = [one for one in map(decode, alone.decisions) if isinstance(one, Decision)]
    assert {one.action for one in decisions} == {"send", "hold", "drop"}
    assert {one.arm for one in decisions} == {"default", "gaps/often"}
    assert sum(bool(one.threshold) for one in decisions) > 20


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_shards_in_a_closed_loop_leave_what_one_engine_leaves(app: App, alone: Left, groups: int) -> None:
    made = job(app, groups)
    made.hourly(END)
    assert differences(made.left(), alone) == []


def test_arrival_in_another_order_leaves_the_same(app: App, alone: Left) -> None:
    made = job(app, 2)
    order = np.random.default_rng(3).permutation(len(made.log))
    made.log = [made.log[i] for i in order]
    made.hourly(END)
    assert differences(made.left(), alone) == []


def test_with_the_control_log_given_one_run_leaves_the_same(app: App, alone: Left) -> None:
    made = job(app, 4)
    made.price(alone.controls)
    made.run(END, closes=False)
    assert differences(made.left(), alone) == []


def test_scores_on_record_leave_the_same(app: App, alone: Left) -> None:
    decisions = [one for one in map(decode, alone.decisions) if isinstance(one, Decision)]
    plans = [one for one in map(decode, alone.plans) if isinstance(one, SlotPlan)]
    scorer = LoggedScorer(decisions, plans, [(0, simple_scorer().version)])
    made = Job(log_of(app.store), BUSY, 2, scorer)
    made.price(alone.controls)
    made.run(END, closes=False)
    assert differences(made.left(), alone) == []


def test_a_job_that_goes_on_from_a_checkpoint_leaves_the_same_and_its_reports_count_once(app: App, alone: Left) -> None:
    made = job(app, 2)
    made.hourly(FIRST + 19 * HOUR_US + 7 * HOUR_US // 60)
    made.save()
    made.hourly(FIRST + 21 * HOUR_US + 7 * HOUR_US // 60)  # within an epoch, behind a change of its arms
    saved, keeper = made.save(), made.keeper.to_bytes()
    made.hourly(FIRST + 24 * HOUR_US)
    made.restore(saved)
    made.hourly(FIRST + 26 * HOUR_US)
    assert PriceKeeper.from_bytes(keeper, BUSY).to_bytes() == keeper
    made.keeper = PriceKeeper.from_bytes(made.keeper.to_bytes(), BUSY)
    made.hourly(END)
    assert differences(made.left(), alone) == []


def test_a_shard_does_not_run_past_the_last_price_it_knows(app: App) -> None:
    one = job(app, 1).shards[0]
    one.take(log_of(app.store))
    assert one.run(END).until_us == one.known_until_us == FIRST + 2 * HOUR_US - 1
    assert one.run(END).decisions == []
    assert one.next_us > one.known_until_us


def test_nothing_is_written_of_users_of_whom_nothing_changed(app: App, alone: Left) -> None:
    one = job(app, 1)
    one.price(alone.controls)
    one.run(END, closes=False)
    assert len(one.shards[0].changed().users) == len(alone.users)
    assert one.shards[0].changed().users == []


def test_what_comes_too_late_or_to_the_wrong_shard_or_cannot_be_read_is_told_with_its_reason(app: App) -> None:
    log = [one for one in log_of(app.store) if one.user_key][:6]
    strange = next(one for one in log if one.user_key & 1)
    mine = [one for one in log if not one.user_key & 1]
    shard = Shard(0, 2, BUSY, app.engine.registry, simple_scorer(), FIRST)
    broken = mine[0]._replace(offset=99, data=b"nothing")
    shard.take([strange, broken, *mine])
    made = shard.run(FIRST + HOUR_US)
    assert [one.input.offset for one in made.refused] == [strange.offset, broken.offset]
    assert [word in one.reason for word, one in zip(("in group 1", "offset 99"), made.refused, strict=True)] == [
        True
    ] * 2
    shard.take(mine[:1])
    (late,) = shard.run(FIRST + HOUR_US).refused
    assert "mend the order of the source" in late.reason
    assert {user_id for user_id, _ in shard.changed().users} == {decode(one.data).user_id for one in mine}


def test_reports_that_overtook_each_other_make_the_same_prices_also_where_the_keeper_is_restored(
    app: App, alone: Left
) -> None:
    made = job(app, 2)
    made.price(alone.controls)
    for hour in range(1, 42):
        if hour == 19:
            made.restore(made.save())
        made.run(min(FIRST + hour * HOUR_US + HOUR_US // 2, END), closes=False)
    reports = [one.report for one in made.made if one.report]
    keeper = made.keeper
    controls = []
    for place in np.random.default_rng(4).permutation(len(reports)).tolist():
        controls += [logbook.control(epoch).data for epoch in keeper.take(reports[place])]
        keeper = PriceKeeper.from_bytes(keeper.to_bytes(), BUSY)
    assert controls == alone.controls


def test_a_keeper_waits_for_the_slowest_shard_and_refuses_reports_of_another_grouping(app: App) -> None:
    two, four = job(app, 2), job(app, 4)
    first, second = (shard.run(FIRST + 2 * HOUR_US - 1).report for shard in two.shards)
    assert two.keeper.take(first) == two.keeper.take(first) == []
    epochs = two.keeper.take(second)
    assert [one.effective_us for one in epochs] == [FIRST + 2 * HOUR_US, FIRST + 3 * HOUR_US]
    assert two.keeper.take(second) == []
    with pytest.raises(InvalidRecord, match="expected one of 4"):
        four.keeper.take(first)
