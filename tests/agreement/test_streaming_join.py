"""The join of sends and engagements: following the stream gives what a pass over the whole log gives.

Engagements come in the order of the log, which is not that of their own time: some are late, some come twice. A stream
knows the sends made so far, and forgets one when its window has been closed for longer than anything may be late.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.clock import HOUR_US
from tactful.events.records import KINDS
from tactful.features.join import Outcomes, Sends, Touches, attribute, kinds_mask, outcomes

CLICK, SESSION, LEAVE = (KINDS.index(kind) for kind in ("click", "session", "unsubscribe"))
LATEST = 12
"""Hours by which an engagement may come late."""


@dataclass(frozen=True)
class Sent:
    """One send; times are hours."""

    user: int
    at: int
    window: int
    channel: int
    decision: int


@dataclass(frozen=True)
class Act:
    """One engagement: what the person did `at` an hour, and at which hour it was told."""

    number: int
    user: int
    at: int
    told: int
    kind: int
    channel: int
    decision: int


def joined(sends: list[Sent], acts: list[Act]) -> dict[int, tuple[bool, bool]]:
    """Returns for each decision whether it was engaged with, and whether it was answered by leaving."""
    sends = sorted(sends, key=lambda s: (s.user, s.at, s.decision))
    found = _outcomes(sends, acts)
    return {s.decision: (bool(found.engaged[i]), bool(found.left[i])) for i, s in enumerate(sends)}


def _outcomes(sends: list[Sent], acts: list[Act]) -> Outcomes:
    def column(values: list[int], unit: int = 1) -> np.ndarray:
        return np.array(values, dtype=np.int64) * unit

    kinds = column([kinds_mask(["click"])] * len(sends))
    at, window = column([s.at for s in sends], HOUR_US), column([s.window for s in sends], HOUR_US)
    decision = column([s.decision for s in sends]).astype(np.uint64)
    them = Sends(column([s.user for s in sends]), at, window, kinds, column([s.channel for s in sends]), decision)
    touches = Touches(
        column([a.user for a in acts]),
        column([a.at for a in acts], HOUR_US),
        column([a.kind for a in acts]),
        column([a.channel for a in acts]),
        column([a.decision for a in acts]).astype(np.uint64),
    )
    return outcomes(them, touches, attribute(them, touches))


def streamed(sends: list[Sent], acts: list[Act], cuts: list[int]) -> dict[int, tuple[bool, bool]]:
    """Returns the same, chunk by chunk in the order in which things were told."""
    found: dict[int, tuple[bool, bool]] = {}
    for begin, end in itertools.pairwise([0, *sorted(cuts), 10_000]):
        known = [s for s in sends if s.at < end and s.at + s.window + LATEST > begin]
        chunk = joined(known, [a for a in acts if begin <= a.told < end])
        for decision, (engaged, left) in chunk.items():
            before = found.get(decision, (False, False))
            found[decision] = (before[0] or engaged, before[1] or left)
    return found


RawAct = tuple[int, int, int, int, int, int, bool]
sent = st.builds(Sent, st.integers(0, 2), st.integers(0, 30), st.integers(1, 20), st.integers(0, 1), st.just(0))
acted = st.tuples(
    st.integers(0, 2), st.integers(0, 40), st.integers(0, LATEST - 1), st.sampled_from([CLICK, SESSION, LEAVE]),
    st.integers(-1, 1), st.integers(0, 8), st.booleans(),
)  # fmt: skip


def log(raw_sends: list[Sent], raw_acts: list[RawAct]) -> tuple[list[Sent], list[Act]]:
    """Returns sends with ids, and engagements of which some are told a second time, later on."""
    sends = [Sent(s.user, s.at, s.window, s.channel, 1 + i) for i, s in enumerate(raw_sends)]
    acts = []
    for number, (user, at, late, kind, channel, decision, twice) in enumerate(raw_acts):
        acts.append(Act(number, user, at, at + late, kind, channel, decision))
        if twice:
            acts.append(Act(number, user, at, at + LATEST - 1, kind, channel, decision))
    return sends, acts


@settings(max_examples=200, deadline=None)
@given(st.lists(sent, max_size=8), st.lists(acted, max_size=12), st.lists(st.integers(0, 60), max_size=5))
def test_the_stream_joins_late_and_repeated_engagements_as_one_pass_over_the_log_does(
    raw_sends: list[Sent], raw_acts: list[RawAct], cuts: list[int]
) -> None:
    sends, acts = log(raw_sends, raw_acts)
    once = list({act.number: act for act in acts}.values())
    assert streamed(sends, acts, cuts) == joined(sends, once)


@settings(max_examples=50, deadline=None)
@given(st.lists(sent, max_size=8), st.lists(acted, max_size=12), st.integers(0, 100))
def test_the_order_of_arrival_never_matters(raw_sends: list[Sent], raw_acts: list[RawAct], seed: int) -> None:
    sends, acts = log(raw_sends, raw_acts)
    shuffled = [acts[i] for i in np.random.default_rng(seed).permutation(len(acts))]
    assert joined(sends, shuffled) == joined(sends, acts)


def test_a_send_in_its_last_hour_still_gets_an_engagement_that_is_told_hours_later() -> None:
    sends = [Sent(user=0, at=0, window=10, channel=0, decision=1)]
    late = Act(number=0, user=0, at=9, told=9 + LATEST - 1, kind=CLICK, channel=0, decision=0)
    assert streamed(sends, [late], [12, 18]) == {1: (True, False)}


def test_an_engagement_after_the_window_belongs_to_none_however_it_is_told() -> None:
    sends = [Sent(user=0, at=0, window=10, channel=0, decision=1)]
    after = Act(number=0, user=0, at=10, told=10, kind=CLICK, channel=0, decision=1)
    assert streamed(sends, [after], [5]) == joined(sends, [after]) == {1: (False, False)}
