"""What people are worth in the long run: mean-field arithmetic on the truth, for scores and oracles only.

At k messages a week everything settles: fatigue, habit, visits, clicks, the weekly chance to leave. From the
settled values follow the worth of being reachable and, for the score J, what is left at the end of a run.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from tactful.simulator.activity import State, own_visits, stay_share
from tactful.simulator.constants import N_FAVOURITES, TYPES, Constants
from tactful.simulator.users import People

WEEKLY_DISCOUNT = 0.95
"""An active day next week counts 0.95 of one this week: the horizon is about twenty weeks."""
VOLUMES = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 14.0)
"""Weekly volumes among which the best is sought."""
_DAILY_RATE = -np.log(WEEKLY_DISCOUNT) / 7.0
_ROUNDS = 25
_MASKS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Typical:
    """An ordinary message to each user, by channel, at no fatigue: chances of a click and of leaving."""

    click: Float64[np.ndarray, "2 n"]
    leave: Float64[np.ndarray, "2 n"]


@dataclass(frozen=True)
class Settled:
    """Where a user settles: own visits and clicks a day, habit, burnout, weekly chance to leave."""

    own: Float64[np.ndarray, " n"]
    clicks: Float64[np.ndarray, " n"]
    habit: Float64[np.ndarray, " n"]
    burnout: Float64[np.ndarray, " n"]
    leaves: Float64[np.ndarray, " n"]

    @property
    def active(self) -> Float64[np.ndarray, " n"]:
        """Daily chance to be active."""
        some: Float64[np.ndarray, " n"] = 1.0 - np.exp(-self.own - self.clicks)
        return some


@dataclass(frozen=True)
class Prospects:
    """What each set of open channels holds in store (row = bitmask): the worth of reach in active days, the
    best weekly volume, and the habit, burnout, own visits and clicks where that settles."""

    worth: Float64[np.ndarray, "4 n"]
    volume: Float64[np.ndarray, "4 n"]
    habit: Float64[np.ndarray, "4 n"]
    burnout: Float64[np.ndarray, "4 n"]
    own: Float64[np.ndarray, "4 n"]
    clicks: Float64[np.ndarray, "4 n"]


def typical_messages(people: People, constants: Constants) -> Typical:
    """Returns the chances of an ordinary message: the mean over types, categories, quality and hours."""
    affinity = people.affinity.astype(np.float64)
    opens_clicks, irrelevant, total = np.zeros(len(affinity)), np.zeros(len(affinity)), 0.0
    for kind in TYPES:
        for share, base in _relevance_mixture(kind.match, constants):
            relevant = np.minimum(affinity * base, 1.0)
            weight = kind.per_day * share
            opens_clicks += weight * kind.appeal * (0.5 + relevant) * (0.4 + 1.2 * relevant)
            irrelevant += weight * (1.0 - relevant)
            total += weight
    click = people.attention * constants.click_share * opens_clicks / total
    leave = constants.leave_base * people.sensitivity * (1.0 + constants.leave_irrelevance * irrelevant / total)
    return Typical(np.stack([click, constants.push_attention * click]), np.stack([leave, leave]).astype(np.float64))


def _relevance_mixture(match: float, constants: Constants) -> list[tuple[float, float]]:
    if match < 0.0:
        return [(1.0, constants.plain_relevance)]
    liked = [
        (match / N_FAVOURITES, constants.favourite_relevance * constants.favourite_falls**j)
        for j in range(N_FAVOURITES)
    ]
    return [*liked, (1.0 - match, constants.other_relevance)]


def settle(
    people: People,
    stay: Float32[np.ndarray, " n"],
    click: Float64[np.ndarray, " n"],
    leave: Float64[np.ndarray, " n"],
    per_week: Float64[np.ndarray, " n"],
    constants: Constants,
) -> Settled:
    """Returns where users settle at `per_week` messages, given an ordinary message's chances at no fatigue.

    Fatigue k * fatigue_days / 7; habit g r T / (1 + g r T) for r sessions a day, found by iteration.
    """
    fatigue = per_week * constants.fatigue_days / 7.0
    wanted = np.minimum(per_week / 7.0 * click * np.exp(-constants.fatigue_dulls * fatigue), 2.0)
    burnout = per_week / 7.0 * constants.burnout_per_send * constants.burnout_days
    leaves = np.minimum(per_week * leave * np.exp(constants.leave_fatigue * fatigue), 0.9)
    habit = np.full(len(click), 0.3)
    own, clicks = np.zeros(len(click)), wanted
    for _ in range(_ROUNDS):
        own = own_visits(people.visits, habit, fatigue, burnout, stay, constants).astype(np.float64)
        clicks = wanted * np.exp(-constants.already_seen * own)
        pull = constants.habit_gain * constants.habit_days * (own + clicks)
        habit = pull / (1.0 + pull)
    return Settled(own, clicks, habit, burnout, leaves)


def prospects(people: People, constants: Constants) -> Prospects:
    """Returns the worth of each set of channels under its best constant weekly volume.

    W(m) = max_k [7 (a_m(k) - a_0) + g h(k) W'] / (1 - g (1 - h(k))), g = 0.95 a week, h the chance to lose a
    channel, a the daily activity, a_0 that after leaving, W' the mean worth of what then remains.
    """
    n = people.columns.n
    typical = typical_messages(people, constants)
    empty = [np.zeros((len(_MASKS), n)) for _ in range(6)]
    found = Prospects(*empty)
    gone = np.zeros(n)
    for mask in _MASKS:
        open_channels = [c for c in (0, 1) if mask >> c & 1]
        closed = 1.0 - len(open_channels) / np.maximum(np.bitwise_count(people.columns.reach), 1)
        stay = stay_share(people.visits, np.clip(closed, 0.0, 1.0).astype(np.float32), constants)
        click = typical.click[open_channels].mean(axis=0) if open_channels else np.zeros(n)
        leave = typical.leave[open_channels].mean(axis=0) if open_channels else np.zeros(n)
        after = found.worth[[1, 2]].mean(axis=0) if mask == 3 else np.zeros(n)
        found.worth[mask] = -np.inf
        for k in VOLUMES if open_channels else (0.0,):
            here = settle(people, stay, click, leave, np.full(n, k), constants)
            gone = here.active if mask == 0 else gone
            gain = 7.0 * (here.active - gone) + WEEKLY_DISCOUNT * here.leaves * after
            worth = gain / (1.0 - WEEKLY_DISCOUNT * (1.0 - here.leaves))
            better = worth > found.worth[mask]
            for name, value in (
                ("worth", worth),
                ("volume", np.full(n, k)),
                ("habit", here.habit),
                ("burnout", here.burnout),
                ("own", here.own),
                ("clicks", here.clicks),
            ):
                getattr(found, name)[mask, better] = value[better]
    return found


def remaining_value(
    state: State, reach: UInt8[np.ndarray, " n"], ahead: Prospects, constants: Constants
) -> Float64[np.ndarray, " n"]:
    """Returns the discounted active days to come that reach and habit are worth at the end of a run.

    The worth of the channels still open, under the best constant volume, beyond the days a person would be
    active with every channel closed; plus what habit above (or below) its settled level, and burnout
    likewise, still bring before they fade. Zero for someone who left long ago. Units: active days of today.
    """
    rows = np.arange(len(reach))
    own, clicks = ahead.own[reach, rows], ahead.clicks[reach, rows]
    habit, quiet_day = ahead.habit[reach, rows], np.exp(-own - clicks)
    per_habit = own * constants.habit_lift / (1.0 + constants.habit_lift * habit)
    fades = 1.0 / constants.habit_days + constants.habit_gain * (own + clicks - (1.0 - habit) * per_habit)
    from_habit = (state.habit - habit) * quiet_day * per_habit / (np.maximum(fades, 0.02) + _DAILY_RATE)
    burnt = (ahead.burnout[reach, rows] - state.burnout) * quiet_day * own
    from_burnout = burnt / (1.0 / constants.burnout_days + _DAILY_RATE)
    worth: Float64[np.ndarray, " n"] = ahead.worth[reach, rows] + from_habit + from_burnout
    return worth
