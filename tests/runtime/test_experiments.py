"""Experiments in the engine: arms decide by their own rules, from a stated instant on, in every replay and restart."""

from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stage import CALM, App, at, codes, decision_bytes, person, plan_bytes, told, with_rules
from tactful import draws
from tactful.clock import to_us
from tactful.errors import InvalidExperiment, StoreError
from tactful.events.records import Control, Decision, decode
from tactful.experiments.assign import assigned
from tactful.experiments.design import Experiment, ExperimentArm, Targeting
from tactful.experiments.holdout import held_out
from tactful.experiments.schedule import KEY, value
from tactful.models import served
from tactful.runtime import experiments_in_force
from tactful.runtime.arm_rules import settings_of
from tactful.runtime.evidence import gather
from tactful.runtime.replaying import compare, verify
from tactful.runtime.settings import Holdout, Settings
from tactful.stores.memory import MemoryStore

GRAPHS = Path(__file__).parents[1] / "fixtures" / "ranker.msgpack"
PEOPLE = [f"user-{i}" for i in range(40)]
KEYS = np.array([draws.key(name) for name in PEOPLE], dtype=np.uint64)


def halves(name: str = "caps", **rules: object) -> Experiment:
    return Experiment(name=name, arms=(ExperimentArm("control", 0.4), ExperimentArm("new", 0.4, rules)))


def lived(app: App, first_day: int, days: int) -> App:
    """Everybody is told of something at nine and at noon of each day."""
    for day in range(first_day, first_day + days):
        for hour in (9, 12):
            when = at(24 * day + hour)
            app.submit(when, *(told(f"{name}-{day}-{hour}", user_id=name, created=when) for name in PEOPLE))
        app.run(at(24 * (day + 1)))
    return app


def announcement(experiment: Experiment) -> Control:
    return Control(version=0, effective_at=at(0), key=KEY, value=value(experiment))


def born(settings: Settings = CALM) -> App:
    app = App(settings)
    app.submit(at(0.1), *(person(name) for name in PEOPLE))
    app.run(at(1))
    return app


@pytest.fixture(scope="module")
def app() -> App:
    """A day without an experiment, two with one, one after it."""
    made = lived(born(), 0, 1)
    experiments_in_force.add(made.store, halves(daily_cap=1))
    lived(made, 1, 2)
    experiments_in_force.end(made.store, "caps", at(24 * 3))
    return lived(made, 3, 1)


def arms_on(app: App, day: int) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in app.decisions:
        if at(24 * day) < one.at < at(24 * (day + 1)):
            found.setdefault(one.user_id, set()).add(one.arm)
    return found


def sends_on(app: App, day: int, arm: str) -> list[Decision]:
    return [d for d in app.decisions if d.action == "send" and d.arm == arm and at(24 * day) < d.at < at(24 * day + 24)]


def test_decisions_name_the_arm_that_the_hash_says(app: App) -> None:
    names = ("caps/control", "caps/new", "default")
    arm = assigned([halves()], KEYS, CALM.seed)
    expected = {name: {names[i]} for name, i in zip(PEOPLE, arm.tolist(), strict=True)}
    assert arms_on(app, 1) == arms_on(app, 2) == expected
    assert set(arm.tolist()) == {-1, 0, 1}


def test_what_expires_or_is_pushed_out_names_the_arm_of_its_user() -> None:
    app = born()
    experiments_in_force.add(app.store, halves(daily_cap=1))
    crowd = (told(f"{name}-{i}", user_id=name, created=at(9)) for name in PEOPLE for i in range(20))
    app.submit(at(9), *crowd)
    app.run(at(48))
    drops = [d for d in app.decisions if d.action == "drop"]
    names = (*(f"caps/{arm}" for arm in ("control", "new")), "default")
    arm = dict(zip(PEOPLE, assigned([halves()], KEYS, CALM.seed).tolist(), strict=True))
    assert {code for d in drops for code in codes(d)} >= {"expired", "pool_full"}
    assert {(d.user_id, d.arm) for d in drops} == {(name, names[arm[name]]) for name in PEOPLE}
    assert verify(app.store, app.settings).equal


def test_before_the_start_and_after_the_end_everybody_is_in_the_default_arm(app: App) -> None:
    for day in (0, 3):
        assert set(map(tuple, arms_on(app, day).values())) == {("default",)}


def test_an_arm_is_decided_by_its_own_rules_and_the_others_are_not(app: App) -> None:
    for day in (1, 2):
        most = {arm: max(np.bincount([PEOPLE.index(d.user_id) for d in sends_on(app, day, arm)]))
                for arm in ("caps/control", "caps/new", "default")}  # fmt: skip
        assert most == {"caps/control": 2, "caps/new": 1, "default": 2}
    capped = [d for d in app.decisions if d.arm == "caps/new" and "daily_cap" in codes(d)]
    assert capped


def test_a_replay_across_start_and_end_is_byte_for_byte(app: App) -> None:
    found = verify(app.store, app.settings)
    assert found.equal, found.difference
    assert found.decisions == len(app.decisions)


def test_an_engine_that_is_opened_again_in_between_decides_the_same(app: App) -> None:
    again = lived(born(), 0, 1)
    experiments_in_force.add(again.store, halves(daily_cap=1))
    lived(again, 1, 1)
    again.restart()  # from the log alone
    lived(again, 2, 1)
    experiments_in_force.end(again.store, "caps", at(24 * 3))
    again.engine.close()
    again.restart()  # from saved states
    lived(again, 3, 1)
    assert decision_bytes(again) == decision_bytes(app)
    assert plan_bytes(again) == plan_bytes(app)


def test_the_store_lists_its_experiments_with_their_start_and_end(app: App) -> None:
    (one,) = experiments_in_force.listed(app.store)
    assert (one.name, one.ended_at) == ("caps", at(24 * 3))
    assert one.started_at is not None
    assert at(24) - timedelta(minutes=1) < one.started_at <= at(24 + 9)


def test_the_control_log_names_the_arms_of_its_thresholds(app: App) -> None:
    controls = [decode(row.data) for row in app.store.controls() if row.key == "thresholds"]
    told = {tuple(c.value["arms"]): c.value["shape"][0] for c in controls if isinstance(c, Control)}
    assert told == {("default",): 1, ("default", "caps/control", "caps/new"): 3}


def test_a_decision_is_explained_by_the_rules_of_its_arm(app: App) -> None:
    for arm, cap in (("caps/new", 1), ("caps/control", CALM.rules.daily_cap)):
        decision = sends_on(app, 1, arm)[0]
        evidence = gather(app.store, CALM, decision.user_id, decision_id=decision.decision_id)
        assert evidence.settings.rules.daily_cap == cap


def test_a_canary_grows_and_keeps_who_was_in() -> None:
    app = born()
    canary = Experiment(name="canary", arms=(ExperimentArm("new", 0.05, {"daily_cap": 1}),))
    experiments_in_force.add(app.store, canary)
    inside = set()
    for day, share in enumerate((0.25, 1.0)):
        lived(app, day, 1)
        now = {name for name, arms in arms_on(app, day).items() if "canary/new" in arms}
        assert inside <= now
        inside = now
        experiments_in_force.resize(app.store, "canary", (share,), at(24 * (day + 1)))
    lived(app, 2, 1)
    assert set(map(tuple, arms_on(app, 2).values())) == {("canary/new",)}


def test_a_hundred_and_twenty_arms_decide_at_once() -> None:
    app = born()
    for i in range(10):
        arms = tuple(ExperimentArm(f"arm-{j}", 0.008, {"further_visit": 0.011 + j / 20}) for j in range(12))
        experiments_in_force.add(app.store, Experiment(name=f"e{i}", arms=arms, offset=i / 10))
    lived(app, 0, 1)
    population = app.engine.population
    assert len(population.arms.names) == 121
    assert len(population.arms.treatments) == 13
    assert population.controls_at(to_us(at(24))).mid.shape[0] == 121
    assert len(set().union(*arms_on(app, 0).values())) > 20
    assert verify(app.store, app.settings).equal


def test_the_holdout_gets_nothing_ranked_and_is_in_no_experiment() -> None:
    app = born(msgspec.structs.replace(CALM, holdout=Holdout(share=0.3)))
    everybody = ExperimentArm("new", 1.0, {"further_visit": 0.5})
    experiments_in_force.add(app.store, Experiment(name="all", arms=(everybody,)))
    lived(app, 0, 2)
    app.submit(at(48 + 10), *(told(f"alert-{n}", "security_alert", n, at(48 + 10)) for n in PEOPLE))
    app.run(at(72))
    held = {name for name, inside in zip(PEOPLE, held_out(KEYS, 0.3, CALM.seed).tolist(), strict=True) if inside}
    sent = [d for d in app.decisions if d.action == "send"]
    assert 5 < len(held) < 25
    assert {d.user_id for d in sent if d.type != "security_alert"} == set(PEOPLE) - held
    assert {d.user_id for d in sent if d.type == "security_alert"} == set(PEOPLE)
    holds = [d for d in app.decisions if d.user_id in held and d.action == "hold"]
    assert holds
    assert all("holdout" in codes(d) for d in holds if d.feasible == () and "empty_pool" not in codes(d))
    assert {d.arm for d in app.decisions if d.user_id in held} == {"default"}


def test_a_targeted_experiment_is_for_whom_it_names_when_it_starts_or_she_comes() -> None:
    app = lived(born(), 0, 1)
    mail = person("mailer", "email"), told("m1", user_id="mailer", created=at(33))
    target = Targeting(reaches=("push_only",))
    experiments_in_force.add(app.store, msgspec.structs.replace(halves(), targeting=target))
    app.submit(at(25), person("user-0", "email"))
    lived(app, 1, 1)
    app.submit(at(48 + 8), *mail)
    lived(app, 2, 1)
    arm = dict(zip(PEOPLE, assigned([halves()], KEYS, CALM.seed).tolist(), strict=True))
    assert {name for name, arms in arms_on(app, 2).items() if arms != {"default"}} == {n for n in PEOPLE if arm[n] >= 0}
    assert arms_on(app, 2)["mailer"] == {"default"}
    app.engine.close()
    before = app.engine.population.arms.of.tolist()
    app.restart()
    assert app.engine.population.arms.of.tolist() == before
    assert verify(app.store, app.settings).equal


def test_an_arm_is_scored_by_its_own_ranker() -> None:
    app = born()
    ranker = served.load(GRAPHS.read_bytes())
    app.store.put_model(served.name_of(ranker), ranker.version, served.save(ranker))
    arms = ExperimentArm("control", 0.5), ExperimentArm("new", 0.5, models={"ranker": ranker.version})
    experiments_in_force.add(app.store, Experiment(name="ranker", arms=arms))
    lived(app, 0, 2)
    heads = {d.arm: len(d.heads) for d in app.decisions if d.action == "send"}
    assert heads == {"ranker/control": 2, "ranker/new": 6}
    named = {d.model_version.partition("-")[2] for d in app.decisions if d.arm == "ranker/new" and d.action == "send"}
    assert named == {ranker.version[:8]}
    assert verify(app.store, app.settings).equal
    app.restart()
    assert app.engine.population.rankers.keys() == {ranker.version}
    assert compare(app.store, app.settings).changed == 0


def test_an_experiment_with_a_missing_model_is_refused_and_the_rest_goes_on() -> None:
    app = born()
    lost = Experiment(name="lost", arms=(ExperimentArm("new", 0.5, models={"ranker": "none"}),))
    with pytest.raises(StoreError, match="does not keep"):
        experiments_in_force.add(app.store, lost)
    receipt = app.submit(at(2), announcement(lost), announcement(halves()), person("late"))
    assert [(r.position, "does not keep" in r.reason) for r in receipt.rejected] == [(0, True)]
    lived(app, 0, 1)
    assert [one.name for one in experiments_in_force.listed(app.store)] == ["caps"]


@pytest.mark.parametrize(
    ("experiment", "complaint"),
    [
        (halves(colour=1), "Object contains unknown field `colour`"),
        (halves(daily_cap=99), "daily_cap"),
        (halves(price="none"), "which all arms share"),
        (halves(weights={"clicks": 1.0}), "clicks"),
        (Experiment(name="x", arms=(ExperimentArm("new", 0.5, models={"slot": "1"}),)), "put in force for all"),
    ],
)
def test_an_arm_that_the_engine_cannot_decide_is_refused(experiment: Experiment, complaint: str) -> None:
    with pytest.raises(InvalidExperiment, match=complaint):
        experiments_in_force.add(MemoryStore(), experiment)


def test_announcements_that_contradict_what_was_taken_meanwhile_are_kept_with_the_reason() -> None:
    app = born()
    experiments_in_force.add(app.store, halves("one"))
    experiments_in_force.add(app.store, halves("other"))  # nobody has taken the first yet
    lived(app, 0, 1)
    assert [one.name for one in experiments_in_force.listed(app.store)] == ["one"]
    assert any("overlap" in reject.reason for reject in app.store.rejects(10))
    with pytest.raises(InvalidExperiment, match="expected a new name"):
        experiments_in_force.add(app.store, halves("one"))
    with pytest.raises(InvalidExperiment, match="expected one of"):
        experiments_in_force.end(app.store, "third", at(30))


def test_a_table_of_an_arm_changes_only_what_it_names() -> None:
    ours = with_rules(weights={**CALM.rules.weights, "unsubscribe": -77.0})
    changed = settings_of(ours, {"weights": {"click": 2.0}}).rules.weights
    assert (changed["click"], changed["unsubscribe"]) == (2.0, -77.0)
    assert settings_of(ours, {}) is ours
