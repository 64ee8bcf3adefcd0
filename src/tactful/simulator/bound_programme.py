"""The dynamic programme of one person, hour by hour backwards: the loops behind `bound.py`.

A value is known at nodes of habit and of fatigue and interpolated between them by polynomials, so that an hour's
decay, a session and a message are fixed matrices (`Maps`). Fatigue is counted in what it was at the start of the day,
which leaves only midnight to interpolate its decay. Beside both stand the open channels, whether she was active
today, and which of the slots' candidates she has been told (`bound_slots.py`).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.kernel import kernel
from tactful.simulator.bound_occasions import HIGHEST, LOWEST, fill_curve, fill_life, fill_options
from tactful.simulator.bound_setting import Setting
from tactful.simulator.bound_slots import fill_slots
from tactful.simulator.constants import Constants

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


class _Her(NamedTuple):
    """One person's numbers; scalars, for handing all of `Setting` to a loop costs more than the loop."""

    burnout: float
    leave: float
    lift: float
    tires: float
    dulls: float
    annoys: float
    seen: float
    moved: float
    habit_hours: float
    fatigue_hours: float
    burnout_hours: float


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
    out: NDArray[np.float64], rows: NDArray[np.int64], setting: Setting, maps: Maps, price: float, slots: int
) -> None:
    """Fills the expected J of each of `rows`, messages paid for at `price` (infinite: in silence), with `slots`."""
    hours, step_hours = setting.calendar.hours, setting.calendar.step_hours
    steps, first = hours // step_hours, setting.pool.first
    curve, recent, category = np.empty(hours + 24), np.empty(hours), np.empty(hours, np.int64)
    clicks, begins = np.zeros((steps, 2, slots + 1)), np.zeros((steps, slots), np.bool_)
    irrelevant, today = np.empty(steps), np.empty((steps, 2, 2))
    for at in range(len(rows)):
        u = rows[at]
        fill_curve(u, setting, curve)
        if price < np.inf:
            candidates = first[u + 1] - first[u]
            likeliest, slot = np.empty(candidates), np.empty(candidates, np.int64)
            fill_life(u, setting, curve, recent, category, likeliest)
            fill_slots(u, setting, likeliest, slot, begins)
            fill_options(u, setting, recent, category, slot, clicks, irrelevant, today)
        out[at] = _value_of(u, setting, maps, price, curve, clicks, begins, irrelevant, today)


@kernel
def _value_of(
    u: int,
    setting: Setting,
    maps: Maps,
    price: float,
    curve: NDArray[np.float64],
    clicks: NDArray[np.float64],
    begins: NDArray[np.bool_],
    irrelevant: NDArray[np.float64],
    today: NDArray[np.float64],
) -> float:
    """One person's value at the start, hours backwards; `v[mask, active, habit, fatigue, told]`."""
    calendar, persons = setting.calendar, setting.persons
    reach, shape = int(persons.reach[u]), (len(maps.habit), len(maps.fatigue))
    masks = np.array([mask for mask in range(reach + 1) if mask & reach == mask])
    slots = begins.shape[1]
    known = 1 << slots
    v, after = np.empty((4, 2, *shape, known)), np.empty((4, 2, *shape, known))
    told, clicked = np.empty((4, 2, *shape, known)), np.empty((4, 2, *shape, known))
    start, tomorrow, chance = np.empty((4, *shape, known)), np.empty((4, *shape)), np.empty(shape)
    there, worth = np.empty((shape[1], known)), np.empty(known)
    dulls, annoys = np.empty(shape[1]), np.empty(shape[1])
    her, keen = _her(u, setting), persons.visits[u] * persons.stay[:, u]
    for mask in masks:
        for h in range(shape[0]):
            start[mask, h] = persons.left_worth[mask, u] + maps.habit[h] * persons.left_slope[mask, u]
    for day in range(calendar.hours // 24 - 1, -1, -1):
        for mask in masks:
            _before_midnight(v[mask], start[mask], maps)
            _alone_tomorrow(tomorrow[mask], her, keen[mask], curve[24 * (day + 1) : 24 * (day + 2)], maps)
            if day == calendar.hours // 24 - 1:
                tomorrow[:] = 0.0
        for hour in range(23, -1, -1):
            t = 24 * day + hour
            for mask in masks:
                _comes(chance, her, keen[mask], t, maps, curve[t])
                _live(after[mask], v[mask], chance, maps, there)
            v, after = after, v
            if (t + 1) % calendar.step_hours:
                continue
            step = t // calendar.step_hours
            if clicks[step].max() * _most_from_click(v[reach]) > price:  # else nothing is worth its price
                _tired(dulls, annoys, her, hour, maps, irrelevant[step])
                for mask in masks:
                    _after_message(told[mask], clicked[mask], v[mask], maps, hour + 1 - calendar.step_hours)
                for mask in masks[1:]:
                    _news(chance, her, keen[mask], t, t % 24 + 1 - calendar.step_hours, maps)
                    _best_of(
                        v[mask],
                        told,
                        clicked,
                        mask,
                        price,
                        clicks[step],
                        today[step],
                        chance,
                        dulls,
                        annoys,
                        tomorrow[mask],
                        worth,
                    )
            _forget(v, begins[step])
        for mask in masks:
            start[mask] = v[mask, 0]
    return _at(start[reach, :, :, 0], maps, persons.habit[u], float(persons.fatigue[u]))


@kernel
def _most_from_click(v: NDArray[np.float64]) -> float:
    """More than a click can bring: an active day, and the way from no habit to all of it."""
    habit = v[:, -1].max() - v[:, 0].min()
    return 1.0 + max(float(habit), 0.0)


@kernel
def _forget(v: NDArray[np.float64], begins: NDArray[np.bool_]) -> None:
    """Before a slot takes up a candidate, it does not matter whether its last one was told."""
    for slot in range(len(begins)):
        if begins[slot]:
            for k in range(v.shape[-1]):
                if k >> slot & 1:
                    v[..., k] = v[..., k & ~(1 << slot)]


@kernel
def _before_midnight(v: NDArray[np.float64], start: NDArray[np.float64], maps: Maps) -> None:
    """The value at the end of a day, whatever happened in it, from that at the start of the next."""
    v[0] = 0.0
    for h in range(len(maps.habit)):
        for f in range(len(maps.fatigue)):
            for g in range(len(maps.fatigue)):
                v[0, h, f] += maps.night[f, g] * start[h, g]
    v[1] = v[0]


@kernel
def _her(u: int, setting: Setting) -> _Her:
    constants, persons = setting.constants, setting.persons
    return _Her(
        float(persons.burnout[u]),
        constants.leave_base * float(persons.sensitivity[u]) * _LEAVES_LATER,
        constants.habit_lift,
        constants.fatigue_tires,
        constants.fatigue_dulls,
        constants.leave_fatigue,
        constants.already_seen,
        constants.moved_share,
        24.0 * constants.habit_days,
        24.0 * constants.fatigue_days,
        24.0 * constants.burnout_days,
    )


@kernel
def _alone_tomorrow(
    tomorrow: NDArray[np.float64], her: _Her, keen: float, curve: NDArray[np.float64], maps: Maps
) -> None:
    """The most likely that tomorrow holds no visit of her own, whatever is sent: least habit, most fatigue."""
    rate, keeps = keen * curve.sum() / 24.0, np.exp(-48.0 / her.habit_hours)
    for f in range(len(maps.fatigue)):
        comes = rate * np.exp(-her.tires * (maps.fatigue[f] + _SENDS_NEXT_DAY) - her.burnout)
        for h in range(len(maps.habit)):
            tomorrow[h, f] = np.exp(-comes * (1.0 + her.lift * maps.habit[h] * keeps))


@kernel
def _comes(chance: NDArray[np.float64], her: _Her, keen: float, t: int, maps: Maps, rate: float) -> None:
    """The chance of a visit of her own in hour t, at its end's habit and fatigue."""
    _own(chance, her, keen, t + 1, t % 24 + 1, np.exp(-1.0 / her.habit_hours), maps)
    for h in range(len(maps.habit)):
        for f in range(len(maps.fatigue)):
            chance[h, f] = _some(chance[h, f] * rate / 24.0)


@kernel
def _some(rate: float) -> float:
    """1 - exp(-rate), by its series where that is exact to 1e-8 and four times faster."""
    if rate < 0.05:
        return rate * (1.0 - rate * (0.5 - rate * (1.0 / 6.0 - rate / 24.0)))
    return float(1.0 - np.exp(-rate))


@kernel
def _news(chance: NDArray[np.float64], her: _Her, keen: float, t: int, hours: int, maps: Maps) -> None:
    """What her own visits leave to a message, as `answers` has it, `hours` into the day and t into the run."""
    _own(chance, her, keen, t, hours, 1.0, maps)
    for h in range(len(maps.habit)):
        for f in range(len(maps.fatigue)):
            own = chance[h, f]
            chance[h, f] = np.exp(-her.seen * own) * (1.0 - her.moved * np.exp(-own))


@kernel
def _own(own: NDArray[np.float64], her: _Her, keen: float, t: int, hours: int, keeps: float, maps: Maps) -> None:
    """Visits a day of her own, when habit has kept a share `keeps`."""
    burnout, left = her.burnout * np.exp(-t / her.burnout_hours), np.exp(-hours / her.fatigue_hours)
    for f in range(len(maps.fatigue)):
        comes = keen * np.exp(-her.tires * maps.fatigue[f] * left - burnout)
        for h in range(len(maps.habit)):
            own[h, f] = comes * (1.0 + her.lift * maps.habit[h] * keeps)


@kernel
def _tired(
    dulls: NDArray[np.float64], annoys: NDArray[np.float64], her: _Her, hour: int, maps: Maps, irrelevant: float
) -> None:
    """Fills what fatigue leaves of attention, and the chance to leave, at the end of an hour of the day."""
    left = np.exp(-(hour + 1.0) / her.fatigue_hours)
    for f in range(len(maps.fatigue)):
        dulls[f] = np.exp(-her.dulls * maps.fatigue[f] * left)
        annoys[f] = min(her.leave * irrelevant * np.exp(her.annoys * maps.fatigue[f] * left), 0.5)


@kernel
def _live(
    after: NDArray[np.float64],
    v: NDArray[np.float64],
    comes: NDArray[np.float64],
    maps: Maps,
    there: NDArray[np.float64],
) -> None:
    """An hour without messages: decay, and a visit of her own with chance `comes`; the day's first brings 1."""
    n_habit, n_fatigue = comes.shape
    known = v.shape[-1]
    for h in range(n_habit):
        there[:] = 0.0
        after[:, h] = 0.0
        for k in range(n_habit):
            stays, returns = maps.away[h, k], maps.comes[h, k]
            for f in range(n_fatigue):
                for x in range(known):
                    there[f, x] += returns * v[1, k, f, x]
                    after[0, h, f, x] += stays * v[0, k, f, x]
                    after[1, h, f, x] += stays * v[1, k, f, x]
        for f in range(n_fatigue):
            for x in range(known):
                after[0, h, f, x] += comes[h, f] * (there[f, x] + 1.0 - after[0, h, f, x])
                after[1, h, f, x] += comes[h, f] * (there[f, x] - after[1, h, f, x])


@kernel
def _after_message(
    told: NDArray[np.float64], clicked: NDArray[np.float64], v: NDArray[np.float64], maps: Maps, hour: int
) -> None:
    """The value once a message of an hour of the day weighs on her, and once she has clicked as well."""
    n_habit, n_fatigue, known = v.shape[1:]
    told[:], clicked[:] = 0.0, 0.0
    for active in range(2):
        for h in range(n_habit):
            for f in range(n_fatigue):
                for g in range(n_fatigue):
                    weight = maps.told[hour, f, g]
                    for x in range(known):
                        told[active, h, f, x] += weight * v[active, h, g, x]
        for h in range(n_habit):
            for k in range(n_habit):
                weight = maps.click[h, k]
                for f in range(n_fatigue):
                    for x in range(known):
                        clicked[active, h, f, x] += weight * told[active, k, f, x]


@kernel
def _best_of(
    v: NDArray[np.float64],
    told: NDArray[np.float64],
    clicked: NDArray[np.float64],
    mask: int,
    price: float,
    clicks: NDArray[np.float64],
    today: NDArray[np.float64],
    news: NDArray[np.float64],
    dulls: NDArray[np.float64],
    annoys: NDArray[np.float64],
    tomorrow: NDArray[np.float64],
    worth: NDArray[np.float64],
) -> None:
    """Raises v to the value of the best message of a step, where that is better than waiting."""
    n_habit, n_fatigue = news.shape
    slots, known = clicks.shape[1] - 1, v.shape[-1]
    for channel in range(2):
        if not mask >> channel & 1:
            continue
        left = mask & ~(1 << channel)
        for slot in range(slots + 1):
            click = clicks[channel, slot]
            if click <= 0.0:
                continue
            for h in range(n_habit):
                for f in range(n_fatigue):
                    chance, leaves = min(click * dulls[f], 0.95) * news[h, f], annoys[f]
                    for active in range(2):
                        stay, go = told[mask, active, h, f], told[left, active, h, f]
                        there, gone = clicked[mask, active, h, f], clicked[left, active, h, f]
                        there_now, gone_now = clicked[mask, 1, h, f], clicked[left, 1, h, f]
                        for x in range(known):
                            no = stay[x] + leaves * (go[x] - stay[x])
                            later = there[x] + leaves * (gone[x] - there[x]) + tomorrow[h, f]
                            now = there_now[x] + leaves * (gone_now[x] - there_now[x]) + (1.0 - active)
                            share = today[channel, HIGHEST] if now > later else today[channel, LOWEST]
                            worth[x] = no + chance * (later + share * (now - later) - no) - price
                        into = v[active, h, f]
                        for x in range(known):
                            if slot == slots:
                                into[x] = max(into[x], worth[x])
                            elif not x >> slot & 1:
                                into[x] = max(into[x], worth[x | 1 << slot])


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
