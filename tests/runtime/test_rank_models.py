"""A trained ranker in the engine: its heads are on record, every job is scored by itself, and a bad one stops nothing
but itself."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from rank_models import HEADS, BrokenRanker, PlainRanker
from small_app import START, inputs
from stage import CALM, App, act, at, codes, decision_bytes, person, plan_bytes, told, with_rules
from tactful.cli.explain import print_explanation
from tactful.clock import to_us
from tactful.errors import EngineStopped, InvalidScores
from tactful.events.records import Decision, Item, SlotPlan, decode
from tactful.features.ranking import RankInputs
from tactful.models import served
from tactful.models.protocol import RANK_HEADS, RankModel
from tactful.runtime.embedded import Engine
from tactful.runtime.evidence import gather
from tactful.runtime.explaining import explain
from tactful.runtime.logged_scores import LoggedScorer
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.noted_models import history, versions
from tactful.runtime.population import FIRE_AT_ONCE
from tactful.runtime.replaying import verify
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import EngineSettings, Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store

GRAPHS = Path(__file__).parents[1] / "fixtures" / "ranker.msgpack"
"""A small ranker with random weights."""
SOON = START + timedelta(hours=36)
CLICK, LEAVE = RANK_HEADS.index("click"), RANK_HEADS.index("unsubscribe")


def ranked(model: RankModel | None = None) -> LiveScorer:
    return replace(simple_scorer(), rank_model=model or PlainRanker())


class Ranked(App):
    """An app whose messages are scored by a ranker."""

    model = PlainRanker()

    def restart(self) -> None:
        self.engine = Engine(self.store, self.settings, ranked(self.model), self.clock)


def app(model: PlainRanker | None = None, settings: Settings = CALM, store: Store | None = None) -> Ranked:
    made = Ranked(settings, store)
    made.store, made.model = store or MemoryStore(), model or PlainRanker()
    made.restart()
    return made


def two_candidates(here: Ranked) -> Decision:
    """The decision on two candidates of one person, reachable on two channels; one fits what she reads."""
    here.submit(at(0.1), person("ann", "push", "email"))
    here.submit(at(0.2), *(act(f"v{i}", "effective_view", at(0.2), category=3, value=60.0) for i in range(5)))
    here.submit(
        at(9),
        told("liked", "recommendation", created=at(9), items=(Item(item_id="i", category=3, quality=0.9),)),
        told("other", "recommendation", created=at(9), items=(Item(item_id="j", category=7, quality=0.1),)),
    )
    here.run(at(24))
    return here.of("send")[0]


@pytest.fixture(scope="module")
def sent() -> Decision:
    return two_candidates(app(settings=with_rules(already_active_today="ignore")))


def test_a_decision_has_all_heads_of_the_ranker_and_the_best_candidate_is_sent(sent: Decision) -> None:
    assert sent.heads == RANK_HEADS
    assert len(sent.scores) == HEADS
    assert all(len(option.scores) == HEADS for option in sent.feasible)
    assert len({option.scores for option in sent.feasible}) == len(sent.feasible) == 4
    assert sent.candidate_id == "liked"
    assert sent.channel == "email"


def test_the_utility_is_what_the_weights_make_of_the_heads(sent: Decision) -> None:
    mean = float(np.mean([option.scores[LEAVE] for option in sent.feasible]))
    assert sent.features["mean_unsubscribe"] == pytest.approx(mean, rel=1e-12)
    for option in sent.feasible:
        worth = (1.0 - sent.features["p_organic"]) * option.scores[CLICK] - 5.0 * (option.scores[LEAVE] - mean)
        assert option.utility == pytest.approx(worth, rel=1e-12)


def test_the_version_names_slot_and_rank_model_and_the_store_notes_both(sent: Decision) -> None:
    here = app()
    slot, rank = simple_scorer().slot_model.version, here.model.version
    assert sent.model_version == f"{slot[:8]}-{rank[:8]}"
    (spoke,) = history(here.store)
    assert (spoke.since_us, spoke.version) == (0, sent.model_version)
    assert spoke.slot is not None
    assert spoke.rank is not None
    assert (spoke.slot.version, spoke.rank.version, spoke.rank.name) == (slot, rank, "PlainRanker")


def test_explain_shows_all_heads_of_each_option_in_80_columns() -> None:
    here = app()
    decision, out = two_candidates(here), Console(width=80, record=True, file=StringIO())
    print_explanation(explain(gather(here.store, here.settings, "ann", decision.at)), out)
    lines = [line.replace(" * ", " ").split() for line in out.export_text().splitlines()]
    for option in decision.feasible:
        numbers = [f"{score:.4f}" for score in (*option.scores, option.utility)]
        named = [option.candidate_id, option.channel]
        assert any([*line[:2], *line[-8:-1]] == [*named, *numbers] for line in lines)


def lived(store: Store, model: RankModel, alone: str = "") -> Engine:
    """A day of a hundred people with pools of 1 to 6 candidates; `alone` leaves everybody else out."""
    engine = Engine(store, with_rules(quiet_start_minute=0, quiet_end_minute=0), ranked(model))
    names = [alone] if alone else [f"u{i}" for i in range(100)]
    items = [(Item(item_id=f"i{j}", quality=j / 7),) for j in range(6)]
    candidates = [
        told(f"c{name}-{j}", "recommendation", user_id=name, created=at(1), items=items[j])
        for name in names
        for j in range(1 + int(name[1:]) % 6)
    ]
    engine.submit([person(name, "push", "email") for name in names], [to_us(at(0.5))] * len(names))
    engine.submit(candidates, [to_us(at(1))] * len(candidates))
    engine.advance(at(24))
    return engine


@pytest.mark.parametrize("model", [PlainRanker(), served.load(GRAPHS.read_bytes())], ids=["plain", "graphs"])
def test_a_job_alone_is_decided_with_the_same_bits_as_among_many(model: RankModel) -> None:
    many = MemoryStore()
    lived(many, model)
    rows = list(many.decisions_between(0, 1 << 62))
    for name in ("u0", "u5", "u77"):
        one = MemoryStore()
        engine = lived(one, model, name)
        mine = [row.data for row in one.decisions_between(0, 1 << 62)]
        key = int(engine.population.table.rows["user_key"][0])
        assert mine == [row.data for row in rows if row.user_key == key]
        assert len(mine) >= 1


class Counting(PlainRanker):
    """Remembers how many jobs it was asked about at a time; the first is the trial."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def rank(self, inputs: RankInputs) -> np.ndarray:
        self.asked.append(len(inputs.user))
        return super().rank(inputs)


def test_the_ranker_is_asked_once_a_job_with_all_who_are_due() -> None:
    model = Counting()
    here = app(model)
    n = FIRE_AT_ONCE + 88
    here.submit(at(0.5), *(person(f"u{i}") for i in range(n)))
    here.submit(at(9), *(told(f"c{i}", user_id=f"u{i}", created=at(9)) for i in range(n)))
    here.run(at(9.5))
    jobs = [d for d in here.decisions if d.action != "drop"]
    assert sum(model.asked[1:]) == len(jobs) >= n
    assert max(model.asked) <= FIRE_AT_ONCE


@pytest.mark.parametrize("most", [0, 6])
def test_the_ranker_is_not_asked_about_jobs_in_which_nothing_can_be_sent(most: int) -> None:
    model = Counting()
    here = app(model, with_rules(gap_minutes=120, candidates_ranked=most))
    here.submit(at(0.5), *(person(f"u{i}") for i in range(3)))
    here.submit(at(9), *(told(f"c{i}", user_id=f"u{i}", created=at(9)) for i in range(2)))
    here.submit(at(9.5), *(told(f"d{i}", user_id=f"u{i}", created=at(9.5)) for i in (1, 2)))
    here.run(at(9.6))
    jobs = [d for d in here.decisions if d.action != "drop"]
    held = [d for d in jobs if not d.feasible]
    assert ["gap_minutes"] in [codes(d) for d in held]
    assert sum(model.asked[1:]) == len(jobs) - len(held) == 3
    assert {d.features["mean_unsubscribe"] for d in held} == {0.0}


def test_decisions_of_a_ranker_replay_byte_for_byte_and_so_do_those_of_the_next_one() -> None:
    """Simple predictors, a ranker, another one: the store is opened anew with each, and the log is replayed at once."""
    store, scorers = MemoryStore(), (simple_scorer(), ranked(), ranked(PlainRanker(0.3)))
    pairs = inputs()
    for part, scorer in enumerate(scorers):
        since, until = (START + (SOON - START) * share / len(scorers) for share in (part, part + 1))
        engine = Engine(store, Settings(), scorer)
        some = [(record, to_us(when)) for when, record in pairs if since <= when < until]
        engine.submit([record for record, _ in some], [stamp for _, stamp in some])
        engine.advance(until)
    heads = [d.heads for d in decided(store)]
    assert {len(names) for names in heads} == {2, HEADS}
    assert len({d.model_version for d in decided(store)}) == 3
    verified = verify(store, Settings())
    assert verified.difference is None
    assert verified.decisions == store.count_decisions()
    assert replayed_at_once(store) == [row.data for row in store.decisions_between(0, 1 << 62)]


def replayed_at_once(store: Store) -> list[bytes]:
    """Every decision of a replay on the scores on record, in one micro-batch, with the models' names."""
    plans = [decode(row.data) for row in store.plans_between(0, 1 << 62)]
    spoke = versions(history(store))
    scorer = LoggedScorer(decided(store), [plan for plan in plans if isinstance(plan, SlotPlan)], spoke)
    memory = MemoryStore()
    engine = Engine(memory, Settings(engine=EngineSettings(micro_batch=1 << 30)), scorer)
    engine.submit([decode(i.data) for i in store.read(-1, 1 << 30)], [i.log_ts_us for i in store.read(-1, 1 << 30)])
    engine.advance(SOON)
    return [row.data for row in memory.decisions_between(0, 1 << 62)]


def decided(store: Store) -> list[Decision]:
    records = [decode(row.data) for row in store.decisions_between(0, 1 << 62)]
    return [d for d in records if isinstance(d, Decision) and d.action != "drop"]


@pytest.mark.parametrize("how", ["raises", "shape", "nan", "above one"])
def test_a_ranker_that_says_no_probabilities_is_refused_before_it_decides(how: str) -> None:
    model = BrokenRanker(how)
    with pytest.raises(InvalidScores, match=f"rank model {model.version}"):
        ranked(model)


@pytest.mark.parametrize("how", ["raises", "shape", "nan", "above one"])
def test_a_ranker_that_fails_in_the_middle_leaves_nothing_half_written(how: str) -> None:
    calm, broken = app(), app(BrokenRanker(how, late=True))
    for here in (calm, broken):
        here.submit(at(0.5), person(), person("bob"))
        here.run(at(1))
        here.submit(at(9), told("a", created=at(9)), told("b", user_id="bob", created=at(9)))
    before = decision_bytes(broken), plan_bytes(broken), broken.store.load_meta("committed")
    with pytest.raises(InvalidScores, match=f"rank model {broken.model.version}"):
        broken.run(at(10))
    assert (decision_bytes(broken), plan_bytes(broken), broken.store.load_meta("committed")) == before
    with pytest.raises(EngineStopped, match="open an engine"):
        broken.run(at(10))
    broken.engine.close()
    broken.model = calm.model
    broken.restart()
    for here in (calm, broken):
        here.run(at(24))
    assert decision_bytes(calm) == decision_bytes(broken)
    assert [codes(d) for d in calm.of("send")] != []


def test_a_ranker_whose_heads_are_constants_decides_like_any_other() -> None:
    class Constant(PlainRanker):
        def rank(self, inputs: RankInputs) -> np.ndarray:
            return np.zeros((*inputs.present.shape, 5, HEADS))

    decision = two_candidates(app(Constant()))
    assert decision.scores == (0.0,) * HEADS
    assert decision.utility == 0.0
