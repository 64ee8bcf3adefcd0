"""Judging: what people did after a send, for Tactful's sends and for rivals that send as often.

Availability, never lift: nobody was shown these messages, so a visit after one would have come without it.
Rivals send each user as often as Tactful did. Their days are matched in two ways: *dealt*, Tactful's days are dealt
anew over all its sends, so that every user and every day keep their totals; or *same days*, exactly Tactful's
user-days. The first is the fair one: Tactful sees the day unfold before it sends, and by default it prefers people
who have not come yet, so on its own user-days a rival with an early hour is handed people who are known to stay away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from globo.people import DECIDE, HOLIDAY, WARM_UP, People
from globo.producer import Day
from tactful import draws
from tactful.clock import DAY_US, HOUR_US, MINUTE_US
from tactful.decision.timing.send_time import best_spaced, plan
from tactful.experiments.stats import Interval, bootstrap_totals
from tactful.models.slot_histogram import SlotHistogram

FIRST_HOUR, LAST_HOUR = 8, 21
"""Outside Tactful's default quiet hours, 22:00 to 8:00."""
GAP_SLOTS: Final = 2
"""The default gap of two hours, as the planner keeps it."""
JITTER_US: Final = 50 * MINUTE_US
"""Within its hour a message goes out in the first 50 minutes, as Tactful's do."""
DRAWS: Final = 1000

MEASURES: Final = ("session_1h", "session_3h", "reading_1h", "category_24h", "popular_24h")
NEED_NEXT_DAY: Final = ("category_24h", "popular_24h")
"""The log ends with the last day: for sends of that day nobody knows what was read within 24 hours."""
MATCHINGS: Final = ("dealt", "same days")
STRATA: Final = ("all", "<8 sessions", "8-15 sessions", ">15 sessions", "without the 12th", "only the 12th")

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sends:
    """Who was sent what and when, by (user, local day); `popular` is the category of a popular article instead."""

    user: Int[np.ndarray, " m"]
    day: Int[np.ndarray, " m"]
    at_us: Int[np.ndarray, " m"]
    category: Int[np.ndarray, " m"]
    popular: Int[np.ndarray, " m"]


class Rate(msgspec.Struct, frozen=True, array_like=True):
    """A share of sends with its interval over users, and its difference to the rival `global best slots`."""

    matching: str
    policy: str
    stratum: str
    measure: str
    sends: int
    share: Interval
    over_best_slots: Interval


def dealt(sends: Sends, days: Mapping[int, Day], rng: np.random.Generator) -> Sends:
    """Returns as many sends for every user and on every day, with the days dealt anew; articles are the day's first."""
    day = _dealt_days(sends, rng)
    order = np.lexsort((day, sends.user))
    user, day = sends.user[order], day[order]
    return Sends(
        user,
        day,
        np.zeros_like(day),
        nth_of_day({number: made.first for number, made in days.items()}, user, day),
        nth_of_day({number: made.popular for number, made in days.items()}, user, day),
    )


def _dealt_days(sends: Sends, rng: np.random.Generator) -> Ints:
    """Tactful's days in random order; where one user has more on a day than Tactful ever sent, they are swapped on."""
    most = int(_nth(sends.user, sends.day).max(initial=0))
    day = rng.permutation(sends.day)
    while True:
        order = np.lexsort((day, sends.user))
        crowded = order[_nth(sends.user[order], day[order]) > most]
        if not len(crowded):
            return day
        for one, other in zip(crowded.tolist(), rng.integers(0, len(day), len(crowded)).tolist(), strict=True):
            day[[one, other]] = day[[other, one]]


def _nth(user: Ints, day: Ints) -> Ints:
    """Which send of its user-day each one is, from 0; sends are sorted by (user, day)."""
    cell = _cells(user, day)
    return np.arange(len(cell)) - np.searchsorted(cell, cell)


def nth_of_day(tables: Mapping[int, Ints], user: Ints, day: Ints) -> Ints:
    """Returns for the nth send of each user-day the nth entry of her row in that day's table; sends are sorted."""
    nth = _nth(user, day)
    found: Ints = np.full(len(nth), -1, dtype=np.int64)
    for number, table in tables.items():
        here = day == number
        found[here] = table[user[here], np.minimum(nth[here], table.shape[1] - 1)]
    return found


def rivals(people: People, sends: Sends, model: SlotHistogram, seed: int) -> dict[str, Sends]:
    """Returns the same sends at other hours; user-days, numbers and articles stay as they are.

    - nine: at 9:00, further ones of the day two hours apart;
    - random slot: any allowed hours, a gap apart;
    - global best slots: the hours in which most sessions began in the warm-up;
    - own best slots: the hours of her own histogram up to that day, whatever Tactful's policy makes of it.
    """
    cell, first, count = np.unique(_cells(sends.user, sends.day), return_index=True, return_counts=True)
    user, day = sends.user[first], sends.day[first]
    allowed = np.zeros((len(cell), 24), dtype=np.bool_)
    allowed[:, FIRST_HOUR : LAST_HOUR + 1] = True
    flat = np.ones((len(cell), 24))
    u = draws.uniform(seed, people.keys[user], day, "rival's slot")
    everybody = np.tile(people.sessions_by_hour(WARM_UP).sum(axis=0), (len(cell), 1))
    own = np.empty((len(cell), 24))
    for number in np.unique(day).tolist():
        before = model.slots(people.sessions_by_hour(range(WARM_UP.start, number)))
        own[day == number] = before[user[day == number]]
    nine = np.zeros((len(cell), 24), dtype=np.uint8)
    for nth in range(int(count.max())):
        nine[count > nth, 9 + 2 * nth] = 1
    slots = {
        "9:00": nine,
        "random slot": plan(flat, count, u, 1.0, allowed, GAP_SLOTS, 1),
        "global best slots": best_spaced(everybody, count, allowed, GAP_SLOTS),
        "own best slots": best_spaced(own, count, allowed, GAP_SLOTS),
    }
    return {name: _at(people, sends, day, chosen, seed, sharp=name == "9:00") for name, chosen in slots.items()}


def at_slots(people: People, user: Ints, day: Ints, hour: Ints, seed: int) -> Ints:
    """Returns an instant in each local hour, by hash of user and hour."""
    minute = draws.uniform(seed, people.keys[user], day * 24 + hour, "rival's minute") * JITTER_US
    return people.slot_us(day, hour) + minute.astype(np.int64)


def _at(people: People, sends: Sends, day: Ints, slots: NDArray[np.uint8], seed: int, sharp: bool) -> Sends:
    cell, hour = np.nonzero(slots)
    at_us = people.slot_us(day[cell], hour) if sharp else at_slots(people, sends.user, sends.day, hour, seed)
    return Sends(sends.user, sends.day, at_us, sends.category, sends.popular)


def _cells(user: Ints, day: Ints) -> Ints:
    """One number for each user-day, ascending by (user, day)."""
    return (user << 20) + day


class Followed:
    """Answers what came after a send, for many sends at once."""

    def __init__(self, people: People) -> None:
        self._origin = people.start_us(WARM_UP.start) - DAY_US
        self._n_categories = int(people.category.max()) + 2
        self._sessions = self._keys(people.session_user, people.session_us)
        self._reads = self._keys(people.user, people.at_us)
        self._by_category = np.sort(self._keys(self._pair(people.user, people.category), people.at_us))

    def measures(self, sends: Sends) -> Bool[np.ndarray, "m k"]:
        """Returns for each send whether each of `MEASURES` holds; the instant of the send itself is not after it."""
        who, at = sends.user, sends.at_us
        told, popular = self._pair(who, sends.category), self._pair(who, sends.popular)
        return np.stack(
            [
                self._any(self._sessions, who, at, HOUR_US),
                self._any(self._sessions, who, at, 3 * HOUR_US),
                self._any(self._reads, who, at, HOUR_US),
                self._any(self._by_category, told, at, DAY_US),
                self._any(self._by_category, popular, at, DAY_US),
            ],
            axis=1,
        )

    def _pair(self, user: Ints, category: Ints) -> Ints:
        return user * self._n_categories + category

    def _keys(self, row: Ints, at_us: Ints) -> Ints:
        """One number that sorts by (row, time): milliseconds in the lower 32 bits."""
        return (row << 32) + (at_us - self._origin) // 1000

    def _any(self, keys: Ints, row: Ints, at_us: Ints, within_us: int) -> NDArray[np.bool_]:
        first = np.searchsorted(keys, self._keys(row, at_us), side="right")
        return np.searchsorted(keys, self._keys(row, at_us + within_us), side="right") > first


def judge(people: People, matching: str, policies: dict[str, Sends], rng: np.random.Generator) -> list[Rate]:
    """Returns every share with its percentile interval from resampling users; all policies share the resamples."""
    followed = Followed(people)
    found = {name: followed.measures(sends) for name, sends in policies.items()}
    past = people.sessions_by_hour(WARM_UP).sum(axis=1)
    rates: list[Rate] = []
    for stratum in STRATA:
        sums = [_sums(people.n, sends, found[name], _inside(stratum, past, sends)) for name, sends in policies.items()]
        rates += _rates(matching, tuple(policies), stratum, np.stack(sums, axis=1), rng)
    return rates


def _inside(stratum: str, past: Float[np.ndarray, " n"], sends: Sends) -> NDArray[np.bool_]:
    """The sends of a stratum; past sessions are those of the warm-up."""
    sessions, holiday = past[sends.user], sends.day == HOLIDAY
    chosen: dict[str, NDArray[np.bool_]] = {
        "all": np.ones(len(sends.user), dtype=np.bool_),
        "<8 sessions": sessions < 8,
        "8-15 sessions": (sessions >= 8) & (sessions <= 15),
        ">15 sessions": sessions > 15,
        "without the 12th": ~holiday,
        "only the 12th": holiday,
    }
    return chosen[stratum]


def _sums(n: int, sends: Sends, found: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each user and measure the sends that it holds for, and the sends that count: [n, measures, 2]."""
    sums = np.zeros((n, len(MEASURES), 2))
    for m, measure in enumerate(MEASURES):
        counts = inside & (sends.day < DECIDE.stop - (measure in NEED_NEXT_DAY))
        np.add.at(sums[:, m, 0], sends.user[counts], found[counts, m].astype(np.float64))
        np.add.at(sums[:, m, 1], sends.user[counts], 1.0)
    return sums


def _rates(
    matching: str, policies: tuple[str, ...], stratum: str, sums: NDArray[np.float64], rng: np.random.Generator
) -> list[Rate]:
    told = sums[sums[:, :, :, 1].any(axis=(1, 2))]
    if len(told) < 2 or not told[:, :, :, 1].sum(axis=0).all():
        return []
    flat = told.reshape(len(told), -1)
    resampled = bootstrap_totals(flat, rng, DRAWS).reshape(DRAWS, *told.shape[1:])
    total = told.sum(axis=0)
    with np.errstate(invalid="ignore"):
        spread, share = resampled[..., 0] / resampled[..., 1], total[..., 0] / total[..., 1]
    base = policies.index("global best slots")
    return [
        Rate(
            matching,
            policy,
            stratum,
            measure,
            int(total[p, m, 1]),
            _interval(share[p, m], spread[:, p, m]),
            _interval(share[p, m] - share[base, m], spread[:, p, m] - spread[:, base, m]),
        )
        for p, policy in enumerate(policies)
        for m, measure in enumerate(MEASURES)
    ]


def _interval(value: float, spread: NDArray[np.float64]) -> Interval:
    low, high = np.nanquantile(spread, [0.025, 0.975])
    return Interval(*(round(float(end), 5) for end in (value, low, high)))
