"""The compiled passes of a decision against plain loops: what is left, why, what is dropped, and what is sent."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.clock import MINUTE_US
from tactful.decision.candidates.eligibility import Check, checks, live
from tactful.decision.decide import decide, options
from tactful.decision.policy.reputation import SHAPE, Guard
from tactful.decision.policy.utility import HEADS
from tactful.decision.reasons import MAX_REASONS, REASON_CODE
from tactful.decision.request import Person, Pool, Request, Scores, Thresholds
from tactful.decision.rules import Rules
from tactful.events.registry import Registry
from tactful.features.history import N_CHANNELS
from tactful.features.segments import SEGMENTS

TYPES = Registry.shipped().columns()
RULES = (
    Rules(),
    Rules(over_cap="drop", in_quiet_hours="drop", weekly_cap=5, cold_user="hold", already_active_today="hold"),
    Rules(price="none", in_session="ignore"),
    Rules(channel_mode="separate"),
    Rules(channel_mode="ladder"),
)
SMALL = ("sent_day", "sent_week", "sent_7d", "sent_plan", "quota", "k", "count", "count_needed")
"""Counts that caps and budgets bind on: drawn from few values, so that every check meets somebody."""


def column(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Any:
    """A column of a request with values of which some meet each check."""
    if name in ("key", "log_us", "offset"):
        return rng.integers(1, 2**62, shape).astype(np.uint64 if name == "key" else np.int64)
    if name in ("since_send_us", "since_active_us"):
        return rng.integers(0, 600, shape) * MINUTE_US
    if name == "now_us":
        return rng.integers(0, 2**50, shape)
    if name in ("reachable", "blocked", "tried"):
        return rng.integers(0, 1 << N_CHANNELS, shape) & rng.integers(0, 1 << N_CHANNELS, shape)
    if name == "type":
        return rng.integers(0, len(TYPES.ranked), shape)
    if name in ("arm", "mailbox"):
        return np.zeros(shape, dtype=np.int64)
    if name == "segment":
        return rng.integers(0, len(SEGMENTS), shape)
    if name == "bucket":
        return rng.integers(0, 4, shape)
    if name in ("p_organic", "tokens", "quality", "bucket_probability"):
        return rng.random(shape)
    if name == "present":
        return rng.random(shape) < 0.8
    return rng.integers(0, 5 if name in SMALL else 1440, shape)


def drawn_request(rng: np.random.Generator, n: int, c: int) -> Request:
    """A request of which every column is drawn apart; flags are rare, so that some options are left."""
    made: list[Any] = []
    for kind, shape in ((Person, (n,)), (Pool, (n, c))):
        columns = {}
        for field in fields(kind):
            by_channel = field.name in ("sent_7d_channel", "n_sends", "n_clicks")
            values = column(rng, field.name, (n, N_CHANNELS) if by_channel else shape)
            flag = "Bool" in str(field.type) and field.name != "present"
            columns[field.name] = rng.random(shape) < 0.15 if flag else values
        made.append(kind(**columns))

    def nothing(jobs: Any) -> Any:
        raise AssertionError("simple scores read nothing")

    return Request(made[0], made[1], nothing)


def controls(rng: np.random.Generator) -> Thresholds:
    """Prices of one arm, and a guard that throttles one channel."""
    low = rng.normal(0.0, 0.02, (1, len(SEGMENTS), N_CHANNELS))
    share = np.ones(SHAPE)
    share[1] = 0.5
    guard = Guard(share, np.full(SHAPE, 0.002), np.full(SHAPE, 0.001))
    return Thresholds(low + 0.01, low, low + 0.02, killed=False, version=1, guard=guard)


def plain_walk(
    alive: Any, met: list[Check], channels: int
) -> tuple[Any, list[list[tuple[int, float, float]]], list[dict[int, tuple[int, float, float]]]]:
    """Options left, reasons of each job, and drops of each job by place: one option after the other."""
    n, c = alive.shape
    left = [{(i, h) for i in range(c) for h in range(channels) if alive[r, i]} for r in range(n)]
    reasons: list[list[tuple[int, float, float]]] = [[] for _ in range(n)]
    drops: list[dict[int, tuple[int, float, float]]] = [{} for _ in range(n)]
    for check in met:
        full = (n, c, channels)
        blocked, number, limit = (np.broadcast_to(x, full) for x in (check.blocked, check.number, check.limit))
        for r in range(n):
            removed = sorted(option for option in left[r] if blocked[r][option])
            if not removed:
                continue
            left[r] -= set(removed)
            told = (REASON_CODE[check.code], float(number[r][removed[0]]), float(limit[r][removed[0]]))
            if not (check.rights and left[r]):
                reasons[r].append(told)
            if check.refuses:
                for place in {i for i, _ in removed} - {i for i, _ in left[r]}:
                    drops[r].setdefault(place, told)
    return left, reasons, drops


@pytest.mark.parametrize("rules", RULES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_checks_leave_tell_and_drop_what_a_plain_walk_does(rules: Rules, seed: int) -> None:
    rng = np.random.default_rng(seed)
    request, prices = drawn_request(rng, n=12, c=int(rng.integers(1, 5))), controls(rng)
    found = options(seed, request, prices, TYPES, rules)
    met = checks(seed, request, TYPES, rules, prices)
    left, reasons, drops = plain_walk(live(request.pool), met, N_CHANNELS)
    for r in range(request.n):
        assert {(int(i), int(h)) for i, h in np.argwhere(found.feasible[r])} == left[r]
        assert bool(found.open[r]) == bool(left[r])
        notes = found.notes
        told = [
            (int(notes.code[r, i]), float(notes.number[r, i]), float(notes.limit[r, i])) for i in range(MAX_REASONS)
        ]
        empty = [(REASON_CODE["empty_pool"], 0.0, 1.0)] if not live(request.pool)[r].any() else []
        expected = (empty + reasons[r])[:MAX_REASONS]
        assert told[: len(expected)] == expected
        assert all(code == 0 for code, *_ in told[len(expected) :])
        for place, (code, number, limit) in drops[r].items():
            assert (found.drops.code[r, place], found.drops.number[r, place]) == (code, number)
            assert found.drops.limit[r, place] == limit


@pytest.mark.parametrize("rules", RULES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_what_is_sent_was_left_and_transactional_messages_go_first(rules: Rules, seed: int) -> None:
    rng = np.random.default_rng(seed)
    request, prices = drawn_request(rng, n=12, c=int(rng.integers(1, 5))), controls(rng)
    shape = (*request.pool.present.shape, N_CHANNELS)
    scores = Scores(HEADS, rng.random((*shape, len(HEADS))) * 0.1, np.full(request.n, 0.002))
    left = options(seed, request, prices, TYPES, rules).feasible
    verdict = decide(seed, request, scores, prices, TYPES, rules)
    ranked = TYPES.ranked[request.pool.type]
    for r in range(request.n):
        options_left = [tuple(o) for o in np.argwhere(left[r]).tolist()]
        owed = [(i, h) for i, h in options_left if not ranked[r, i]]
        assert [tuple(o) for o in np.argwhere(verdict.feasible[r]).tolist()] == (owed or options_left)
        for h in range(N_CHANNELS):
            worth = [verdict.utilities[r, i, g] for i, g in options_left if g == h and not owed]
            assert verdict.best[r, h] == max(worth, default=-np.inf)
        if verdict.sends[r]:
            assert verdict.feasible[r, verdict.candidate[r], verdict.channel[r]]
            assert verdict.probability[r] > 0.0
        codes = verdict.reason_code[r][verdict.reason_code[r] > 0]
        assert len(codes) or not options_left
        assert (codes[-1] == REASON_CODE["transactional"]) == bool(owed) or len(codes) == MAX_REASONS
