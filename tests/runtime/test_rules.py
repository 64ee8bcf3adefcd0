"""The seven rules that make every runtime decide alike (design, section 4): one promise each."""

from itertools import permutations

import msgspec
import numpy as np

from stage import App, act, arrived, at, decision_bytes, person, replayed, told, with_rules
from streams import BUSY, START, stream
from tactful import draws
from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.decision.request import Request, Scores
from tactful.events.records import Control, Decision, Input, SlotPlan, decode
from tactful.models.protocol import SlotScores
from tactful.runtime.logbook import decision_id, decision_keys
from tactful.runtime.logged_scores import LoggedScorer
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.steps import PlanRequest

SHORT = stream(5, 10, 1.0)
END = to_us(START) + DAY_US + HOUR_US


def decisions(app: App) -> list[Decision]:
    return [d for d in map(decode, decision_bytes(app)) if isinstance(d, Decision)]


def test_rule_1_an_outcome_depends_on_state_input_control_and_seed_only() -> None:
    together = replayed(SHORT, BUSY, [END])
    mine = [(stamp, r) for stamp, r in SHORT if getattr(r, "user_id", "") == "user-3"]
    kill = [(stamp, r) for stamp, r in SHORT if isinstance(r, Control)]
    unpriced = msgspec.structs.replace(BUSY, rules=msgspec.structs.replace(BUSY.rules, price="none"))
    alone = replayed(sorted(mine + kill, key=lambda pair: pair[0]), unpriced, [END])
    among = replayed(SHORT, unpriced, [END])
    assert [d for d in decisions(among) if d.user_id == "user-3"] == decisions(alone)
    assert decision_bytes(together) == decision_bytes(replayed(SHORT, BUSY, [END]))


def test_rule_1_a_decision_id_is_a_hash_of_user_instant_candidate_and_channel() -> None:
    app = App()
    app.submit(at(9), person())
    app.submit(at(12), told("c1", created=at(12)))
    app.run(at(12))
    (sent,) = app.of("send")
    user, candidate = (np.array([draws.key(name)], dtype=np.uint64) for name in ("ann", "candidate:c1"))
    keys = decision_keys(user, np.array([to_us(at(12))]), candidate, np.array([1]))
    assert sent.decision_id == decision_id(int(keys[0]))


def test_rule_2_a_timer_sees_exactly_the_inputs_stamped_up_to_it() -> None:
    """At a job she was not seen yet, although the engine has read that she was, a minute later."""
    records: list[tuple[int, Input]] = [
        (to_us(at(9)), person()),
        (to_us(at(12)), told("c1", created=at(12))),
        (to_us(at(12)), act("e1", "session", at(11.99))),
        (to_us(at(12)) + 1, act("e2", "unsubscribe", at(12), channel="push")),
    ]
    ahead = replayed(records, with_rules(in_session="ignore"), [to_us(at(13))])
    assert [(d.at, d.candidate_id) for d in ahead.of("send")] == [(at(12), "c1")]
    seen = replayed(records, with_rules(), [to_us(at(13))])
    assert [d.action for d in seen.decisions if d.at == at(12)] == ["hold"]


def test_rule_2_no_job_runs_before_its_candidate_has_come() -> None:
    records = stream(5, 20, 1.0)
    app = replayed(records, BUSY, [END])
    came = {r.candidate_id: stamp for stamp, r in records if hasattr(r, "candidate_id") and hasattr(r, "payload")}
    told_of = [d for d in decisions(app) if d.candidate_id is not None]
    assert len(told_of) > 10
    assert all(to_us(d.at) >= came[str(d.candidate_id)] for d in told_of)


def test_rule_3_a_permuted_arrival_between_two_timers_leaves_the_same_bytes() -> None:
    """Three acts at one place and time of the day in all orders; `properties/` permutes every kind of input."""
    acts = [act(f"e{i}", kind, at(6 + i / 10)) for i, kind in enumerate(("session", "click", "view"))]
    assert len({arrived([acts[i] for i in order], [7 + i for i in order]) for order in permutations(range(3))}) == 1


def test_rule_4_ties_go_to_the_smaller_id_and_timers_at_one_instant_fire_in_one_pass() -> None:
    app = App(with_rules(gap_minutes=0, daily_cap=5))
    app.submit(at(9), person())
    names = [f"a{i}" for i in range(4)]
    app.submit(at(12), *(told(name, "security_alert", created=at(12)) for name in names))
    app.run(at(12))
    sent = app.of("send")
    assert [(d.at, d.turn) for d in sorted(sent, key=lambda d: d.turn)] == [(at(12), turn) for turn in range(4)]
    by_id = sorted(names, key=lambda name: draws.key(f"candidate:{name}"))
    assert [d.candidate_id for d in sorted(sent, key=lambda d: d.turn)] == by_id


def test_rule_5_nothing_is_late_and_a_row_keeps_its_own_time() -> None:
    app = App()
    app.submit(at(9), person())
    app.run(at(12))
    app.engine.submit([act("e1", "session", at(3))], [to_us(at(3))])
    (*_, last) = app.store.read(-1, 10)
    assert last.log_ts_us == to_us(at(12)) + 1
    app.run(at(13))
    assert app.row()["e_at"][0] == to_us(at(3))


def test_rule_6_a_threshold_is_written_every_epoch_and_takes_effect_an_epoch_later() -> None:
    app = replayed(SHORT, BUSY, [END])
    rows = [row for row in app.store.controls() if row.key == "thresholds"]
    assert [row.version for row in rows] == list(range(1, len(rows) + 1))
    assert [row.effective_us for row in rows] == [to_us(START) + (2 + i) * HOUR_US for i in range(len(rows))]
    assert len(rows) == 25
    for d in decisions(app):
        in_force = [row.version for row in rows if row.effective_us <= to_us(d.at)]
        assert d.control_version == max(in_force, default=0)


class Refusing:
    """A scorer that answers from the record alone, and counts how often it was asked."""

    def __init__(self, logged: LoggedScorer) -> None:
        self.version, self.versions, self.asked, self._logged = logged.version, logged.versions, 0, logged

    def slots(self, keys: np.ndarray, request: PlanRequest) -> SlotScores:  # type: ignore[type-arg]
        self.asked += 1
        return self._logged.slots(keys, request)

    def scores(self, request: Request) -> Scores:
        self.asked += 1
        return self._logged.scores(request)


def test_rule_7_logged_scores_replay_byte_for_byte() -> None:
    first = replayed(SHORT, BUSY, [END])
    plans = [p for p in (decode(row.data) for row in first.store.plans_between(0, 1 << 62)) if isinstance(p, SlotPlan)]
    again = App(BUSY, start=START)
    scorer = Refusing(LoggedScorer(decisions(first), plans, simple_scorer().versions))
    again.engine.population.scorer = scorer
    again.engine.submit([record for _, record in SHORT], [stamp for stamp, _ in SHORT])
    again.engine.advance(first.decisions[-1].at)
    assert scorer.asked > 20
    until = to_us(first.decisions[-1].at) + 1
    want = [row.data for row in first.store.decisions_between(0, until)]
    assert [row.data for row in again.store.decisions_between(0, until)] == want
