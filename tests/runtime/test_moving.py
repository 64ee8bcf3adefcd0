"""A store that moves to shards and comes back, in the middle of everything, leaves what one engine leaves."""

from collections.abc import Sequence

import pytest

from shards import Job, Left, embedded, everything, left_by, log_of
from stage import App, replayed
from streams import BUSY, START
from tactful.clock import DAY_US, HOUR_US, MINUTE_US, from_us, to_us
from tactful.errors import CannotMove, InvalidSettings
from tactful.events.records import Control, decode
from tactful.runtime.moving import Moved, to_shards, to_store
from tactful.runtime.price_keeper import PriceKeeper
from tactful.runtime.shard import Changed, Shard
from tactful.stores.protocols import ControlRow

USERS, DAYS = 20, 1.6
FIRST = to_us(START)
END = FIRST + int(DAYS * DAY_US) + HOUR_US
STREAM = everything(1, USERS, DAYS)
AWAY = [11 * HOUR_US - 1, 20 * HOUR_US + 17 * MINUTE_US, 31 * HOUR_US + 40 * MINUTE_US]
"""At the end of an hour behind the experiment's start; in the hour in which it grows, behind that; as it has ended."""


@pytest.fixture(scope="module")
def alone() -> Left:
    return left_by(embedded(STREAM, BUSY, END))


def until(at_us: int) -> App:
    """An engine that has accepted everything and decided up to an instant."""
    app = replayed(STREAM, BUSY, [at_us])
    rest = [pair for pair in STREAM if pair[0] > at_us]
    app.engine.submit([record for _, record in rest], [stamp for stamp, _ in rest])
    return app


def job_of(app: App, groups: int) -> Job:
    """A job that takes over from an engine."""
    moved = to_shards(app.engine, groups)
    job = Job(log_of(app.store), BUSY, groups)
    job.users = [dict(one.users) for one in moved.groups]
    job.shards = [Shard.restored(one.shard, dict(one.users).values(), BUSY, job.scorer) for one in moved.groups]
    job.keeper = PriceKeeper.from_bytes(moved.keeper, BUSY)
    job.place_us = moved.applied_us
    return job


def back(app: App, job: Job) -> None:
    """The engine's store takes over from a job."""
    saved = job.save()
    with app.store.transaction():
        for made in job.made:
            app.store.append_decisions(made.decisions)
            app.store.append_plans(made.plans)
            app.store.append_budgets(made.budgets)
            app.store.enqueue(made.messages)
        app.store.append_controls([_row(data) for data in job.controls])
        groups = [Changed(shard, list(users.items())) for shard, users in zip(saved.shards, saved.users, strict=True)]
        to_store(app.store, BUSY, Moved(saved.place_us, groups, job.keeper.to_bytes()))
    app.restart()


def _row(data: bytes) -> ControlRow:
    control = decode(data)
    assert isinstance(control, Control)
    return ControlRow(control.version, to_us(control.effective_at), control.key, data)


def joined(before: Left, after: Left) -> Left:
    """What an engine and then a job have left."""
    lists = [getattr(before, name) + getattr(after, name) for name in ("decisions", "plans", "budgets", "messages")]
    decisions, *others = lists
    return Left(decisions, *map(sorted, others), before.controls + after.controls, after.users)


def differences(ours: Left, theirs: Left) -> list[str]:
    return [name for name in vars(ours) if getattr(ours, name) != getattr(theirs, name)]


def ends(from_us_: int, to_us_: int) -> Sequence[int]:
    """The instants to which a job in a closed loop runs: the ends of hours."""
    return [*range((from_us_ // HOUR_US + 1) * HOUR_US - 1, to_us_, HOUR_US), to_us_]


@pytest.mark.parametrize("after", AWAY)
@pytest.mark.parametrize("groups", [1, 4])
def test_shards_that_take_over_from_an_engine_leave_what_it_would_have_left(
    alone: Left, groups: int, after: int
) -> None:
    app = until(FIRST + after)
    job = job_of(app, groups)
    for end in ends(job.place_us + 1, END):
        job.run(end)
    assert differences(joined(left_by(app), job.left()), alone) == []


@pytest.mark.parametrize("hours", [1.0, 9.25])
@pytest.mark.parametrize("after", AWAY)
def test_an_engine_that_takes_over_from_shards_leaves_what_it_would_have_left_without_them(
    alone: Left, after: int, hours: float
) -> None:
    app = until(FIRST + after)
    job = job_of(app, 2)
    for end in ends(job.place_us + 1, min(job.place_us + int(hours * HOUR_US), END)):
        job.run(end)
    back(app, job)
    app.run(from_us(END))
    assert differences(left_by(app), alone) == []


def test_an_engine_that_has_decided_nothing_has_nothing_to_move() -> None:
    with pytest.raises(CannotMove, match="nothing yet"):
        to_shards(App(BUSY).engine, 2)


def test_a_number_of_groups_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="3 groups"):
        to_shards(until(FIRST + HOUR_US).engine, 3)


def test_shards_at_two_instants_or_some_of_them_do_not_come_back() -> None:
    app = until(FIRST + 2 * HOUR_US)
    one, another = to_shards(app.engine, 2), to_shards(until(FIRST + 3 * HOUR_US).engine, 2)
    with pytest.raises(CannotMove, match="expected all at"):
        to_store(app.store, BUSY, Moved(one.applied_us, [one.groups[0], another.groups[1]], one.keeper))
    with pytest.raises(CannotMove, match="expected 2"):
        to_store(app.store, BUSY, Moved(one.applied_us, one.groups[:1], one.keeper))
