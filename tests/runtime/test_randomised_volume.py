"""The randomised volume slice: drawn by hash, filed once a period with what was known before, sent without a price."""

from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np

from stage import CALM, App, act, at, codes, person, told, with_rules
from tactful import draws
from tactful.clock import WEEK_US, from_us, to_us
from tactful.decision.policy import explore
from tactful.decision.policy.explore import Exploration
from tactful.decision.request import Thresholds
from tactful.events.records import BudgetAssignment, QuietHours, decode
from tactful.features import standing
from tactful.features.segments import SEGMENTS
from tactful.features.volume import SCHEMA, volume_features
from tactful.runtime.settings import Settings

PERIOD_US = 8 * WEEK_US
FIRST = from_us((to_us(at(0)) // PERIOD_US + 1) * PERIOD_US)
"""A period's beginning; a Thursday, as the epoch's first day was."""


def slice_of(share: float = 1.0, choices: tuple[int, ...] = (0, 1, 2, 3, 5, 7, 10), **rules: object) -> Settings:
    drawn = Exploration(0.0, 0.0, 0.0, 0.05, 0.0, share, 8, choices)
    return msgspec.structs.replace(with_rules(CALM, **rules), exploration=drawn)


def filed(app: App, user: str, period: int) -> list[BudgetAssignment]:
    rows = app.store.budgets_of(draws.key(user), period)
    return [record for record in (decode(row.data) for row in rows) if isinstance(record, BudgetAssignment)]


def period_of(when: datetime) -> int:
    return to_us(when) // PERIOD_US


def test_k_is_a_hash_of_user_and_period_and_filed_once_a_period_even_if_it_is_zero() -> None:
    app = App(slice_of(), start=FIRST)
    names = [f"u{i}" for i in range(40)]
    app.submit(FIRST, *map(person, names))
    app.run(FIRST + timedelta(weeks=7))
    app.restart()
    app.run(FIRST + timedelta(weeks=9))
    keys = np.array([draws.key(name) for name in names], dtype=np.uint64)
    for period in (period_of(FIRST), period_of(FIRST) + 1):
        inside, k, p = explore.volume_slice(CALM.seed, keys, np.full(40, period), 1.0, (0, 1, 2, 3, 5, 7, 10))
        found = [filed(app, name, period) for name in names]
        assert inside.all()
        assert [[record.k for record in records] for records in found] == [[drawn] for drawn in k.tolist()]
        assert {records[0].probability for records in found} == set(p.tolist())
        assert 0 in k.tolist()


def test_a_draw_says_what_was_known_before_its_period_and_nothing_of_what_came_after() -> None:
    app = App(slice_of(), start=FIRST - timedelta(days=20))
    app.submit(FIRST - timedelta(days=20), person("ann", "email", "push", timezone="Asia/Tokyo"))
    for day in (18, 9, 4, 2):
        when = FIRST - timedelta(days=day)
        app.submit(when, act(f"e{day}", "session", when))
    app.run(FIRST + timedelta(hours=14, minutes=59))  # Tokyo's midnight is 15:00 UTC
    before = app.engine.population.table.rows.copy()
    now = np.array([to_us(FIRST + timedelta(hours=15))])
    assert filed(app, "ann", period_of(FIRST)) == []
    app.submit(FIRST + timedelta(hours=15, seconds=1), act("later", "session", FIRST + timedelta(hours=15)))
    app.run(FIRST + timedelta(hours=16))
    (drawn,) = filed(app, "ann", period_of(FIRST))
    assert to_us(drawn.at) == now[0]
    assert drawn.features == tuple(volume_features(before, now)[0].astype(float).tolist())
    assert drawn.feature_schema == SCHEMA
    assert drawn.segment == standing.segment(before, now)[0] == SEGMENTS.index("new/both")


def test_a_slice_that_is_opened_or_changed_within_a_period_files_its_draws_at_once() -> None:
    app = App(slice_of(0.0), start=FIRST)
    app.submit(FIRST, person())
    app.run(FIRST + timedelta(days=3))
    for day, choices in ((10, (3,)), (20, (5,)), (21, (5,))):
        app.settings = slice_of(1.0, choices)
        app.engine.close()
        app.restart()
        app.run(FIRST + timedelta(days=day))
    records = filed(app, "ann", period_of(FIRST))
    assert [record.k for record in records] == [3, 5]
    assert [(record.at - FIRST).days for record in records] == [4, 11]


def test_the_slice_is_delivered_without_threshold_and_the_others_are_not() -> None:
    app = App(slice_of(0.5, (10,), price="threshold"), start=FIRST)
    names = [f"u{i}" for i in range(30)]
    app.submit(FIRST, *map(person, names))
    app.run(FIRST + timedelta(hours=12, microseconds=-1))
    high = np.full_like(app.engine.population.controls_at(to_us(FIRST)).mid, 1e6)
    app.engine.population.thresholds = [(0, Thresholds(high, high, high, killed=False, version=1))]
    app.submit(FIRST + timedelta(hours=12), *(told(f"c-{n}", created=FIRST, user_id=n) for n in names))
    app.run(FIRST + timedelta(hours=12, minutes=30))
    drawn = {name for name in names if filed(app, name, period_of(FIRST))}
    assert 5 < len(drawn) < 25
    sent = {d.user_id for d in app.decisions if d.action == "send"}
    assert len(sent) > 0
    assert sent <= drawn
    assert {codes(d)[-1] for d in app.decisions if d.action == "send"} == {"randomised_volume"}
    assert {codes(d)[-1] for d in app.decisions if d.user_id not in drawn} == {"below_threshold"}


def test_in_the_slice_rights_gaps_quiet_hours_and_the_budget_stay() -> None:
    app = App(slice_of(1.0, (10,), gap_minutes=600), start=FIRST)
    quiet = QuietHours(start_minute=0, end_minute=8 * 60)
    app.submit(FIRST, person("ann", quiet_hours=quiet), person("off", type_opt_out=("new_follower",)))
    for hour in range(0, 24 * 14, 3):
        when = FIRST + timedelta(hours=hour)
        app.submit(when, *(told(f"{user}{hour}", created=when, user_id=user) for user in ("ann", "off")))
    app.run(FIRST + timedelta(days=14))
    assert app.of("send", "off") == []
    sends = [d.at for d in app.of("send")]
    assert len(sends) > 5
    assert all(when.hour >= 8 for when in sends)
    assert all(b - a >= timedelta(hours=10) for a, b in pairwise(sends))
    assert all(sum(1 for other in sends if when - timedelta(days=7) < other <= when) <= 10 for when in sends)


def test_the_slice_is_left_out_of_target_and_volume() -> None:
    everyone, nobody = App(slice_of(1.0, (10,)), start=FIRST), App(slice_of(0.0, (10,)), start=FIRST)
    for app in (everyone, nobody):
        names = [f"u{i}" for i in range(10)]
        app.submit(FIRST, *map(person, names))
        app.submit(FIRST + timedelta(hours=12), *(told(f"c-{n}", created=FIRST, user_id=n) for n in names))
        app.run(FIRST + timedelta(hours=23))
    counted = []
    for app in (everyone, nobody):
        assert app.of("send", "u1") or app.of("send", "u2")
        controls = [decode(row.data) for row in app.store.controls()]
        values = [control.value for control in controls if hasattr(control, "value")]
        counted.append([sum(values[-1]["target_day"]) > 0, sum(values[-1]["actual"]) > 0])
    assert counted == [[False, False], [True, True]]


def test_a_budget_of_zero_gets_an_exploratory_message_unless_it_was_drawn() -> None:
    """Nothing at all is one of the doses that the response models learn from."""
    drawn, assigned = App(slice_of(1.0, (0,)), start=FIRST), App(slice_of(0.0), start=FIRST)
    for app in (drawn, assigned):
        app.submit(FIRST, person(), BudgetAssignment(assignment_id="b", user_id="ann", period=0, k=0, at=FIRST))
        for day in range(28):
            when = FIRST + timedelta(days=day, hours=12)
            app.submit(when, told(f"c{day}", created=when))
        app.run(FIRST + timedelta(days=28))
    assert drawn.of("send") == []
    assert 1 <= len(assigned.of("send")) <= 2


def test_in_the_slice_no_day_is_explored_otherwise() -> None:
    """Its sends would be judged by a draw that did not decide them."""
    both = msgspec.structs.replace(
        slice_of(1.0, (10,)), exploration=Exploration(0.3, 0.3, 0.3, 0.05, 0.0, 1.0, 8, (10,))
    )
    app = App(both, start=FIRST)
    names = [f"u{i}" for i in range(20)]
    app.submit(FIRST, *map(person, names))
    app.submit(FIRST + timedelta(hours=12), *(told(f"c-{n}", created=FIRST, user_id=n) for n in names))
    app.run(FIRST + timedelta(hours=13))
    assert len(app.decisions) > 10
    assert {(d.bucket, d.bucket_probability, d.action_probability) for d in app.decisions} == {("production", 1.0, 1.0)}


def test_a_budget_that_was_drawn_outlasts_one_that_is_assigned() -> None:
    app = App(slice_of(1.0, (10,)), start=FIRST)
    app.submit(FIRST, person())
    app.submit(FIRST + timedelta(hours=1), BudgetAssignment(assignment_id="b", user_id="ann", period=0, k=1, at=FIRST))
    app.run(FIRST + timedelta(days=3))
    assert int(app.row()["k_now"]) == 10
    assert int(app.row()["k"]) == 1
