"""What one person could be told in each step of a run, channel by channel: loops behind `bound.py`.

Errs upwards: content is known ahead, the best hour of a step is taken, and the recent interest that makes some of it
more relevant follows a life drawn beforehand.
"""

import numpy as np
from numpy.typing import NDArray

from tactful.kernel import kernel
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.bound_setting import LOOK_HOURS, MOST_SHIFT, WEEK_HOURS, Calendar, Persons, Setting
from tactful.simulator.constants import N_CATEGORIES, N_FAVOURITES, SHARE_FAVOURITE, SHARE_RECENT
from tactful.simulator.hours import curve_at
from tactful.simulator.luck import uniform_of

LOWEST, HIGHEST = 0, 1
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
def fill_life(
    u: int,
    setting: Setting,
    curve: NDArray[np.float64],
    recent: NDArray[np.float64],
    category: NDArray[np.int64],
    likeliest: NDArray[np.float64],
) -> None:
    """Draws a life: her own visits, untired, and the clicks of one message a day at its best.

    Args:
        curve: as filled by `fill_curve`.
        recent, category: [hours] recent interest and what it is in, as each hour begins.
        likeliest: [candidates] best chance of a click on each of hers, own visits and fatigue apart.
    """
    calendar, persons, pool, constants = setting.calendar, setting.persons, setting.pool, setting.constants
    likeliest[:] = 0.0
    interest, of, habit = float(persons.recent[u]), int(persons.recent_category[u]), float(persons.habit[u])
    habit_keeps = np.exp(-1.0 / (24.0 * constants.habit_days))
    recent_keeps = np.exp(-1.0 / (24.0 * constants.recent_days))
    best, its_category, first = 0.0, -1, int(pool.first[u])
    oldest, looks, shares = first, np.empty(2), np.empty(2)
    for t in range(calendar.hours):
        recent[t], category[t] = interest, of
        minute = (calendar.first_hour + t) * 60 + int(calendar.offsets[t, persons.zone[u]])
        quiet = _is_quiet(persons, u, minute)
        while oldest < pool.first[u + 1] and pool.last_hour[oldest] < t:
            oldest += 1
        _looks(u, t, minute // 60 % WEEK_HOURS, setting, looks, shares)
        sight = 0.0
        for channel in (EMAIL, PUSH):
            if persons.reach[u] >> channel & 1:
                sight = max(sight, looks[channel])
        for i in range(oldest, pool.first[u + 1]):
            if pool.from_hour[i] > t:
                break
            if pool.last_hour[i] < t or (quiet and not pool.critical[i]):
                continue
            cares = _cares(u, i, _week(calendar, t), setting, interest, of)
            chance = sight * _content(i, setting, cares)
            likeliest[i - first] = max(likeliest[i - first], chance)
            if chance > best:
                best, its_category = chance, int(pool.category[i])
        habit *= habit_keeps
        interest *= recent_keeps
        luck, now = calendar.luck, np.int64(calendar.first_hour + t)
        a_day = persons.visits[u] * (1.0 + constants.habit_lift * habit)
        comes = uniform_of(luck[_COMES], persons.user_key[u], now) < 1.0 - np.exp(-a_day * curve[t] / 24.0)
        if t % 24 == 23:
            chance = min(best, 1.0) * np.exp(-constants.already_seen * a_day)
            if uniform_of(luck[_CLICK], persons.user_key[u], now) < chance:
                comes = True
                if its_category >= 0:
                    interest, of = 1.0, its_category
            best, its_category = 0.0, -1
        if comes:
            habit += constants.habit_gain * (1.0 - habit)
            of = _viewed(u, t, calendar, persons, interest, of)
            interest = 1.0


@kernel
def fill_options(
    u: int,
    setting: Setting,
    recent: NDArray[np.float64],
    category: NDArray[np.int64],
    slot: NDArray[np.int64],
    clicks: NDArray[np.float64],
    irrelevant: NDArray[np.float64],
    today: NDArray[np.float64],
) -> None:
    """Fills what she may be told in each step.

    Args:
        recent, category: as filled by `fill_life`.
        slot: [candidates] as filled by `fill_slots`.
        clicks: [steps, channel, slots + 1] chance of a click on the candidate of each slot, and on the best without
            one; fatigue and own visits apart, 0 where there is none.
        irrelevant: [steps] least factor of irrelevance on the chance to leave.
        today: [steps, channel, 2] lowest and highest share of clicks that come before the UTC day is over.
    """
    calendar, persons, pool, constants = setting.calendar, setting.persons, setting.pool, setting.constants
    clicks[:] = 0.0
    irrelevant[:] = 1.0 + constants.leave_irrelevance
    today[:, :, LOWEST] = 1.0
    today[:, :, HIGHEST] = 0.0
    first, looks, shares = int(pool.first[u]), np.empty(2), np.empty(2)
    oldest = first
    for t in range(calendar.hours):
        minute = (calendar.first_hour + t) * 60 + int(calendar.offsets[t, persons.zone[u]])
        quiet, step, seen = _is_quiet(persons, u, minute), t // calendar.step_hours, False
        while oldest < pool.first[u + 1] and pool.last_hour[oldest] < t:
            oldest += 1
        for i in range(oldest, pool.first[u + 1]):
            if pool.from_hour[i] > t:
                break
            if pool.last_hour[i] < t or (quiet and not pool.critical[i]):
                continue
            if not seen:
                _looks(u, t, minute // 60 % WEEK_HOURS, setting, looks, shares)
                seen = True
            cares = _cares(u, i, _week(calendar, t), setting, recent[t], category[t])
            content = _content(i, setting, cares)
            irrelevant[step] = min(irrelevant[step], 1.0 + constants.leave_irrelevance * (1.0 - cares))
            for channel in (EMAIL, PUSH):
                into = clicks[step, channel]  # NO_SLOT is the last
                into[slot[i - first]] = max(into[slot[i - first]], looks[channel] * content)
        if seen:
            for channel in (EMAIL, PUSH):
                today[step, channel, LOWEST] = min(today[step, channel, LOWEST], shares[channel])
                today[step, channel, HIGHEST] = max(today[step, channel, HIGHEST], shares[channel])


@kernel
def _is_quiet(persons: Persons, u: int, minute: int) -> bool:
    """Whether the whole local hour that begins at a minute since 1970 lies in quiet hours."""
    start, end = persons.quiet_start[u], persons.quiet_end[u]
    quiet = True
    for at in (minute % 1440, (minute + 59) % 1440):
        inside = at >= start and at < end if start <= end else at >= start or at < end
        quiet = quiet and inside
    return quiet


@kernel
def _week(calendar: Calendar, t: int) -> int:
    return (calendar.world_hours + t) // WEEK_HOURS - calendar.world_hours // WEEK_HOURS


@kernel
def _looks(
    u: int, t: int, hour_of_week: int, setting: Setting, looks: NDArray[np.float64], shares: NDArray[np.float64]
) -> None:
    """Fills, by channel, the chance that a message in hour t is looked at, and the share of it in the same UTC day."""
    calendar, persons, constants = setting.calendar, setting.persons, setting.constants
    a, b, shift = persons.archetype_a[u], persons.archetype_b[u], persons.shift[u] + MOST_SHIFT
    own = float(persons.mix[u])
    for channel in (EMAIL, PUSH):
        # Looks mix the archetypes of visits with swapped weights.
        whole = calendar.looks_within[channel, :, shift, hour_of_week, LOOK_HOURS]
        part = calendar.looks_within[channel, :, shift, hour_of_week, LOOK_HOURS - t % 24]
        curve = (1.0 - own) * whole[a] + own * whole[b]
        shares[channel] = ((1.0 - own) * part[a] + own * part[b]) / curve
        looks[channel] = persons.attention[u] * curve * (constants.push_attention if channel == PUSH else 1.0)


@kernel
def _cares(u: int, i: int, week: int, setting: Setting, recent: float, category: int) -> float:
    """The relevance of a candidate, as `users.relevance` has it."""
    persons, constants, its = setting.persons, setting.constants, setting.pool.category[i]
    base = constants.plain_relevance if its < 0 else constants.other_relevance
    for place in range(N_FAVOURITES - 1, -1, -1):
        if its >= 0 and persons.favourites[week, u, place] == its:
            base = constants.favourite_relevance * constants.favourite_falls**place
    cares = float(persons.affinity[u]) * base
    if its == category:
        cares += constants.recent_relevance * recent
    return min(max(cares, 0.0), 1.0)


@kernel
def _content(i: int, setting: Setting, cares: float) -> float:
    """What a candidate does to the chance of a click, as `answers.chances` has it."""
    pool, constants = setting.pool, setting.constants
    clicks = constants.click_share * (0.4 + 1.2 * cares) * (0.4 + 1.2 * float(pool.quality[i]))
    return float(pool.appeal[i]) * (0.5 + cares) * min(clicks, 0.95)


@kernel
def _viewed(u: int, t: int, calendar: Calendar, persons: Persons, recent: float, category: int) -> int:
    """The category viewed last in a session, as `visits` draws it."""
    now, key = np.int64(calendar.first_hour + t), persons.user_key[u]
    source = uniform_of(calendar.luck[_SOURCE], key, now)
    pick = uniform_of(calendar.luck[_CATEGORY], key, now)
    if source < SHARE_FAVOURITE:
        return int(persons.favourites[_week(calendar, t), u, int(pick * N_FAVOURITES)])
    if source < SHARE_FAVOURITE + SHARE_RECENT * recent and category >= 0:
        return category
    return min(int(np.searchsorted(calendar.popularity, pick, side="right")), N_CATEGORIES - 1)
