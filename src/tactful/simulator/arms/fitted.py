"""The simple predictors, fitted on the exploration log: the same for every arm that learns."""

import numpy as np
from jaxtyping import Float64

from tactful.decision.timing.quiet_hours import quiet_slots
from tactful.events.registry import Registry
from tactful.models.click_rate import ClickRate
from tactful.models.shrinkage import shrunk
from tactful.models.slot_histogram import SlotHistogram, circular_kernel
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime.scoring import LiveScorer
from tactful.simulator.exploration_log import ExplorationLog, SendRows, local_hour, send_rows, sessions_by_slot

_WEIGHTS = (4.0, 16.0, 64.0, 256.0, 1024.0)
_BANDWIDTHS_HOURS = (1.0, 2.0, 3.0, 4.0, 6.0)
_SMOOTHING_HOURS = 1.5
_HOUR_WEIGHT = 500.0
"""Sends that the mean click rate counts for in an hour's."""


def fitted_scorer(log: ExplorationLog, registry: Registry) -> LiveScorer:
    """Returns slot histogram, click rate and unsubscribe rate as the log has them."""
    rows = send_rows(log, registry)
    return LiveScorer(
        fitted_slots(log, rows),
        ClickRate.fit(rows.user, rows.type, rows.match, rows.recency, rows.channel, rows.clicked, len(registry.types)),
        UnsubscribeRate.fit(rows.sent_7d, rows.channel, rows.left),
    )


def fitted_slots(log: ExplorationLog, rows: SendRows) -> SlotHistogram:
    """Returns the histogram of visits whose strengths explain best in which hours messages were clicked.

    The hours of sending were drawn evenly, so a click speaks for its hour. The prior is everyone's clicks by hour;
    how much a person's own visits say beyond it is left to the clicks of the second half of the log.
    """
    half = log.days // 2
    later = rows.at_us >= log.start_us + half * (log.end_us - log.start_us) // log.days
    clicked = later & (rows.clicked > 0)
    cell = rows.user[clicked] * 24 + local_hour(log.users, rows.user[clicked], rows.at_us[clicked])
    clicks = np.bincount(cell, minlength=log.users.n * 24).reshape(-1, 24)
    visits, prior = sessions_by_slot(log, 0, half), clicks_by_hour(log, rows)
    quiet = quiet_slots(log.users.quiet_start, log.users.quiet_end)
    grid = [SlotHistogram(prior, weight, hours) for hours in _BANDWIDTHS_HOURS for weight in _WEIGHTS]

    def likelihood(model: SlotHistogram) -> float:
        p = np.where(quiet, 0.0, model.slots(visits))
        p = p / p.sum(axis=1, keepdims=True)
        return float(np.sum(clicks * np.log(p, where=p > 0.0, out=np.zeros_like(p))))

    return max(grid, key=likelihood)


def clicks_by_hour(log: ExplorationLog, rows: SendRows) -> Float64[np.ndarray, " 24"]:
    """Returns the click rate by local hour of sending, smoothed around the clock and shrunk towards the mean."""
    hour = local_hour(log.users, rows.user, rows.at_us)
    near = circular_kernel(24, _SMOOTHING_HOURS)[(np.arange(24)[:, None] - np.arange(24)) % 24]
    sends, clicks = near @ np.bincount(hour, minlength=24), near @ np.bincount(hour, rows.clicked, minlength=24)
    return shrunk(clicks, sends, np.full(24, (rows.clicked.sum() + 1.0) / (len(hour) + 20.0)), _HOUR_WEIGHT)
