"""The dynamic programme of one person, hour by hour backwards: the loops behind `bound.py`.

A value is known at nodes of habit and of fatigue and interpolated between them by polynomials, so that an hour's
decay, a session and a message are fixed matrices (`Maps`). Fatigue is counted in what it was at the start of the day,
which leaves only midnight to interpolate its decay. Beside both stand the open channels, whether she was active
today, and how many messages the day has had.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.kernel import kernel
from tactful.simulator.bound_occasions import RANKS, fill_curve, fill_occasions
from tactful.simulator.bound_setting import Setting
from tactful.simulator.constants import Constants

_LOWEST, _HIGHEST = 0, 1
_LEAVES_LATER = 0.98
"""Who leaves does so when she would have looked, hours after the message; a day of reach is worth under 2 % of it."""
_JUMP_LATER_HOURS = 8.0
"""A click comes hours after the message, and the habit that it makes has then not decayed yet."""
_SENDS_NEXT_DAY = 3.0


class Maps(NamedTuple):
    """Nodes, and the matrices that evaluate a polynomial through them elsewhere.

    `away`: after an hour's decay of habit; `comes`: and a session; `click`: after a click; `told[i]`: after a message
    in hour i of the day; `night`: fatigue at midnight, from that at the start of the day.
    """

    habit: NDArray[np.float64]
    fatigue: NDArray[np.float64]
    away: NDArray[np.float64]
    comes: NDArray[np.float64]
    click: NDArray[np.float64]
    told: NDArray[np.float64]
    night: NDArray[np.float64]


def maps(constants: Constants, habit_nodes: int, fatigue_nodes: int, most_fatigue: float) -> Maps:
    """Returns Chebyshev-Lobatto nodes of habit in 0..1 and of fatigue in 0..`most_fatigue`, and their matrices.

    Fatigue beyond the last node counts as that: less than it is.
    """
    habit, fatigue = _nodes(habit_nodes), most_fatigue * _nodes(fatigue_nodes)
    later = habit * np.exp(-1.0 / (24.0 * constants.habit_days))
    keeps = np.exp(-1.0 / (24.0 * constants.fatigue_days))
    gain = constants.habit_gain * np.exp(_JUMP_LATER_HOURS / (24.0 * constants.habit_days))
    told = [_through(fatigue, np.minimum(fatigue + keeps**-i, most_fatigue)) for i in range(24)]
    return Maps(
        habit=habit,
        fatigue=fatigue,
        away=_through(habit, later),
        comes=_through(habit, later + constants.habit_gain * (1.0 - later)),
        click=_through(habit, habit + min(gain, 1.0) * (1.0 - habit)),
        told=np.stack(told),
        night=_through(fatigue, fatigue * keeps**24),
    )


def _nodes(n: int) -> Float64[np.ndarray, " n"]:
    nodes: NDArray[np.float64] = 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / (n - 1))
    return nodes


def _through(nodes: Float64[np.ndarray, " n"], points: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, "m n"]:
    """Lagrange's polynomials: row i holds the weights of the nodes' values in the value at point i."""
    n, matrix = len(nodes), np.ones((len(points), len(nodes)))
    for j in range(n):
        for k in range(n):
            if k != j:
                matrix[:, j] *= (points - nodes[k]) / (nodes[j] - nodes[k])
    return matrix


@kernel
def values_of(
    out: NDArray[np.float64], rows: NDArray[np.int64], setting: Setting, maps: Maps, price: float, sends: bool
) -> None:
    """Fills the expected J of each of `rows`, messages paid for at `price`; without `sends`, in silence."""
    hours, step_hours = setting.calendar.hours, setting.calendar.step_hours
    steps = (hours + step_hours - 1) // step_hours
    for i in range(len(rows)):
        curve, clicks = np.empty(hours + 24), np.empty((steps, 2, RANKS))
        irrelevant, today = np.empty((steps, RANKS)), np.empty((steps, 2, 2))
        u = rows[i]
        fill_curve(u, setting, curve)
        if sends:
            fill_occasions(u, setting, curve, clicks, irrelevant, today)
        out[i] = _value_of(u, setting, maps, price, sends, curve, clicks, irrelevant, today)


@kernel
def _value_of(
    u: int,
    setting: Setting,
    maps: Maps,
    price: float,
    sends: bool,
    curve: NDArray[np.float64],
    clicks: NDArray[np.float64],
    irrelevant: NDArray[np.float64],
    today: NDArray[np.float64],
) -> float:
    """One person's value at the start, hours backwards; `v[mask, active, habit, told * nodes + fatigue]`."""
    calendar, persons, constants = setting.calendar, setting.persons, setting.constants
    reach = int(persons.reach[u])
    masks = 4 if reach == 3 else reach + 1
    n_habit, n_fatigue = len(maps.habit), len(maps.fatigue)
    ranks = RANKS if sends and reach > 0 else 1
    shape = (masks, 2, n_habit, ranks * n_fatigue)
    v, after, told, clicked = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    start = np.empty((masks, n_habit, n_fatigue))
    for mask in range(masks):
        for h in range(n_habit):
            start[mask, h, :] = persons.left_worth[mask, u] + maps.habit[h] * persons.left_slope[mask, u]
    comes = np.empty((masks, n_habit, n_fatigue))
    news, tomorrow = np.empty((masks, n_habit, n_fatigue)), np.empty((masks, n_habit, n_fatigue))
    tires, dulls, annoys = np.empty(n_fatigue), np.empty(n_fatigue), np.empty(n_fatigue)
    for day in range(calendar.hours // 24 - 1, -1, -1):
        _before_midnight(v, start, maps, reach)
        _alone_tomorrow(tomorrow, u, day, setting, maps, curve, reach)
        for hour in range(23, -1, -1):
            t = 24 * day + hour
            keeps = np.exp(-(hour + 1.0) / (24.0 * constants.fatigue_days))
            burnout = persons.burnout[u] * np.exp(-(t + 1.0) / (24.0 * constants.burnout_days))
            for f in range(n_fatigue):
                tires[f] = np.exp(-constants.fatigue_tires * maps.fatigue[f] * keeps - burnout)
            for mask in range(masks):
                if mask & reach != mask:
                    continue
                keen = persons.visits[u] * persons.stay[mask, u]
                for h in range(n_habit):
                    habit = maps.habit[h] * np.exp(-1.0 / (24.0 * constants.habit_days))
                    for f in range(n_fatigue):
                        rate = keen * (1.0 + constants.habit_lift * habit) * tires[f]
                        comes[mask, h, f] = 1.0 - np.exp(-rate * curve[t] / 24.0)
                _live(after[mask], v[mask], comes[mask], maps)
            v, after = after, v
            step = t // calendar.step_hours
            if sends and (t + 1) % calendar.step_hours == 0 and clicks[step, :, 0].max() > 0.0:
                first = hour + 1 - calendar.step_hours
                keeps_from = np.exp(-first / (24.0 * constants.fatigue_days))
                for f in range(n_fatigue):
                    weighs = maps.fatigue[f] * keeps
                    tires[f] = np.exp(-constants.fatigue_tires * maps.fatigue[f] * keeps_from - burnout)
                    dulls[f] = np.exp(-constants.fatigue_dulls * weighs)
                    annoys[f] = np.exp(constants.leave_fatigue * weighs)
                for mask in range(masks):
                    if mask & reach != mask:
                        continue
                    _after_message(told[mask], clicked[mask], v[mask], maps, first, ranks)
                    for h in range(n_habit):
                        for f in range(n_fatigue):
                            keen = persons.visits[u] * persons.stay[mask, u]
                            own = keen * (1.0 + constants.habit_lift * maps.habit[h]) * tires[f]
                            moved = 1.0 - constants.moved_share * np.exp(-own)
                            news[mask, h, f] = np.exp(-constants.already_seen * own) * moved
                for mask in range(1, masks):
                    if mask & reach != mask:
                        continue
                    for channel in range(2):
                        if not mask >> channel & 1:
                            continue
                        left = mask & ~(1 << channel)
                        for rank in range(ranks):
                            if clicks[step, channel, rank] <= 0.0:
                                break
                            leaves = constants.leave_base * persons.sensitivity[u] * irrelevant[step, rank]
                            _best_of(
                                v[mask],
                                told,
                                clicked,
                                mask,
                                left,
                                rank,
                                price,
                                clicks[step, channel, rank],
                                leaves * _LEAVES_LATER,
                                today[step, channel],
                                news[mask],
                                dulls,
                                annoys,
                                tomorrow[mask],
                            )
        for mask in range(masks):
            start[mask] = v[mask, 0, :, :n_fatigue]
    return _at(start[reach], maps, persons.habit[u], np.float64(persons.fatigue[u]))


@kernel
def _before_midnight(v: NDArray[np.float64], start: NDArray[np.float64], maps: Maps, reach: int) -> None:
    """The value at the end of a day, whatever happened in it, from that at the start of the next."""
    n_fatigue = len(maps.fatigue)
    for mask in range(len(v)):
        for h in range(len(maps.habit)):
            for f in range(n_fatigue):
                value = 0.0
                for g in range(n_fatigue):
                    value += maps.night[f, g] * start[mask, h, g]
                for active in range(2):
                    v[mask, active, h, f::n_fatigue] = value


@kernel
def _alone_tomorrow(
    tomorrow: NDArray[np.float64],
    u: int,
    day: int,
    setting: Setting,
    maps: Maps,
    curve: NDArray[np.float64],
    reach: int,
) -> None:
    """The most likely that tomorrow holds no visit of her own, whatever is sent: least habit, most fatigue."""
    constants, persons = setting.constants, setting.persons
    if 24 * (day + 1) >= setting.calendar.hours:
        tomorrow[:] = 0.0
        return
    rate = curve[24 * (day + 1) : 24 * (day + 2)].sum() / 24.0
    habit_keeps, burnout = np.exp(-2.0 / constants.habit_days), persons.burnout[u]
    for mask in range(len(tomorrow)):
        keen = persons.visits[u] * persons.stay[mask, u] * rate
        for h in range(len(maps.habit)):
            for f in range(len(maps.fatigue)):
                weighs = constants.fatigue_tires * (maps.fatigue[f] + _SENDS_NEXT_DAY) + burnout
                own = keen * (1.0 + constants.habit_lift * maps.habit[h] * habit_keeps) * np.exp(-weighs)
                tomorrow[mask, h, f] = np.exp(-own)


@kernel
def _live(after: NDArray[np.float64], v: NDArray[np.float64], comes: NDArray[np.float64], maps: Maps) -> None:
    """An hour without messages: decay, and a visit of her own with chance `comes`; the day's first brings 1."""
    n_habit, n_fatigue = comes.shape
    width = v.shape[2]
    there = np.empty(width)
    for h in range(n_habit):
        there[:] = 0.0
        for k in range(n_habit):
            for x in range(width):
                there[x] += maps.comes[h, k] * v[1, k, x]
        for active in range(2):
            into = after[active, h]
            into[:] = 0.0
            for k in range(n_habit):
                for x in range(width):
                    into[x] += maps.away[h, k] * v[active, k, x]
            for first in range(0, width, n_fatigue):
                for f in range(n_fatigue):
                    x = first + f
                    into[x] += comes[h, f] * (there[x] + (1.0 - active) - into[x])


@kernel
def _after_message(
    told: NDArray[np.float64], clicked: NDArray[np.float64], v: NDArray[np.float64], maps: Maps, hour: int, ranks: int
) -> None:
    """The value once a message weighs on her, and once she has clicked as well; by messages of the day after it."""
    n_habit, n_fatigue = len(maps.habit), len(maps.fatigue)
    matrix = maps.told[hour]
    for active in range(2):
        for h in range(n_habit):
            for first in range(0, ranks * n_fatigue, n_fatigue):
                for f in range(n_fatigue):
                    value = 0.0
                    for g in range(n_fatigue):
                        value += matrix[f, g] * v[active, h, first + g]
                    told[active, h, first + f] = value
        for h in range(n_habit):
            into = clicked[active, h]
            into[:] = 0.0
            for k in range(n_habit):
                for x in range(ranks * n_fatigue):
                    into[x] += maps.click[h, k] * told[active, k, x]


@kernel
def _best_of(
    v: NDArray[np.float64],
    told: NDArray[np.float64],
    clicked: NDArray[np.float64],
    mask: int,
    left: int,
    rank: int,
    price: float,
    click: float,
    leave: float,
    today: NDArray[np.float64],
    news: NDArray[np.float64],
    dulls: NDArray[np.float64],
    annoys: NDArray[np.float64],
    tomorrow: NDArray[np.float64],
) -> None:
    """Raises v to the value of the next message of the day, the `rank`-th, where that is better than waiting."""
    n_habit, n_fatigue = news.shape
    then = min(rank + 1, v.shape[2] // n_fatigue - 1) * n_fatigue
    for active in range(2):
        for h in range(n_habit):
            for f in range(n_fatigue):
                chance = min(click * dulls[f], 0.95) * news[h, f]
                leaves = min(leave * annoys[f], 0.5)
                x = then + f
                no = told[mask, active, h, x] * (1.0 - leaves) + told[left, active, h, x] * leaves
                same = clicked[mask, 1, h, x] * (1.0 - leaves) + clicked[left, 1, h, x] * leaves + 1.0 - active
                later = clicked[mask, active, h, x] * (1.0 - leaves) + clicked[left, active, h, x] * leaves
                later += tomorrow[h, f]
                share = today[1] if same > later else today[0]
                worth = no + chance * (share * same + (1.0 - share) * later - no) - price
                at = rank * n_fatigue + f
                v[active, h, at] = max(v[active, h, at], worth)


@kernel
def _at(values: NDArray[np.float64], maps: Maps, habit: float, fatigue: float) -> float:
    """The polynomial through [habit, fatigue] nodes at a point; fatigue beyond the last node counts as that."""
    fatigue, total = min(fatigue, maps.fatigue[-1]), 0.0
    for h in range(len(maps.habit)):
        for f in range(len(maps.fatigue)):
            weight = 1.0
            for k in range(len(maps.habit)):
                if k != h:
                    weight *= (habit - maps.habit[k]) / (maps.habit[h] - maps.habit[k])
            for k in range(len(maps.fatigue)):
                if k != f:
                    weight *= (fatigue - maps.fatigue[k]) / (maps.fatigue[f] - maps.fatigue[k])
            total += weight * values[h, f]
    return total
