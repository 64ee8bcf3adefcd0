"""At most so many candidates of a job are ranked: the best at a glance, and the rest cannot be sent."""

from dataclasses import replace

import numpy as np

from rank_models import PlainRanker
from stage import CALM, App, at, codes, person, told, with_rules
from tactful.decision.policy.explore import Exploration
from tactful.events.records import Decision, Item
from tactful.features.ranking import RankInputs
from tactful.runtime.embedded import Engine
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.replaying import verify
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

MOST = 2
FEW = with_rules(candidates_ranked=MOST)


class Ranked(App):
    """An app whose messages are scored by a ranker."""

    def restart(self) -> None:
        self.store = MemoryStore()
        self.engine = Engine(self.store, self.settings, replace(simple_scorer(), rank_model=PlainRanker()), self.clock)


def app(settings: Settings = FEW) -> Ranked:
    made = Ranked(settings)
    made.restart()
    return made


def offer(here: App, names: list[str], size: int = 5) -> None:
    here.submit(at(0.5), *(person(name, "push", "email") for name in names))
    items = [(Item(item_id=f"i{j}", quality=j / 7),) for j in range(size)]
    here.submit(
        at(9),
        *(
            told(f"{name}-{j}", "recommendation", user_id=name, created=at(9), items=items[j])
            for name in names
            for j in range(size)
        ),
    )
    here.run(at(24))


def jobs(here: App) -> list[Decision]:
    return [one for one in here.decisions if one.action != "drop"]


def options(decision: Decision) -> set[str]:
    return {option.candidate_id for option in decision.feasible}


def test_options_are_of_the_ranked_candidates_and_the_decision_says_so() -> None:
    here = app()
    offer(here, ["ann"])
    first = jobs(here)[0]
    assert len(options(first)) == MOST
    (reason,) = [reason for reason in first.reasons if reason.code == "not_ranked"]
    assert (reason.number, reason.limit) == (5.0, float(MOST))


def test_the_ranker_is_asked_about_no_more_than_the_most() -> None:
    asked: list[int] = []

    class Counting(PlainRanker):
        def rank(self, inputs: RankInputs) -> np.ndarray:
            asked.append(inputs.present.shape[1])
            return super().rank(inputs)

    here = app()
    here.engine = Engine(here.store, FEW, replace(simple_scorer(), rank_model=Counting()), here.clock)
    offer(here, ["ann", "bob"])
    assert max(asked) == MOST


def test_where_all_fit_in_nothing_is_left_out() -> None:
    here = app()
    offer(here, ["ann"], size=MOST)
    assert all("not_ranked" not in codes(one) for one in jobs(here))


def test_a_random_send_draws_from_the_ranked_ones_with_their_exact_chance() -> None:
    random = Exploration(0.999, 0.0, 0.0, 0.05, 0.0, 0.0)
    here = app(Settings(seed=7, exploration=random, rules=FEW.rules, volume=CALM.volume))
    offer(here, [f"u{i}" for i in range(20)])
    sent = [one for one in jobs(here) if one.action == "send" and one.bucket == "random_send"]
    assert len(sent) > 10
    for one in sent:
        assert len(options(one)) == MOST
        assert one.action_probability == 1.0 / len(one.feasible)
        assert one.candidate_id in options(one)


def test_a_transactional_message_needs_no_rank() -> None:
    here = app(with_rules(candidates_ranked=1))
    here.submit(at(0.5), person("ann", "push", "email"))
    here.submit(at(9), *(told(f"r{i}", "recommendation", created=at(9)) for i in range(4)))
    here.submit(at(9.1), told("alert", "security_alert", created=at(9.1)))
    here.run(at(9.2))
    assert [one.candidate_id for one in here.of("send")] == ["alert"]


def test_a_job_alone_is_decided_as_among_others_with_larger_pools() -> None:
    alone, many = app(), app()
    offer(alone, ["ann"], size=3)
    others = [f"u{i}" for i in range(5)]
    many.submit(at(0.5), *(person(name, "push", "email") for name in ["ann", *others]))
    crowd = [
        told(f"{name}-{j}", "recommendation", user_id=name, created=at(9), items=(Item(item_id=f"i{j}"),))
        for name in others
        for j in range(9)
    ]
    mine = [
        told(f"ann-{j}", "recommendation", user_id="ann", created=at(9), items=(Item(item_id=f"i{j}", quality=j / 7),))
        for j in range(3)
    ]
    many.submit(at(9), *crowd, *mine)
    many.run(at(24))
    assert [one for one in jobs(many) if one.user_id == "ann"] == jobs(alone)


def test_decisions_replay_byte_for_byte() -> None:
    here = app()
    offer(here, ["ann", "bob", "cid"])
    verified = verify(here.store, FEW)
    assert verified.difference is None
    assert verified.decisions == here.store.count_decisions()
    assert any("not_ranked" in codes(one) for one in jobs(here))
