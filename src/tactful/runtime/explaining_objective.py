"""Whose weights made a utility: those of all segments, or what the settings say of the decision's own segment."""

import msgspec

from tactful.decision.policy.utility import weight_table
from tactful.decision.rules import Rules
from tactful.events.records import Decision
from tactful.features.segments import SEGMENTS


class Objective(msgspec.Struct, frozen=True):
    """The weights of a decision by head, and the tables of `rules.weights_by_segment` that had a say in them."""

    segment: str
    weights: dict[str, float]
    tables: tuple[str, ...]
    sentence: str


def weights(decision: Decision, rules: Rules) -> dict[str, float]:
    """Returns what the rules count each head of a decision for, in its segment.

    Raises:
        InvalidSettings: the rules have no weight for a head of the decision.
    """
    segment = SEGMENTS.index(decision.segment) if decision.segment in SEGMENTS else 0
    by_segment = rules.weights_by_segment if decision.segment in SEGMENTS else {}
    row = weight_table(decision.heads, rules.weights, by_segment)[segment]
    return dict(zip(decision.heads, row.tolist(), strict=True))


def objective(decision: Decision, rules: Rules) -> Objective | None:
    """Returns the objective of a decision; None where nothing was scored, or all segments have the same."""
    if not decision.heads or not rules.weights_by_segment:
        return None
    held, names = weights(decision, rules), (decision.segment.partition("/")[0], decision.segment)
    tables = tuple(name for name in names if name in rules.weights_by_segment)
    origin = " and ".join(f"rules.weights_by_segment.{_toml(name)}" for name in tables)
    whose = f"its own weights ({origin})" if tables else "the weights of all segments (rules.weights)"
    worth = ", ".join(f"{head} {weight:g}" for head, weight in held.items())
    sentence = f"Segment {decision.segment} has {whose}: {worth}, in clicks."
    return Objective(decision.segment, held, tables, sentence)


def _toml(name: str) -> str:
    return f'"{name}"' if "/" in name else name
