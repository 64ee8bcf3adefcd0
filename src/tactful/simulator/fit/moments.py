"""Counts a log: what it holds of visits, answers, leaving and hours, each as one ratio of sums over people.

The same function counts an app's log and a simulated one, so both mean the same by a word. A ratio of sums has an
influence of every person, from which variances and covariances between moments follow (the delta method; it replaces a
bootstrap over people, whose figures it approaches). What tells of a difference between people is counted as a share of
the same answers, not as a rate beside the rate of all, so that the moments tell of different things.

An *own visit* is an hour with a session that no click began: neither that hour nor the one before has a click. *Rare*
visitors come less than once a week by themselves, *frequent* ones twice or more.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US, WEEK_US
from tactful.events.records import KINDS
from tactful.features import join
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.fit.log import AppLog

FEWEST: Final = 20
"""Events of which a moment must be made of in the app's log, or it is not used."""
_SESSION, _OPEN, _CLICK = (KINDS.index(kind) for kind in ("session", "open", "click"))
_UNSUBSCRIBE, _DISABLE = KINDS.index("unsubscribe"), KINDS.index("disable")
_RARE_A_WEEK: Final = 1.0
_FREQUENT_A_WEEK: Final = 2.0
_MANY_A_WEEK: Final = 4
"""Messages in seven days that are many."""
_LATER_DAYS: Final = 14
"""When the habit of a day has faded to a quarter; half of that in a short log."""


@dataclass(frozen=True)
class Moments:
    """Ratios of sums over people: moment j is `above[:, j].sum() / below[:, j].sum()`.

    `events` says how many visits, opens, ... are above; the ratio may weigh them.
    """

    names: tuple[str, ...]
    above: Float64[np.ndarray, "n q"]
    below: Float64[np.ndarray, "n q"]
    events: Float64[np.ndarray, " q"]

    @property
    def value(self) -> Float64[np.ndarray, " q"]:
        """The moments; where nothing is above, half an event is, so that a logarithm exists."""
        value: Float64[np.ndarray, " q"] = np.maximum(self.above.sum(axis=0), 0.5) / np.maximum(
            self.below.sum(axis=0), 0.5
        )
        return value

    @property
    def log_covariance(self) -> Float64[np.ndarray, "q q"]:
        """The covariance of the logarithms of the moments, people being independent."""
        above, below = np.maximum(self.above.sum(axis=0), 0.5), np.maximum(self.below.sum(axis=0), 0.5)
        influence = self.above / above - self.below / below
        covariance: Float64[np.ndarray, "q q"] = influence.T @ influence
        return covariance

    def only(self, names: tuple[str, ...]) -> "Moments":
        """Returns the named moments in that order."""
        at = [self.names.index(name) for name in names]
        return Moments(names, self.above[:, at], self.below[:, at], self.events[at])

    def usable(self) -> tuple[str, ...]:
        """Returns the names of those that enough events make."""
        return tuple(n for n, events in zip(self.names, self.events.tolist(), strict=True) if events >= FEWEST)


def moments(log: AppLog) -> Moments:
    """Returns every moment of a log, from `counted_from_us` on."""
    came = _Visits.of(log)
    parts = {**_activity(log, came), **_hours(log, came), **_after_leaving(log, came), **_answers(log, came)}
    above, below, events = zip(*parts.values(), strict=True)
    return Moments(tuple(parts), np.stack(above, axis=1), np.stack(below, axis=1), np.array(events, dtype=np.float64))


def own_visits(log: AppLog) -> Int64[np.ndarray, " n"]:
    """Returns how many visits of their own each person made in the counted days."""
    return np.bincount(_Visits.of(log).user, minlength=log.n).astype(np.int64)


_Part = tuple[NDArray[np.float64], NDArray[np.float64], float]
"""Above and below by person, and the number of events."""


@dataclass(frozen=True)
class _Visits:
    """Own visits of the counted days, one row each, by (user, hour), and on which days people came."""

    user: Int64[np.ndarray, " v"]
    hour: Int64[np.ndarray, " v"]
    a_week: Float64[np.ndarray, " n"]
    active: Bool[np.ndarray, "n days"]

    @classmethod
    def of(cls, log: AppLog) -> "_Visits":
        begin = log.counted_from_us
        touches = log.touches
        inside = (touches.at_us >= begin) & (touches.at_us < log.until_us)
        hour = touches.at_us // HOUR_US - begin // HOUR_US + 1
        days = (log.until_us - begin) // DAY_US
        hours = days * 24 + 2
        code = touches.user * hours + hour
        clicks = np.unique(code[inside & (touches.kind == _CLICK)])
        sessions = np.unique(code[inside & (touches.kind == _SESSION)])
        own = sessions[~np.isin(sessions, clicks) & ~np.isin(sessions, clicks + 1)]
        user, hour = own // hours, own % hours - 1
        active = np.zeros((log.n, days), dtype=np.bool_)
        active[user, hour // 24] = True
        return cls(user, hour + begin // HOUR_US, np.bincount(user, minlength=log.n) * 7.0 / days, active)

    @property
    def rare(self) -> Bool[np.ndarray, " n"]:
        found: Bool[np.ndarray, " n"] = self.a_week < _RARE_A_WEEK
        return found

    @property
    def frequent(self) -> Bool[np.ndarray, " n"]:
        found: Bool[np.ndarray, " n"] = self.a_week >= _FREQUENT_A_WEEK
        return found


def _activity(log: AppLog, came: _Visits) -> dict[str, _Part]:
    """How often people come by themselves, how unequal they are, and whether one visit brings the next."""
    active, (n, days) = came.active, came.active.shape
    visits, ones = np.bincount(came.user, minlength=n).astype(np.float64), np.ones(n)
    weeks = active[:, : days // 7 * 7].reshape(n, -1, 7).any(axis=2)
    return {
        "own visits a day": _part(visits, ones * days),
        "came by themselves at all": _part(np.any(active, axis=1), ones),
        "came in a week": _part(weeks.sum(axis=1), ones * weeks.shape[1]),
        "days with an own visit": _part(active.sum(axis=1), ones * days),
        **_returns(active),
    }


def _returns(active: Bool[np.ndarray, "n days"]) -> dict[str, _Part]:
    """Whether who came comes again weeks later, for people differ, and how much rather on the next day, for habit."""
    later = _LATER_DAYS if active.shape[1] >= 2 * _LATER_DAYS else _LATER_DAYS // 2
    first = active[:, :-later]
    weeks, day = (first & active[:, later:]).sum(axis=1), (first & active[:, 1 : 1 + first.shape[1]]).sum(axis=1)
    return {
        "came again weeks later": _part(weeks, first.sum(axis=1)),
        "came again the next day, to once weeks later": _part(day, weeks),
    }


def _hours(log: AppLog, came: _Visits) -> dict[str, _Part]:
    """In which hours of their own clock people come: no constant moves these, so they check the world."""
    local = log.zones.local_us(log.zone[came.user], came.hour * HOUR_US)
    hour, day = local // HOUR_US % 24, (local // DAY_US + 3) % 7
    every = np.bincount(came.user, minlength=log.n).astype(np.float64)
    return {
        "own visits by night, 0 to 6": _part(_of(log.n, came.user, hour < 6), every),
        "own visits in the evening, 18 to 24": _part(_of(log.n, came.user, hour >= 18), every),
        "own visits on weekends": _part(_of(log.n, came.user, day >= 5), every),
    }


def _after_leaving(log: AppLog, came: _Visits) -> dict[str, _Part]:
    """How often people still come once every channel of theirs is closed."""
    closed = np.full((log.n, 2), np.iinfo(np.int64).max)
    touches = log.touches
    left = np.flatnonzero((touches.kind == _UNSUBSCRIBE) | (touches.kind == _DISABLE))
    for channel in (EMAIL, PUSH):
        meant = left[(touches.channel[left] == channel) | (touches.channel[left] < 0)]
        np.minimum.at(closed[:, channel], touches.user[meant], touches.at_us[meant])
        closed[(log.reach >> np.uint8(channel)) & 1 == 0, channel] = 0
    gone = np.maximum(closed.max(axis=1), log.counted_from_us).clip(max=log.until_us)
    after = came.hour * HOUR_US >= gone[came.user]
    return {
        "own visits a day, all channels closed": _part(
            _of(log.n, came.user, after), (log.until_us - gone) / float(DAY_US)
        )
    }


def _answers(log: AppLog, came: _Visits) -> dict[str, _Part]:
    """What becomes of messages, by channel, by how often people come, and by what went before."""
    sends = log.sends
    answer = join.attribute(sends, log.touches)
    opened, hours_to_open = _first(log, answer, join.kinds_mask(["open", "click"]))
    clicked, hours_to_click = _first(log, answer, join.kinds_mask(["click"]))
    left = join.outcomes(sends, log.touches, answer).left
    over = join.closed(sends.at_us, sends.window_us, log.until_us) & (sends.at_us >= log.counted_from_us)
    mail, push = over & (sends.channel == EMAIL), over & (sends.channel == PUSH)
    rare, frequent, drawn = (each[sends.user] for each in (came.rare, came.frequent, log.drawn))

    def share(of: NDArray[np.bool_], among: NDArray[np.bool_]) -> _Part:
        return _part(_of(log.n, sends.user, of & among), _of(log.n, sends.user, among))

    def mean(value: NDArray[np.float64], among: NDArray[np.bool_]) -> _Part:
        weighed = np.bincount(sends.user[among], value[among], minlength=log.n)
        return weighed.astype(np.float64), _of(log.n, sends.user, among), float(among.sum())

    mails, opens = _of(log.n, sends.user, mail), _of(log.n, sends.user, mail & opened)
    many = _messages_before(sends) >= _MANY_A_WEEK
    return {
        "opens an e-mail": share(opened, mail),
        "opens by rare visitors, of all": share(rare, mail & opened),
        "opens another e-mail, having opened one": _part(opens * (opens - 1.0), opens * (mails - 1.0)),
        "hours until an e-mail is opened": mean(hours_to_open, mail & opened),
        "clicks an opened e-mail": share(clicked, mail & opened),
        "clicks on e-mails by frequent visitors, of all": share(frequent, mail & clicked),
        "clicks a push": share(clicked, push),
        "hours until a push is clicked": mean(hours_to_click, push & clicked),
        "leaves a message": share(left, over),
        "leaves by rare visitors, of all": share(rare, over & left),
        "opens an e-mail after many messages, drawn budgets": share(opened, mail & drawn & many),
        "leaves a message after many, drawn budgets": share(left, over & drawn & many),
        "own visits a day, many messages, drawn budgets": _of_many(log, came),
    }


def _first(log: AppLog, answer: Int64[np.ndarray, " e"], kinds: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each send was answered by one of the kinds, and after how many hours first."""
    meant = np.flatnonzero((answer >= 0) & ((np.left_shift(1, log.touches.kind) & kinds) != 0))
    at = np.full(len(log.sends.user), np.iinfo(np.int64).max)
    np.minimum.at(at, answer[meant], log.touches.at_us[meant])
    answered = at < np.iinfo(np.int64).max
    return answered, np.where(answered, at - log.sends.at_us, 0) / float(HOUR_US)


def _messages_before(sends: join.Sends) -> NDArray[np.int64]:
    """How many messages each user got in the seven days before each send."""
    if not len(sends.user):
        return np.zeros(0, np.int64)
    since = int(sends.at_us.min())
    span = int(sends.at_us.max()) - since + WEEK_US + 1
    key = sends.user * span + (sends.at_us - since)
    before: NDArray[np.int64] = np.arange(len(key)) - np.searchsorted(key, key - WEEK_US)
    return before


def _of_many(log: AppLog, came: _Visits) -> _Part:
    """How often people come whose drawn budgets brought them many messages a week."""
    sent = np.bincount(log.sends.user, minlength=log.n) * 7.0 / log.days
    which = log.drawn & (sent >= _MANY_A_WEEK)
    visits = _of(log.n, came.user, which[came.user])
    return _part(visits, which * float(came.active.shape[1]))


def _of(n: int, user: Int64[np.ndarray, " m"], which: Bool[np.ndarray, " m"]) -> NDArray[np.float64]:
    """Counts the marked rows of each of n people."""
    count: NDArray[np.float64] = np.bincount(user[which], minlength=n).astype(np.float64)
    return count


def _part(above: NDArray[Any], below: NDArray[Any]) -> _Part:
    counted = above.astype(np.float64)
    return counted, below.astype(np.float64), float(counted.sum())
