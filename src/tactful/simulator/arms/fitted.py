"""The simple predictors, fitted on the exploration log: the same for every arm that learns."""

from tactful.events.registry import Registry
from tactful.models.click_rate import ClickRate
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime.scoring import LiveScorer
from tactful.simulator.exploration_log import ExplorationLog, send_rows, sessions_by_slot

VALIDATION_DAYS = 7
"""The last days of the log choose the slot model's prior weight and bandwidth."""


def fitted_scorer(log: ExplorationLog, registry: Registry) -> LiveScorer:
    """Returns slot histogram, click rate and unsubscribe rate as the log has them."""
    split = max(log.days - VALIDATION_DAYS, 1)
    rows = send_rows(log, registry)
    return LiveScorer(
        SlotHistogram.fit(sessions_by_slot(log, 0, split), sessions_by_slot(log, split, log.days)),
        ClickRate.fit(
            rows.user, rows.type, rows.match, rows.recency, rows.channel, rows.engaged, len(registry.types)
        ),
        UnsubscribeRate.fit(rows.sent_7d, rows.channel, rows.left),
    )
