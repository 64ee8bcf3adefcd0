"""The arms of the benchmark by name. To enter one: a file in `simulator/arms/`, a maker, and a line in `ARMS`.

All are given the same number of messages over everyone. Whatever a week sends too little or too much, the budgets of
the next one make up for (`arms/budgeted.py`); arms that are not `Budgeted` are set on a world that is not scored.
Rankers and hours are the teacher's for all, unless an arm's definition forbids it: the simple ways have neither.
"""

from dataclasses import replace
from typing import Final

from tactful.decision.rules import Rules
from tactful.errors import TruthForbidden
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.budgeted import Budgeted, Delivery, Learned, Rule
from tactful.simulator.arms.delivery import personal_delivery
from tactful.simulator.arms.duolingo import Reminders
from tactful.simulator.arms.greedy_truth import Greedy
from tactful.simulator.arms.hand_caps import HandCaps
from tactful.simulator.arms.judged import Judged, Worth
from tactful.simulator.arms.nine_oclock import NineOclock
from tactful.simulator.arms.policy import DEFAULT_EXPLORATION, NO_EXPLORATION, Arm
from tactful.simulator.arms.silence import Silence
from tactful.simulator.arms.tim_proportional import MiddleOfDay
from tactful.simulator.arms.true_curves import TrueCurves
from tactful.simulator.arms.uber_plan import UberPlan
from tactful.simulator.arms.volume_rules import RULES
from tactful.simulator.bench.prepared import Maker, Prepared
from tactful.simulator.truth import WorldTruth

RANKED: Final = 6
"""Candidates of a job that the ranker scores, the best by click rate; the same for every arm that has the ranker."""
USUAL: Final = Rules(candidates_ranked=RANKED)
NEP: Final = Rules(candidates_ranked=RANKED, utility="nep")
NO_PRICE: Final = Rules(candidates_ranked=RANKED, price="none")
WIDE: Final = 2.0
"""Headroom at which budgets hardly bind: three times the volume."""


def whole(given: Prepared, rules: Rules = USUAL, headroom: float = 0.3) -> Assembled:
    """Returns a delivery with the teacher's hours and ranker, which explores as the engine does by default."""
    return Assembled(given.hours or "personal", given.ranker, rules, DEFAULT_EXPLORATION, headroom)


def priced(name: str, given: Prepared, rule: Rule, delivery: Assembled) -> Budgeted:
    """Returns an arm whose price holds the volume: a budget costs its share of it."""
    fill = delivery.sent_by_budget(given.learned.fill.shape[1] - 1)
    return Budgeted(name, rule, Learned(given.learned.model, fill), delivery=delivery)


def unpriced(name: str, given: Prepared, rule: Rule, delivery: Delivery) -> Budgeted:
    """Returns an arm without a price: a budget costs what it was seen to send."""
    return Budgeted(name, rule, given.learned, delivery=delivery)


def uncapped(name: str, given: Prepared, delivery: Delivery, like: Assembled) -> Budgeted:
    """Returns an arm whose price alone says who gets how much: the same wide budgets for everyone.

    Args:
        like: what `delivery` is made of; its headroom says what a budget is expected to send.
    """
    fill = like.sent_by_budget(given.learned.fill.shape[1] - 1)
    return Budgeted(name, RULES["uniform"], Learned(given.learned.model, fill), delivery=delivery)


def judged(name: str, given: Prepared, model: Worth) -> Budgeted:
    """Returns an arm that sends where a model of the send itself says more than the price."""
    delivery = whole(given, headroom=WIDE)
    return uncapped(name, given, Judged(delivery, model), delivery)


def _nine_oclock(given: Prepared) -> Arm:
    return unpriced("nine_oclock", given, RULES["uniform"], NineOclock().prepare)


def _hand_caps(given: Prepared) -> Arm:
    return unpriced("hand_caps", given, RULES["uniform"], HandCaps().prepare)


def _uniform_personal(given: Prepared) -> Arm:
    return unpriced("uniform_personal", given, RULES["uniform"], personal_delivery)


def _ctr_percentile(given: Prepared) -> Arm:
    return unpriced("ctr_percentile", given, RULES["ctr_percentile"], whole(given, NO_PRICE))


def _kdd18(given: Prepared) -> Arm:
    return unpriced("kdd18", given, RULES["kdd18_exact"], whole(given, NO_PRICE))


def _tim_proportional(given: Prepared) -> Arm:
    delivery = whole(given, NO_PRICE)
    if not isinstance(delivery.hours, str):
        delivery = replace(delivery, hours=MiddleOfDay(delivery.hours))
    return unpriced("tim_proportional", given, RULES["uniform"], delivery)


def _nep(given: Prepared) -> Arm:
    return priced("nep", given, RULES["uniform"], whole(given, NEP, WIDE))


def _tactful(given: Prepared) -> Arm:
    return priced("tactful", given, RULES["discounted"], whole(given))


def _true_curves(given: Prepared) -> Arm:
    if not isinstance(given.truth, WorldTruth):
        raise TruthForbidden("got no truth of a default world, expected one: true_curves is an oracle of that world")
    delivery = whole(given)
    fill = delivery.sent_by_budget(given.learned.fill.shape[1] - 1)
    rule = TrueCurves.of(given.truth, fill, given.lifts.click, given.lifts.leave)
    return priced("true_curves", given, rule, delivery)


def _linkedin_uplift(given: Prepared) -> Arm:
    return judged("linkedin_uplift", given, given.sends().visits)


def _double_dqn(given: Prepared) -> Arm:
    return judged("double_dqn", given, given.sends().gain)


def _duolingo(given: Prepared) -> Arm:
    delivery = replace(whole(given, NO_PRICE), exploration=NO_EXPLORATION)  # its softmax explores
    return unpriced("duolingo", given, RULES["uniform"], Reminders(delivery, given.sends().types))


def _uber_plan(given: Prepared) -> Arm:
    return UberPlan(whole(given))


def _greedy_truth(given: Prepared) -> Arm:
    if given.truth is None:
        raise TruthForbidden("got no truth, expected one: greedy_truth is an oracle")
    delivery = whole(given, headroom=WIDE)
    return uncapped("greedy_truth", given, Greedy(delivery), delivery)


ARMS: Final[dict[str, Maker]] = {
    "silence": lambda given: Silence(),
    "nine_oclock": _nine_oclock,
    "hand_caps": _hand_caps,
    "uniform_personal": _uniform_personal,
    "ctr_percentile": _ctr_percentile,
    "kdd18": _kdd18,
    "tim_proportional": _tim_proportional,
    "nep": _nep,
    "linkedin_uplift": _linkedin_uplift,
    "uber_plan": _uber_plan,
    "duolingo": _duolingo,
    "double_dqn": _double_dqn,
    "tactful": _tactful,
    "true_curves": _true_curves,
    "greedy_truth": _greedy_truth,
}
"""Name -> maker, in the order of the tables."""

ORACLES: Final = ("true_curves", "greedy_truth")
"""Arms that see the truth: references, which no honest arm is ranked against."""

OURS: Final = "tactful"
SIMPLE: Final = ("hand_caps", "uniform_personal")
"""The better of these is the base of gains."""
