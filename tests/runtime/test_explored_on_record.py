"""What is on record of an explored day: the action that was drawn and nothing else, and what was read for it."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from stage import App, codes, replayed
from streams import BUSY, START, stream
from tactful import draws
from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.decision.policy import explore
from tactful.decision.policy.explore import Exploration
from tactful.events.records import CHANNELS, Decision
from tactful.events.type_columns import type_number
from tactful.features.ranking import CANDIDATE_IDS, SENDS
from tactful.features.ranking_snapshot import opened
from tactful.runtime.intake import candidate_key

SHARES = Exploration(0.25, 0.2, 0.2, 0.05, 0.2, 0.2, 1, logged_sends=0.3, full_history=0.1)
SETTINGS = msgspec.structs.replace(BUSY, exploration=SHARES)
USERS, DAYS = 30, 2.5
END = to_us(START) + int(DAYS * DAY_US) + HOUR_US


@pytest.fixture(scope="module")
def app() -> App:
    return replayed(stream(1, USERS, DAYS), SETTINGS, [END])


@pytest.fixture(scope="module")
def jobs(app: App) -> list[Decision]:
    return [decision for decision in app.decisions if decision.action != "drop"]


def one(value: int, kind: type) -> np.ndarray:
    return np.array([value], dtype=kind)


def drawn_bucket(decision: Decision) -> str:
    who, when = one(draws.key(decision.user_id), np.uint64), one(to_us(decision.at), np.int64)
    return explore.BUCKETS[explore.bucket(SETTINGS.seed, who, when, SHARES.shares)[0][0]]


def is_open(decision: Decision) -> bool:
    """Whether the bucket had the say: something could go out that was neither urgent nor of the volume slice."""
    by_right = {"transactional", "randomised_volume"} & set(codes(decision))
    return bool(decision.feasible) and not by_right and not decision.features["volume_slice"]


def random_draw(decision: Decision) -> tuple[str | None, str | None]:
    """The option that the hash takes of those on record."""
    ids = sorted({option.candidate_id for option in decision.feasible}, key=candidate_key)
    feasible = np.zeros((1, len(ids), len(CHANNELS)), dtype=bool)
    for option in decision.feasible:
        feasible[0, ids.index(option.candidate_id), CHANNELS.index(option.channel)] = True
    who, when = one(draws.key(decision.user_id), np.uint64), one(to_us(decision.at), np.int64)
    order = np.array([[candidate_key(name) for name in ids]], dtype=np.uint64)
    candidate, channel = explore.random_option(SETTINGS.seed, who, when, feasible, order)
    return ids[candidate[0]], CHANNELS[channel[0]]


def best(decision: Decision) -> tuple[str | None, str | None]:
    """The option of the largest surplus on record, of equal ones that of the smaller key, if that is positive."""
    option = min(decision.feasible, key=lambda o: (o.threshold - o.utility, candidate_key(o.candidate_id)))
    return (option.candidate_id, option.channel) if option.utility > option.threshold else (None, None)


def done(decision: Decision) -> tuple[str | None, str | None]:
    return (decision.candidate_id, decision.channel) if decision.action == "send" else (None, None)


def test_the_bucket_on_record_is_the_one_that_the_hash_draws(jobs: list[Decision]) -> None:
    ranked = [job for job in jobs if not job.features["volume_slice"]]
    assert {job.bucket for job in ranked} == set(explore.BUCKETS)
    for job in ranked:
        assert job.bucket == drawn_bucket(job)
        assert job.bucket_probability == SHARES.shares[explore.BUCKETS.index(job.bucket)]


@pytest.mark.parametrize(
    ("bucket", "action"),
    [("production", best), ("random_send", random_draw), ("greedy_no_send", lambda job: (None, None))],
)
def test_the_action_on_record_is_the_one_that_the_hash_draws(
    jobs: list[Decision], bucket: str, action: Callable[[Decision], tuple[str | None, str | None]]
) -> None:
    free = [job for job in jobs if is_open(job) and job.bucket == bucket and "forced_send_spent" not in codes(job)]
    assert len(free) > 5
    assert [done(job) for job in free] == [action(job) for job in free]


def test_a_spent_day_of_forced_sends_holds(jobs: list[Decision]) -> None:
    spent = [job for job in jobs if is_open(job) and "forced_send_spent" in codes(job)]
    assert spent
    assert {job.action for job in spent} == {"hold"}


def test_what_is_handed_to_delivery_is_what_was_decided(app: App, jobs: list[Decision]) -> None:
    for job in jobs:
        entry = app.store.outbox_of(int(job.decision_id, 16))
        assert (entry is not None) == (job.action == "send")
        if entry is not None and job.channel is not None:
            assert entry.row.channel_code == CHANNELS.index(job.channel)


def test_every_explored_day_and_a_share_of_the_rest_is_logged_in_full(jobs: list[Decision]) -> None:
    chance = {"send": 0.1 + 0.9 * 0.3, "hold": 0.1}
    for job in jobs:
        expected = chance[job.action] if job.bucket == "production" else 1.0
        assert job.log_probability == pytest.approx(expected)
        if job.bucket != "production":
            assert job.snapshot
    production = [bool(job.snapshot) for job in jobs if job.bucket == "production"]
    assert 0 < sum(production) < len(production)


def test_drops_are_never_logged_in_full(app: App) -> None:
    drops = [decision for decision in app.decisions if decision.action == "drop"]
    assert drops
    assert all(drop.snapshot == b"" and drop.log_probability == 0.0 for drop in drops)


def test_a_snapshot_holds_the_candidate_at_hand_at_its_place(jobs: list[Decision]) -> None:
    kept = [job for job in jobs if job.snapshot]
    frozen = opened([job.snapshot for job in kept])
    for row, job in enumerate(kept):
        assert (job.snapshot_place >= 0) == (job.candidate_id is not None)
        if job.type is not None:
            assert frozen.present[row, job.snapshot_place]
            kind = frozen.candidate_ids[row, job.snapshot_place, list(CANDIDATE_IDS).index("type")]
            assert kind == type_number(job.type)


def test_a_snapshot_knows_the_sends_before_its_decision_and_not_its_own(jobs: list[Decision]) -> None:
    before: dict[str, int] = {}
    kept, expected = [], []
    for job in jobs:
        if job.snapshot:
            kept.append(job.snapshot)
            expected.append(min(before.get(job.user_id, 0), SENDS))
        before[job.user_id] = before.get(job.user_id, 0) + (job.action == "send")
    assert {0, 1, 2} <= set(expected)
    assert opened(kept).sends.any(axis=2).sum(axis=1).tolist() == expected


def test_random_send_days_keep_the_whole_pool(jobs: list[Decision]) -> None:
    kept = [job for job in jobs if job.bucket == "random_send"]
    pools = opened([job.snapshot for job in kept]).present.sum(axis=1)
    assert (pools > 1).any()
    for job, size in zip(kept, pools, strict=True):
        assert len({option.candidate_id for option in job.feasible}) <= size
