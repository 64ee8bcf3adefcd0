"""The best that one person could be told in each step of a run, channel by channel: the loops behind `bound.py`.

Errs upwards: content is known ahead and the best hour of a step is taken.
"""

import numpy as np
from numpy.typing import NDArray

from tactful.kernel import kernel
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.bound_setting import LOOK_HOURS, MOST_SHIFT, WEEK_HOURS, Calendar, Persons, Setting
from tactful.simulator.constants import N_CATEGORIES, N_FAVOURITES, SHARE_FAVOURITE, SHARE_RECENT
from tactful.simulator.hours import curve_at
from tactful.simulator.luck import uniform_of

RANKS = 3
"""The best, the second and the third candidate of an hour are told apart: the third stands for all further ones."""
_LOWEST, _HIGHEST = 0, 1
_COMES, _SOURCE, _CATEGORY, _CLICK = 0, 1, 2, 3


@kernel
def fill_curve(u: int, setting: Setting, curve: NDArray[np.float64]) -> None:
    """Fills [hours + 24]: the rate of one person's own visits relative to an average hour."""
    calendar, persons = setting.calendar, setting.persons
    zone, a, b, shift = persons.zone[u], persons.archetype_a[u], persons.archetype_b[u], persons.shift[u]
    for t in range(calendar.hours + 24):
        local_hour = ((calendar.first_hour + t) * 60 + calendar.offsets[t, zone]) // 60
        curve[t] = curve_at(calendar.rates, a, b, persons.mix[u], shift, local_hour)


@kernel
def fill_occasions(
    u: int,
    setting: Setting,
    curve: NDArray[np.float64],
    clicks: NDArray[np.float64],
    irrelevant: NDArray[np.float64],
    today: NDArray[np.float64],
) -> None:
    """Fills one person's tables.

    Args:
        curve: as filled by `fill_curve`.
        clicks: [steps, channel, rank] best chance of a click at no fatigue, own visits apart; 0 where nothing is open.
        irrelevant: [steps, rank] least factor of irrelevance on the chance to leave.
        today: [steps, channel, 2] lowest and highest share of clicks that come before the UTC day is over.
    """
    calendar, persons, pool, constants = setting.calendar, setting.persons, setting.pool, setting.constants
    clicks[:] = 0.0
    irrelevant[:] = 1.0 + constants.leave_irrelevance
    today[:, :, _LOWEST] = 1.0
    today[:, :, _HIGHEST] = 0.0
    best, relevant = np.zeros(RANKS), np.zeros(RANKS)
    recent, category, habit = float(persons.recent[u]), int(persons.recent_category[u]), float(persons.habit[u])
    habit_keeps = np.exp(-1.0 / (24.0 * constants.habit_days))
    recent_keeps = np.exp(-1.0 / (24.0 * constants.recent_days))
    of_day, its_category, oldest = 0.0, -1, int(pool.first[u])
    for t in range(calendar.hours):
        minute = (calendar.first_hour + t) * 60 + int(calendar.offsets[t, persons.zone[u]])
        quiet = _is_quiet(persons, u, minute % 1440) and _is_quiet(persons, u, (minute + 59) % 1440)
        while oldest < pool.first[u + 1] and pool.last_hour[oldest] < t:
            oldest += 1
        led = _best_content(u, t, quiet, oldest, setting, recent, category, best, relevant)
        if best[0] > 0.0:
            step = t // calendar.step_hours
            for rank in range(RANKS):
                factor = 1.0 + constants.leave_irrelevance * (1.0 - relevant[rank])
                irrelevant[step, rank] = min(irrelevant[step, rank], factor)
            hour_of_week = (minute // 60) % WEEK_HOURS
            likeliest = _look(u, t, hour_of_week, setting, best, clicks[step], today[step])
            if likeliest > of_day:
                of_day, its_category = likeliest, led
        habit *= habit_keeps
        recent *= recent_keeps
        luck, now = calendar.luck, np.int64(calendar.first_hour + t)
        a_day = persons.visits[u] * (1.0 + constants.habit_lift * habit)
        comes = uniform_of(luck[_COMES], persons.user_key[u], now) < 1.0 - np.exp(-a_day * curve[t] / 24.0)
        if t % 24 == 23:
            chance = min(of_day, 1.0) * np.exp(-constants.already_seen * a_day)
            if uniform_of(luck[_CLICK], persons.user_key[u], now) < chance:
                comes = True
                if its_category >= 0:
                    recent, category = 1.0, its_category
            of_day, its_category = 0.0, -1
        if comes:
            habit += constants.habit_gain * (1.0 - habit)
            category = _viewed(u, t, calendar, persons, recent, category)
            recent = 1.0


@kernel
def _look(
    u: int,
    t: int,
    hour_of_week: int,
    setting: Setting,
    best: NDArray[np.float64],
    clicks: NDArray[np.float64],
    today: NDArray[np.float64],
) -> float:
    """Raises a step's chances to those of a message in hour t; returns the largest on an open channel."""
    calendar, persons, constants = setting.calendar, setting.persons, setting.constants
    a, b, shift = persons.archetype_a[u], persons.archetype_b[u], persons.shift[u] + MOST_SHIFT
    own, largest = float(persons.mix[u]), 0.0
    for channel in (EMAIL, PUSH):
        # Looks mix the archetypes of visits with swapped weights.
        whole = calendar.looks_within[channel, :, shift, hour_of_week, LOOK_HOURS]
        part = calendar.looks_within[channel, :, shift, hour_of_week, LOOK_HOURS - t % 24]
        looks = (1.0 - own) * whole[a] + own * whole[b]
        share = ((1.0 - own) * part[a] + own * part[b]) / looks
        attention = persons.attention[u] * (constants.push_attention if channel == PUSH else 1.0)
        for rank in range(RANKS):
            clicks[channel, rank] = max(clicks[channel, rank], attention * looks * best[rank])
        today[channel, _LOWEST] = min(today[channel, _LOWEST], share)
        today[channel, _HIGHEST] = max(today[channel, _HIGHEST], share)
        if persons.reach[u] >> channel & 1:
            largest = max(largest, clicks[channel, 0])
    return largest


@kernel
def _is_quiet(persons: Persons, u: int, minute: int) -> bool:
    start, end = persons.quiet_start[u], persons.quiet_end[u]
    if start <= end:
        return bool(minute >= start and minute < end)
    return bool(minute >= start or minute < end)


@kernel
def _favourites_week(calendar: Calendar, t: int) -> int:
    return (calendar.world_hours + t) // WEEK_HOURS - calendar.world_hours // WEEK_HOURS


@kernel
def _best_content(
    u: int,
    t: int,
    quiet: bool,
    oldest: int,
    setting: Setting,
    recent: float,
    category: int,
    best: NDArray[np.float64],
    relevant: NDArray[np.float64],
) -> int:
    """Fills the largest click factors and, apart from them, the largest relevances; returns the first's category."""
    calendar, persons, pool, constants = setting.calendar, setting.persons, setting.pool, setting.constants
    best[:] = 0.0
    relevant[:] = 0.0
    week, led = _favourites_week(calendar, t), -1
    for i in range(oldest, pool.first[u + 1]):
        if pool.from_hour[i] > t:
            break
        if pool.last_hour[i] < t or (quiet and not pool.critical[i]):
            continue
        its = pool.category[i]
        base = constants.plain_relevance if its < 0 else constants.other_relevance
        for place in range(N_FAVOURITES - 1, -1, -1):
            if its >= 0 and persons.favourites[week, u, place] == its:
                base = constants.favourite_relevance * constants.favourite_falls**place
        cares = persons.affinity[u] * base
        if its == category:
            cares += constants.recent_relevance * recent
        cares = min(max(cares, 0.0), 1.0)
        clicks = constants.click_share * (0.4 + 1.2 * cares) * (0.4 + 1.2 * pool.quality[i])
        factor = pool.appeal[i] * (0.5 + cares) * min(clicks, 0.95)
        if factor > best[0]:
            led = its
        _insert(best, factor)
        _insert(relevant, cares)
    return led


@kernel
def _insert(largest: NDArray[np.float64], value: float) -> None:
    for rank in range(len(largest)):
        if value > largest[rank]:
            largest[rank], value = value, largest[rank]


@kernel
def _viewed(u: int, t: int, calendar: Calendar, persons: Persons, recent: float, category: int) -> int:
    """The category viewed last in a session, as `visits` draws it."""
    now, key = np.int64(calendar.first_hour + t), persons.user_key[u]
    source = uniform_of(calendar.luck[_SOURCE], key, now)
    pick = uniform_of(calendar.luck[_CATEGORY], key, now)
    if source < SHARE_FAVOURITE:
        return int(persons.favourites[_favourites_week(calendar, t), u, int(pick * N_FAVOURITES)])
    if source < SHARE_FAVOURITE + SHARE_RECENT * recent and category >= 0:
        return category
    return min(int(np.searchsorted(calendar.popularity, pick, side="right")), N_CATEGORIES - 1)
