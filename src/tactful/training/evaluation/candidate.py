"""Which option: what other weights, or another ranker, would have sent on days of random sends.

Each option of a job was as likely as the others. A policy's pick is the option of the largest utility, as in `tune`:
prices are left out, for they follow the utilities. Another ranker reads what was frozen of the whole pool; a job whose
pool held candidates that could not be sent is left out there, since the frozen pool does not name them.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.decision.rules import Rules
from tactful.errors import NotIdentifiable
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, Decision, Option
from tactful.features.join import Touches
from tactful.features.ranking import SCHEMA
from tactful.features.ranking_snapshot import opened, schema_of
from tactful.models.protocol import RANK_HEADS, RankModel
from tactful.training.evaluation.findings import Trials
from tactful.training.ranking.random_choices import RandomChoices, best_options, random_choices

_OPENED_AT_ONCE = 4096


def of_rules(choices: RandomChoices, present: Rules, target: Rules) -> Trials:
    """Returns the random sends as trials of two sets of rules."""
    return _trials(choices, best_options(choices, present), best_options(choices, target))


def of_ranker(
    drawn: Sequence[Decision],
    touches: Touches,
    types: Sequence[EventType],
    until_us: int,
    rules: Rules,
    model: RankModel,
) -> Trials:
    """Returns the random sends as trials of the scores on record against those of another ranker.

    Args:
        drawn: random sends.
        touches, types, until_us: as of `random_choices`.
        rules: of both.
        model: the other ranker.

    Raises:
        NotIdentifiable: no random send has a pool that can be read back.
    """
    whole = [one for one in drawn if _is_whole(one)]
    if not whole:
        raise NotIdentifiable(
            f"got {len(drawn)} random sends, of which none has a pool that this release reads back; let the engine run"
        )
    newest = max(whole, key=lambda one: one.at).heads
    whole = [one for one in whole if one.heads == newest]
    before = random_choices(whole, touches, types, until_us)
    after = random_choices(rescored(whole, model), touches, types, until_us)
    trials = _trials(before, best_options(before, rules), best_options(after, rules))
    return Trials(**{**vars(trials), "left_out": len(drawn) - len(before)})


def rescored(drawn: Sequence[Decision], model: RankModel) -> list[Decision]:
    """Returns random sends as if another ranker had scored their options; their choice stays."""
    found = []
    for start in range(0, len(drawn), _OPENED_AT_ONCE):
        some = drawn[start : start + _OPENED_AT_ONCE]
        inputs = opened([one.snapshot for one in some])
        said = model.rank(inputs).astype(np.float64)
        for one, scores, present in zip(some, said, inputs.present, strict=True):
            place = dict(zip(_candidates(one), np.flatnonzero(present).tolist(), strict=True))
            options = tuple(_rescored(option, scores[place[option.candidate_id]]) for option in one.feasible)
            found.append(msgspec.structs.replace(one, heads=RANK_HEADS, feasible=options))
    return found


def _rescored(option: Option, scores: NDArray[np.float64]) -> Option:
    own = tuple(scores[CHANNELS.index(option.channel)].tolist())
    return Option(option.candidate_id, option.channel, own, option.utility, option.threshold)


def _is_whole(one: Decision) -> bool:
    """Whether the frozen pool is readable, and every candidate of it could be sent: then their order names them."""
    if not one.snapshot or schema_of(one.snapshot) != SCHEMA:
        return False
    return int(opened([one.snapshot]).present.sum()) == len(_candidates(one))


def _candidates(one: Decision) -> list[str]:
    """Candidates that could be sent, in the order of the pool."""
    return list(dict.fromkeys(option.candidate_id for option in one.feasible))


def _trials(choices: RandomChoices, present: NDArray[np.int64], target: NDArray[np.int64]) -> Trials:
    return Trials(
        user=choices.user,
        logged=1.0 / choices.present.sum(axis=1),
        present=(present == choices.sent).astype(np.float64),
        target=(target == choices.sent).astype(np.float64),
        reward={head: choices.label[:, place].astype(np.float64) for place, head in enumerate(RANK_HEADS)},
        known={head: choices.known[:, place] for place, head in enumerate(RANK_HEADS)},
    )
