"""Learned slot models in the engine: what they read, how their plans are kept and replayed, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stage import CALM, MONDAY, App, act, at, person, plan_bytes, told, with_rules
from tactful.clock import DAY_US, SimulatedClock, to_us
from tactful.errors import InvalidModel, InvalidScores, UnknownCountry
from tactful.events.records import SlotPlan, decode
from tactful.features.context import Zones
from tactful.features.history import UserTable
from tactful.features.slot_past import SlotPast, nobody, slot_past
from tactful.models import served
from tactful.models.protocol import Parameters, SlotModel, SlotScores
from tactful.models.served_slots import Objective, ServedSlots
from tactful.models.slot_histogram import GlobalSlots, SlotHistogram
from tactful.runtime.embedded import Engine
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.noted_models import noted
from tactful.runtime.population import FIRE_AT_ONCE
from tactful.runtime.replaying import verify
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Settings, Timing
from tactful.stores.memory import MemoryStore

GRAPH = (Path(__file__).parents[1] / "fixtures" / "slot_model.onnx").read_bytes()
"""24 slots, 7 days back, random weights: what it says is of no use, that it says something new is."""


def scorer(objective: Objective = "incremental") -> LiveScorer:
    simple = simple_scorer()
    return LiveScorer(ServedSlots(GRAPH, objective), simple.click_model, simple.unsubscribe_model)


class Learned(App):
    """An app whose hours are foretold by the served slot model."""

    def restart(self) -> None:
        self.engine = Engine(self.store, self.settings, scorer(), self.clock)


def learned() -> Learned:
    app = Learned(with_rules(quiet_start_minute=0, quiet_end_minute=0))
    app.store = MemoryStore()
    app.restart()
    return app


def plans(app: App, user_id: str = "ann") -> list[SlotPlan]:
    found = [decode(data) for data in plan_bytes(app)]
    return [plan for plan in found if isinstance(plan, SlotPlan) and plan.user_id == user_id]


def a_week(app: App) -> None:
    """Two people; one of them is there every evening for a while, and clicks what she gets."""
    app.submit(at(0.5), person(), person("bob"))
    for day in range(7):
        for i, kind in enumerate(("session", "effective_view", "click", "receipt")):
            when = at(24 * day + 20 + i / 9)
            app.submit(when, act(f"e{day}-{i}", kind, when, value=75.0))
        when = at(24 * day + 23)
        app.submit(when, told(f"c{day}", created=when), told(f"b{day}", user_id="bob", created=when))
    app.run(at(24 * 8))


@pytest.fixture(scope="module")
def app() -> Learned:
    made = learned()
    a_week(made)
    return made


def test_a_week_of_engagements_changes_what_the_served_model_says_of_her(app: Learned) -> None:
    hers, his = plans(app), plans(app, "bob")
    assert hers[0].slot_weights == his[0].slot_weights
    assert hers[-1].slot_weights != his[-1].slot_weights
    assert hers[-1].slot_probs != hers[0].slot_probs
    assert sum(hers[-1].slot_probs) == pytest.approx(1.0)


def test_the_plan_goes_by_weights_and_the_profile_by_activity(app: Learned) -> None:
    model = ServedSlots(GRAPH, "incremental")
    whole_days = [plan for plan in plans(app) if plan.at.hour == 0 and not plan.randomised and plan.jobs]
    assert len(whole_days) >= 6
    for plan in whole_days[1:]:
        best = np.argsort(np.negative(plan.slot_weights), kind="stable")[: len(plan.jobs)]
        assert sorted(best.tolist()) == list(plan.jobs)
    row = app.row()
    assert row["slot_p"].tolist() == pytest.approx(list(plans(app)[-1].slot_probs), rel=1e-6)
    name = noted(app.store, plans(app)[-1].model_version)
    assert name is not None
    assert (name.name, name.version, name.objective) == ("slot_model", model.version, "incremental")


def test_weights_and_profiles_replay_bit_for_bit(app: Learned) -> None:
    found = verify(app.store, app.settings)
    assert found.equal, found.difference
    assert found.plans == len(plan_bytes(app))


def test_a_crash_in_the_week_leaves_the_same_plans_as_none(app: Learned) -> None:
    broken = learned()
    broken.submit(at(0.5), person(), person("bob"))
    for day in range(7):
        for i, kind in enumerate(("session", "effective_view", "click", "receipt")):
            when = at(24 * day + 20 + i / 9)
            broken.submit(when, act(f"e{day}-{i}", kind, when, value=75.0))
        broken.restart()
        when = at(24 * day + 23)
        broken.submit(when, told(f"c{day}", created=when), told(f"b{day}", user_id="bob", created=when))
    broken.run(at(24 * 8))
    assert plan_bytes(broken) == plan_bytes(app)


def test_all_who_are_due_are_foretold_together() -> None:
    asked: list[int] = []

    class Counting(GlobalSlots):
        def foretell(self, past: SlotPast) -> SlotScores:
            asked.append(len(past.day))
            return super().foretell(past)

    simple = simple_scorer()
    engine = Engine(
        MemoryStore(), CALM, LiveScorer(Counting(), simple.click_model, simple.unsubscribe_model),
        SimulatedClock(to_us(MONDAY)),
    )  # fmt: skip
    n = FIRE_AT_ONCE + 88
    engine.submit([person(f"u{i}") for i in range(n)])
    engine.advance(at(0.1))
    assert asked[0] == 1  # the trial when the scorer was made
    assert sum(asked[1:]) == n
    assert max(asked) <= FIRE_AT_ONCE
    assert len(asked) == 3


class Fixed:
    """A slot model that says the same of everyone."""

    version = "0123456789abcdef"

    def __init__(self, value: float, slots: int = 24) -> None:
        self._value, self._slots = value, slots

    def parameters(self) -> Parameters:
        return {}

    def foretell(self, past: SlotPast) -> SlotScores:
        shape = (len(past.day), self._slots)
        return SlotScores(np.full(shape, 1 / self._slots), np.full(shape, self._value))


@pytest.mark.parametrize("model", [ServedSlots(GRAPH), SlotHistogram()], ids=["served", "histogram"])
def test_a_person_alone_is_foretold_with_the_same_bits_as_among_others(model: SlotModel) -> None:
    rng = np.random.default_rng(3)
    table = UserTable()
    table.ensure(np.arange(1, 42, dtype=np.uint64), np.full(41, to_us(MONDAY) - 20 * DAY_US))
    rows = table.rows
    rows["active_base"], rows["slot_counts"] = to_us(MONDAY) // DAY_US, rng.poisson(200, rows["slot_counts"].shape)
    rows["marks"] = rng.integers(0, 256, rows["marks"].shape) & rng.integers(0, 256, rows["marks"].shape)
    now, zones = np.full(41, to_us(MONDAY)), Zones.of(("UTC",))
    whole = model.foretell(slot_past(rows, now, zones))
    alone = [model.foretell(slot_past(rows[i : i + 1], now[:1], zones)) for i in range(41)]
    assert np.concatenate([one.weight for one in alone]).tobytes() == whole.weight.tobytes()
    assert np.concatenate([one.profile for one in alone]).tobytes() == whole.profile.tobytes()
    np.testing.assert_allclose(whole.profile.sum(axis=1), 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1])
def test_nan_out_of_a_slot_model_names_the_model(value: float) -> None:
    simple = simple_scorer()
    with pytest.raises(InvalidScores, match="weights of slot model 0123456789abcdef, row 0"):
        LiveScorer(Fixed(value), simple.click_model, simple.unsubscribe_model)


def test_a_model_of_another_day_is_refused_before_the_first_plan() -> None:
    simple = simple_scorer()
    with pytest.raises(InvalidScores, match=r"shape \(1, 48\)"):
        LiveScorer(Fixed(0.5, 48), simple.click_model, simple.unsubscribe_model)
    with pytest.raises(InvalidModel, match="48"):
        LiveScorer(GlobalSlots(np.ones(48)), simple.click_model, simple.unsubscribe_model)


def test_a_graph_for_what_is_not_kept_is_refused() -> None:
    with pytest.raises(InvalidModel, match="for 24 slots, 7 days and 6 features, expected 48 slots"):
        ServedSlots(GRAPH).foretell(replace(nobody(), counts=np.zeros((1, 48))))
    with pytest.raises(InvalidModel, match="no ONNX graph"):
        ServedSlots(b"no graph")


def test_an_unknown_country_is_refused_at_the_start() -> None:
    with pytest.raises(UnknownCountry, match="'XX'"):
        Engine(MemoryStore(), Settings(timing=Timing(country="XX")))
    assert Engine(MemoryStore(), Settings(timing=Timing(country="BR"))).watermark is None


@pytest.mark.parametrize("objective", ["active", "click", "incremental"])
def test_the_objective_is_saved_with_the_model_and_tells_the_weight(objective: Objective) -> None:
    model = ServedSlots(GRAPH, objective)
    loaded = served.load(served.save(model))
    assert (loaded.objective, loaded.version) == (objective, model.version)
    past = nobody()
    click, active = np.moveaxis(
        model.chances(past.history(7), past.known(7), past.rest(7), past.today_rest, past.segment).astype(float), 2, 0
    )
    want = {"active": active, "click": click, "incremental": click * (1 - active)}[objective]
    scores = loaded.foretell(past)
    np.testing.assert_array_equal(scores.weight, want)
    np.testing.assert_allclose(scores.profile, active / active.sum())
