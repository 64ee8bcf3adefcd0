"""How much of a person's hours her log gives away at all: Bayes' rule by somebody who knows how the world makes people.

Everybody is two archetypes, a mixture and a shift (`simulator/hours.py`); visits follow one mixture of the two and
looks at messages the other. Given those laws, and of the person only what the app saw, this is the mean of what her
looks may be. No model that must learn the laws from logs can expect more; it is a reference, and not a way to plan.
"""

from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.features.context import Zones, weekday
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.constants import ARCHETYPES, Constants
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.hours import TABLES
from tactful.simulator.timing_only import SLOTS, Stage
from tactful.simulator.visits import CLICK, OPEN, SESSION
from timing_simulated.profiles import KIND_OF, KINDS, Profile

MIXES: Final = (0.55, 0.65, 0.75, 0.85, 0.95)
SHIFTS: Final = (-2, -1, 0, 1, 2)
_AHEAD: Final = np.arange(SLOTS)
_TODAY: Final = np.array([0, 0, 1, 1])
_TOMORROW: Final = np.array([0, 1, 1, 0])
"""Whether a kind of day, and the day after it, are of rest."""


def of_posterior(stage: Stage) -> Profile:
    """Returns the posterior mean of each slot's chance of a look, up to a factor for each person: [kinds, n, K]."""
    log, constants = stage.log, Constants()
    visits, looks = _curves()
    ahead = _looks_ahead(looks, constants)
    likely = _posterior(log, visits, looks, ahead)
    channels = np.stack([(stage.open_channels >> channel) & 1 for channel in (EMAIL, PUSH)], axis=1)
    weight = channels * np.array([1.0, constants.push_attention])
    by_channel = [np.einsum("nh,hks->kns", likely, ahead[:, :, :, channel]) for channel in (EMAIL, PUSH)]
    total: Profile = sum((p * weight[None, :, [c]] for c, p in enumerate(by_channel)), np.zeros_like(by_channel[0]))
    return total


def _curves() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Visits and looks of every hypothesis: [hypotheses, 2, 24], days of work and of rest."""
    kinds = range(len(ARCHETYPES))
    every = list(product(kinds, kinds, MIXES, SHIFTS))
    first = np.stack([np.roll(TABLES[a], shift, axis=1) for a, _, _, shift in every]).astype(np.float64)
    second = np.stack([np.roll(TABLES[b], shift, axis=1) for _, b, _, shift in every]).astype(np.float64)
    mix = np.array([mix for _, _, mix, _ in every])[:, None, None]
    return mix * first + (1.0 - mix) * second, (1.0 - mix) * first + mix * second


def _looks_ahead(looks: NDArray[np.float64], constants: Constants) -> NDArray[np.float64]:
    """How much a message of each kind of day, slot and channel is looked at: [hypotheses, kinds, K, channels]."""
    out = np.empty((len(looks), KINDS, SLOTS, 2))
    for channel, lingers in ((EMAIL, constants.email_lingers_hours), (PUSH, constants.push_lingers_hours)):
        fades = np.exp(-_AHEAD / lingers)
        for slot in range(SLOTS):
            hour = slot + _AHEAD
            rest = np.where(hour[None, :] < SLOTS, _TODAY[:, None], _TOMORROW[:, None])
            out[:, :, slot, channel] = looks[:, rest, hour % SLOTS] @ fades / fades.sum()
    return out


def _posterior(
    log: ExplorationLog, visits: NDArray[np.float64], looks: NDArray[np.float64], ahead: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Chance of each hypothesis, [n, hypotheses]: alike at first, then by own visits and by when messages were seen.

    Levels (how often she comes, how attentive she is) are set to their best, so that hours alone speak.
    """
    seen, n = log.seen, log.users.n
    own = (seen.kind == SESSION) & (seen.decision < 0)
    answered = (seen.kind == OPEN) | ((seen.kind == CLICK) & (seen.channel == PUSH))
    came = _by_day_and_slot(log, seen.user[own], seen.at_us[own])
    looked = _by_day_and_slot(log, seen.user[answered], seen.at_us[answered])
    local_us = Zones.of(log.users.zones).local_us(log.users.zone[log.sends.user], log.sends.at_us)
    kind, slot = KIND_OF[weekday(local_us // DAY_US)], local_us % DAY_US * SLOTS // DAY_US
    cell = np.ravel_multi_index((log.sends.user, kind, slot, log.sends.channel), (n, KINDS, SLOTS, 2))
    sent = np.bincount(cell, minlength=n * KINDS * SLOTS * 2).reshape(n, -1).astype(np.float64)
    told = np.log(np.maximum(sent @ ahead.reshape(len(ahead), -1).T, 1e-9))
    score = came @ np.log(visits).reshape(len(visits), -1).T + looked @ np.log(looks).reshape(len(looks), -1).T
    score -= looked.sum(axis=1, keepdims=True) * told
    likely = np.exp(score - score.max(axis=1, keepdims=True))
    share: NDArray[np.float64] = likely / likely.sum(axis=1, keepdims=True)
    return share


def _by_day_and_slot(log: ExplorationLog, user: NDArray[np.int64], at_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """Counts [n, 2 * K] by day of work or rest and slot."""
    local_us = Zones.of(log.users.zones).local_us(log.users.zone[user], at_us)
    rest = _TODAY[KIND_OF[weekday(local_us // DAY_US)]]
    cell = (user * 2 + rest) * SLOTS + local_us % DAY_US * SLOTS // DAY_US
    return np.bincount(cell, minlength=log.users.n * 2 * SLOTS).reshape(log.users.n, -1).astype(np.float64)
