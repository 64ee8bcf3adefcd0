"""The gate of a ranker: judged on the random sends of a log, before anybody gets a message by it."""

from typing import Final, Literal

from tactful.clock import DAY_US
from tactful.errors import NotEnoughData, NotIdentifiable
from tactful.experiments.gate import MARGIN, Gate, gate, judge, too_thin
from tactful.models.protocol import RankModel
from tactful.training.evaluation.evaluate import Judged, judge_ranker

_DECIDES: Final = "click"
_BETTER: Final[dict[str, Literal["more", "less"]]] = {_DECIDES: "more", "unsubscribe": "less"}
"""The first must be shown to be no worse, the others must not be shown to be worse."""


def gate_ranker(log: Judged, model: RankModel, margin: float = MARGIN) -> Gate:
    """Returns whether a ranker may decide for a canary (row `candidate` of the identification table).

    A log that cannot tell of clicks is *inconclusive*, with the reason. Another reward that it cannot tell of, such as
    leaving where nobody left, is not judged.

    Raises:
        InvalidExperiment: a margin outside (0, 1).
    """
    first = log.store.read(-1, 1)
    days = (log.until_us - first[0].log_ts_us) / DAY_US if first else 0.0
    try:
        evaluation = judge_ranker(log, model)
    except (NotIdentifiable, NotEnoughData) as error:
        return too_thin(str(error), days, margin)
    found = {one.reward: one for one in evaluation.findings}
    if _DECIDES not in found:
        return too_thin("; ".join(evaluation.unsaid), days, margin)
    judgements = [
        judge(one.reward, better, one.rows, one.people, one.present, one.target, one.difference, days, margin)
        for name, better in _BETTER.items()
        if (one := found.get(name)) is not None
    ]
    return gate(judgements, days, margin)
