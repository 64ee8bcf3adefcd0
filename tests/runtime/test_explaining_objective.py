"""Segments with objectives of their own: decided by them, and explained by them."""

import msgspec
import pytest

from objectives_store import inputs, run
from stage import with_rules
from tactful.decision.rules import Rules
from tactful.events.records import Decision, decode
from tactful.runtime.evidence import gather
from tactful.runtime.explaining import click_needed, explain
from tactful.runtime.explaining_objective import weights
from tactful.stores.memory import MemoryStore

DEARER = {"new": {"unsubscribe": -50.0}}


def sends(store: MemoryStore) -> list[Decision]:
    made = (decode(row.data) for row in store.decisions_between(0, 2**62))
    return [d for d in made if isinstance(d, Decision) and d.action == "send"]


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    run(made, with_rules(weights_by_segment=DEARER), days=3)
    return made


def test_where_leaving_is_dear_the_channel_that_drives_fewer_away_wins_and_elsewhere_as_before(
    store: MemoryStore,
) -> None:
    as_before = MemoryStore()
    run(as_before, with_rules(), days=3)
    new = {d.channel for d in sends(store) if d.segment.startswith("new/")}
    assert new == {"push"}
    assert {d.channel for d in sends(as_before) if d.segment.startswith("new/")} == {"email"}
    assert {d.channel for d in sends(store) if not d.segment.startswith("new/")} == {"email"}
    assert len(sends(store)) > len(inputs(3)) / 10


def test_the_explanation_says_whose_weights_applied(store: MemoryStore) -> None:
    settings = with_rules(weights_by_segment=DEARER)
    new, known = (explain(gather(store, settings, user)).objective for user in ("u1", "u0"))
    assert new is not None
    assert known is not None
    assert "its own weights (rules.weights_by_segment.new): click 1, unsubscribe -50" in new.sentence
    assert known.tables == ()
    assert "the weights of all segments (rules.weights): click 1, unsubscribe -5" in known.sentence
    assert explain(gather(store, with_rules(), "u1")).objective is None


def test_weights_of_an_explanation_are_those_that_made_the_utility(store: MemoryStore) -> None:
    rules = Rules(weights_by_segment=DEARER)
    for decision in sends(store):
        click, unsubscribe = decision.scores
        worth = click * (1.0 - decision.features["p_organic"])
        if decision.features["active_today"]:
            worth *= rules.further_visit
        of = weights(decision, rules)
        deviation = unsubscribe - decision.features["mean_unsubscribe"]
        assert decision.utility == pytest.approx(of["click"] * worth + of["unsubscribe"] * deviation)


def test_the_click_probability_that_is_needed_goes_by_the_segments_own_weight(store: MemoryStore) -> None:
    found = gather(store, with_rules(weights_by_segment={"new": {"click": 2.0}}), "u1")
    assert found.decision is not None
    decision = msgspec.structs.replace(found.decision, threshold=(found.decision.utility or 0.0) + 0.01)
    rise = 0.01 / 2.0 / (1.0 - decision.features["p_organic"])
    if decision.features["active_today"]:
        rise /= Rules().further_visit
    assert click_needed(decision, found) == pytest.approx(decision.scores[0] + rise)
