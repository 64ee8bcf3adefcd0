"""Simulated rows become records that the engine accepts, and nothing is lost on the way."""

import numpy as np

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.events.records import CHANNELS, Engagement, User, decode, encode
from tactful.events.registry import Registry
from tactful.simulator.adapter import candidate_records, engagement_records, user_records
from tactful.simulator.protocol import SendColumns
from tactful.simulator.world import make


def test_the_worlds_types_are_the_shipped_ones_in_the_registrys_order() -> None:
    assert make(seed=1, n_users=5).types == Registry.shipped().names


def test_every_user_becomes_a_record_with_her_zone_reach_and_quiet_hours() -> None:
    columns = make(seed=1, n_users=60).users()
    for row, user in enumerate(user_records(columns)):
        assert isinstance(decode(encode(user)), User)
        assert draws.key(user.user_id) == columns.user_key[row]
        assert user.timezone == columns.zones[columns.zone[row]]
        assert sum(1 << CHANNELS.index(c) for c in user.opt_in) == columns.reach[row]
        assert set(user.addresses) == set(user.opt_in)
        assert user.quiet_hours is not None
        assert user.quiet_hours.start_minute == columns.quiet_start[row]
        assert user.signup_at is not None
        assert to_us(user.signup_at) == columns.signup_us[row]


def test_every_candidate_passes_its_types_schema() -> None:
    world = make(seed=1, n_users=300)
    columns = world.candidates(world.start_us, world.start_us + 10 * DAY_US)
    records = candidate_records(columns)
    registry = Registry.shipped()
    for candidate in records:
        registry.validate(candidate)
    assert len(records) == len(columns.user)
    assert [c.candidate_id for c in records] == [f"c{number}" for number in columns.candidate]
    assert [c.items[0].category for c in records] == columns.category.tolist()


def test_engagements_keep_kind_instant_and_the_callers_decision_id() -> None:
    world = make(seed=1, n_users=2_000)
    who = np.flatnonzero(world.users().reach & 2)
    m = len(who)
    sends = SendColumns(
        user=who,
        at_us=np.full(m, world.start_us),
        channel=np.ones(m, np.int8),
        type=np.zeros(m, np.int16),
        category=np.zeros(m, np.int32),
        quality=np.ones(m, np.float32),
        candidate=np.arange(m),
        decision=np.arange(m) + 5,
    )
    seen = world.respond(sends, world.start_us, world.start_us + HOUR_US)
    records = engagement_records(seen, 0, {i + 5: f"d{i}" for i in range(m)})
    clicks = [e for e in records if e.kind == "click"]
    assert clicks
    for click in clicks:
        assert isinstance(decode(encode(click)), Engagement)
        assert click.channel == "push"
        assert click.decision_id is not None
        assert click.user_id == f"u{who[int(click.decision_id[1:])]:06d}"
    assert len({e.engagement_id for e in records}) == len(records)
    assert any(e.decision_id is None for e in records)
