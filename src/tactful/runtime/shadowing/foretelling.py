"""What our models foretell of the messages that the other sender sent: asked of the person as she was before each."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from tactful.events.records import CHANNELS, Candidate
from tactful.features.pool import admit
from tactful.features.segments import SEGMENTS
from tactful.runtime import steps
from tactful.runtime.intake import columns, line_of
from tactful.runtime.population import Population
from tactful.runtime.shadowing.standing_in import Got, stand_in

CHANNEL_CODE: Final[dict[str, int]] = {channel: code for code, channel in enumerate(CHANNELS)}


def foretell(
    population: Population,
    rows: Int[np.ndarray, " n"],
    at_us: Int[np.ndarray, " n"],
    told: Sequence[Candidate],
    channels: Int[np.ndarray, " n"],
    before: Sequence[Sequence[Got]],
) -> tuple[tuple[str, ...], Float[np.ndarray, "n heads"], list[str]]:
    """Returns the heads, what each message scores on the channel it went through, and its person's segment.

    Nothing of the population changes: the states are copies, with an empty pool but for the message.

    Args:
        population: as it is; what it knows must lie before the first of these instants.
        rows: to whom.
        at_us: when.
        told: what.
        channels: through which, indices into `CHANNELS`; it reached her, so there she is taken to be reachable.
        before: what each person got earlier that day.
    """
    state = population.table.rows.take(rows)
    state["c_len"] = 0
    for i, got in enumerate(before):
        stand_in(state, i, got)
    one = (1 << channels).astype(np.uint8)
    for name in ("addresses", "opt_in"):
        state[name] |= one
    state["blocked"] &= ~one
    lines = [line_of(each, population.registry) for each in told]
    for i, line in enumerate(lines):
        line.row, line.log_us = i, int(at_us[i])
    admit(state, columns(lines, population.registry).candidates)
    request = steps.rank_request(state, at_us, population.arms.of[rows], population.frame)
    scores = population.scorer.scores(request)
    values = scores.values[np.arange(len(rows)), 0, channels]
    return scores.heads, values, [SEGMENTS[segment] for segment in state["segment"].tolist()]
