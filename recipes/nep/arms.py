"""The arms of the table by name: whole systems, what is left when one part is taken out, and who sees the truth.

All of them are given the same number of messages over everyone; what a person's budget is expected to send decides
how the rule shares that out, and every week makes up for the one before (`simulator/arms/budgeted.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from tactful.decision.rules import Rules
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.budgeted import Budgeted, Learned, Rule
from tactful.simulator.arms.policy import NO_EXPLORATION, Arm
from tactful.simulator.arms.silence import Silence
from tactful.simulator.arms.simple_curves import SimpleCurves
from tactful.simulator.arms.true_curves import TrueCurves
from tactful.simulator.arms.volume_rules import RULES
from tactful.simulator.bench.lifts import default_world
from tactful.simulator.bench.teach import Models
from tactful.simulator.closed_loop import Explored

WIDE: Final = 2.0
"""Headroom at which budgets hardly bind: three times the volume."""
RANKED: Final = 6
"""Candidates of a job that the ranker scores, the best by click rate."""
USUAL: Final = Rules(candidates_ranked=RANKED)
NEP: Final = Rules(candidates_ranked=RANKED, utility="nep")
NO_PRICE: Final = Rules(candidates_ranked=RANKED, price="none")
DAILY: Final = Rules(candidates_ranked=RANKED, price="none", daily_cap=1, cap_window="calendar", gap_minutes=1440)

Maker: TypeAlias = Callable[[str, Models, Explored], Arm]
Change: TypeAlias = Callable[[Assembled], Assembled]


def whole(models: Models) -> Assembled:
    """Returns the delivery of everything together: learned hours, the trained ranker, a price."""
    return Assembled(hours=models.hours, ranker=models.ranker, rules=USUAL)


def budgeted(name: str, rule: Rule, models: Models, delivery: Assembled) -> Budgeted:
    """Returns an arm; under a price a budget costs its share of the volume, else what it was seen to send."""
    learned = models.volume
    if delivery.rules.price == "threshold":
        learned = Learned(learned.model, delivery.sent_by_budget(learned.fill.shape[1] - 1))
    return Budgeted(name, rule, learned, delivery=delivery)


def _daily_budget(name: str, models: Models, explored: Explored) -> Arm:
    delivery = Assembled(hours="one", ranker=models.ranker, rules=DAILY, exploration=NO_EXPLORATION)
    return budgeted(name, RULES["uniform"], models, delivery)


def _nep(name: str, models: Models, explored: Explored) -> Arm:
    delivery = Assembled(hours="everyone", ranker=models.ranker, rules=NEP, headroom=WIDE)
    return budgeted(name, RULES["uniform"], models, delivery)


def _simple(name: str, models: Models, explored: Explored) -> Arm:
    rule = SimpleCurves.of(explored.log, models.volume.fill.shape[1] - 1)
    return budgeted(name, rule, models, Assembled())


def _everything(name: str, models: Models, explored: Explored) -> Arm:
    return budgeted(name, RULES["discounted"], models, whole(models))


def _true_curves(name: str, models: Models, explored: Explored) -> Arm:
    arm = budgeted(name, RULES["uniform"], models, whole(models))
    truth, lifts = default_world(explored).truth(), models.lifts
    return replace(arm, rule=TrueCurves.of(truth, arm.learned.fill, lifts.click, lifts.leave))


def _without_volume(name: str, models: Models, explored: Explored) -> Arm:
    return budgeted(name, RULES["uniform"], models, whole(models))


def _price_only(name: str, models: Models, explored: Explored) -> Arm:
    return budgeted(name, RULES["uniform"], models, replace(whole(models), headroom=WIDE))


def _with(change: Change) -> Maker:
    """Everything together with another part in the delivery."""

    def make(name: str, models: Models, explored: Explored) -> Arm:
        return budgeted(name, RULES["discounted"], models, change(whole(models)))

    return make


SYSTEMS: Final[dict[str, Maker]] = {
    "silence": lambda name, models, explored: Silence(),
    "daily_budget": _daily_budget,
    "nep": _nep,
    "simple": _simple,
    "everything": _everything,
    "true_curves": _true_curves,
}
ABLATIONS: Final[dict[str, Maker]] = {
    "no_volume_model": _without_volume,
    "no_slot_model": _with(lambda whole: replace(whole, hours="personal")),
    "hours_of_everyone": _with(lambda whole: replace(whole, hours="everyone")),
    "no_ranker": _with(lambda whole: replace(whole, ranker=None)),
    "nep_utility": _with(lambda whole: replace(whole, rules=NEP)),
    "caps_only": _with(lambda whole: replace(whole, rules=NO_PRICE)),
    "price_only": _price_only,
    "no_exploration": _with(lambda whole: replace(whole, exploration=NO_EXPLORATION)),
}
ARMS: Final = {**SYSTEMS, **ABLATIONS}


def arm_of(name: str, models: Models, explored: Explored) -> Arm:
    """Returns the arm of a name, with the models of its seed."""
    return ARMS[name](name, models, explored)
