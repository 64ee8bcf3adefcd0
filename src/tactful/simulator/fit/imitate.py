"""An app's log lived through again by simulated people, under given constants: what the app's log is compared with.

Every simulated person stands for one of the app's, through the same open channels, and is sent what that one was sent:
on the same channel, of the same type, when her own clock shows the same time. So how the app chose whom to message is
kept, whatever sent the messages. Content is made up as the world makes it up, since a log's categories are not the
world's: a choice of content that is better than chance shows as attention.

Who stands for whom: by rank of own visits, so that an app that messages its busiest people does so here; people whose
budgets were drawn at random stand for one another at random. Pairs stay as they are while constants move, and luck is
drawn by hash: two worlds differ by what their constants do, and by little else (common random numbers).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.events.records import KINDS
from tactful.features.context import Zones
from tactful.kernel import at_most_threads
from tactful.simulator import content, users
from tactful.simulator.columns import joined, pick
from tactful.simulator.constants import N_FAVOURITES, TYPES, Constants
from tactful.simulator.fit.log import AppLog, sends_of, touches_of
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import FIRST_CANDIDATE, TICK_US, EngagementColumns, SendColumns, UserColumns
from tactful.simulator.visits import DISABLE, UNSUBSCRIBE
from tactful.simulator.world import make

_KEPT = [KINDS.index(kind) for kind in ("session", "open", "click", "unsubscribe", "disable")]
_SPARE = 1.15
"""People made beyond those expected to be needed, so that every reach has enough of them."""


@dataclass(frozen=True)
class Imitation:
    """A cast of simulated people (n rows of a world) and what each is sent, by instant.

    Attributes:
        seed, n_world: of the world, which has more people than take part: their reach is drawn, the app's is given.
        row: each one's row in the world, rising.
        stands_for: each one's person in the app's log.
        sends: what is due, by (instant, user), with world rows for users.
    """

    seed: int
    n_world: int
    row: Int64[np.ndarray, " n"]
    stands_for: Int64[np.ndarray, " n"]
    sends: SendColumns
    app: AppLog

    def live(self, constants: Constants) -> AppLog:
        """Lives through the days of the app's log and returns the log of it. Only messages that reach people count."""
        world = make(self.seed, self.n_world, constants, self.app.since_us)
        known = world.users()
        reach, due = known.reach.copy(), self.sends
        hours = np.arange(self.app.since_us, self.app.until_us + TICK_US, TICK_US)
        edges = np.searchsorted(due.at_us, hours)
        sent, seen = [SendColumns.none()], []
        with at_most_threads(1):
            for start, first, end in zip(hours[:-1].tolist(), edges[:-1], edges[1:], strict=True):
                now = pick(due, np.arange(first, end))
                now = pick(now, (reach[now.user] >> now.channel.astype(np.uint8)) & 1 == 1)
                did = world.respond(now, start, start + TICK_US)
                _note_leaving(reach, did)
                sent.append(now)
                seen.append(did)
        did = joined(seen)
        return self._log(known, joined(sent), pick(did, np.isin(did.kind, _KEPT)))

    def _log(self, known: UserColumns, sent: SendColumns, seen: EngagementColumns) -> AppLog:
        """What went on, with places in the cast for users."""
        place = np.full(self.n_world, -1)
        place[self.row] = np.arange(len(self.row))
        took_part = pick(seen, place[seen.user] >= 0)
        order = np.lexsort((sent.decision, sent.at_us, sent.user))
        sent = pick(sent, order)
        touches = touches_of(took_part)
        return AppLog(
            zones=Zones.of(known.zones),
            zone=known.zone[self.row].astype(np.int64),
            reach=known.reach[self.row],
            drawn=self.app.drawn[self.stands_for],
            since_us=self.app.since_us,
            until_us=self.app.until_us,
            sends=sends_of(place[sent.user], sent.at_us, sent.channel.astype(np.int64), sent.decision),
            type=sent.type.astype(np.int64),
            touches=type(touches)(**{**vars(touches), "user": place[took_part.user]}),
        )


def cast(
    app: AppLog,
    people: int,
    seed: int,
    own_visits: Int64[np.ndarray, " n"],
    like: "Imitation | None" = None,
    their_visits: Float64[np.ndarray, " m"] | None = None,
) -> Imitation:
    """Returns who stands for whom, and what each is sent.

    Args:
        app: the log to be lived through again.
        people: simulated people; of an app with fewer, some are stood for more often than others.
        seed: of the world, and of what is drawn here.
        own_visits: of the app's people.
        like: a cast whose people are to be paired anew; without one the pairs go by visits at no habit.
        their_visits: of that cast's people, counted as `own_visits` are.
    """
    n_world = like.n_world if like else _size(app, people, seed)
    world = make(seed, n_world, start_us=app.since_us)
    known = world.users()
    visits = users.make_people(seed, n_world, app.since_us, Constants()).visits.astype(np.float64)
    if like is not None and their_visits is not None:
        visits = visits / visits.max() * 0.5
        visits[like.row] += their_visits
    row, stands_for = _pairs(app, known, people, seed, own_visits, visits)
    return Imitation(seed, n_world, row, stands_for, _due(app, known, row, stands_for, seed), app)


def _size(app: AppLog, people: int, seed: int) -> int:
    """People that a world must have for enough of each reach."""
    wanted = np.bincount(app.reach, minlength=4)[1:] / app.n
    there = np.bincount(make(seed, people).users().reach, minlength=4)[1:] / people
    return int(np.ceil(people * _SPARE * float(np.max(wanted / np.maximum(there, 1e-3)))))


def _pairs(
    app: AppLog,
    known: UserColumns,
    people: int,
    seed: int,
    own_visits: Int64[np.ndarray, " n"],
    their_visits: Float64[np.ndarray, " w"],
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """Simulated rows, rising, and the app's person that each stands for."""
    theirs = uniforms(seed, known.user_key, 0, "stands for")
    chance = np.random.default_rng([seed, 7]).uniform(size=app.n)
    free = [np.flatnonzero(known.reach == reach)[np.argsort(theirs[known.reach == reach])] for reach in range(4)]
    rows, persons = [], []
    for reach in (1, 2, 3):
        taken = 0
        for drawn in (True, False):
            group = np.flatnonzero((app.reach == reach) & (app.drawn == drawn))
            wanted = round(people * len(group) / app.n)
            some = free[reach][taken : taken + wanted]
            taken += len(some)
            if not len(group) or not len(some):
                continue
            group = group[np.lexsort((chance[group], np.zeros(len(group)) if drawn else own_visits[group]))]
            some = some[np.lexsort((theirs[some], np.zeros(len(some)) if drawn else their_visits[some]))]
            rows.append(some)
            persons.append(group[((np.arange(len(some)) + 0.5) * len(group) / len(some)).astype(np.int64)])
    row, person = np.concatenate(rows), np.concatenate(persons)
    order = np.argsort(row)
    return row[order], person[order]


def _due(
    app: AppLog,
    known: UserColumns,
    row: Int64[np.ndarray, " m"],
    stands_for: Int64[np.ndarray, " m"],
    seed: int,
) -> SendColumns:
    """Everything that the cast would be sent, by (instant, user)."""
    sends = app.sends
    first = np.searchsorted(sends.user, np.arange(app.n + 1))
    count = (first[1:] - first[:-1])[stands_for]
    of = np.repeat(np.arange(len(row)), count)
    ends = np.cumsum(count)
    which = first[stands_for][of] + np.arange(len(of)) - (ends - count)[of]
    user, at = row[of], sends.at_us[which]
    zones, zone = Zones.of(known.zones), known.zone[user].astype(np.int64)
    at = at + app.zones.local_us(app.zone[stands_for[of]], at) - zones.local_us(zone, at)
    at = at + np.where(at < app.since_us, DAY_US, 0) - np.where(at >= app.until_us, DAY_US, 0)
    kind = _types(app.type[which], known.user_key[user], at, seed)
    category, quality = _content(known, user, at, kind, app.since_us, seed)
    order = np.lexsort((user, at))
    due = SendColumns(
        user=user,
        at_us=at,
        channel=sends.channel[which].astype(np.int8),
        type=kind,
        category=category,
        quality=quality,
        candidate=FIRST_CANDIDATE + np.arange(len(of)),
        decision=np.zeros(len(of), np.int64),
    )
    due = pick(due, order)
    due.decision[:] = np.arange(len(of))
    return due


def _types(
    told: Int64[np.ndarray, " m"], keys: NDArray[np.uint64], at_us: Int64[np.ndarray, " m"], seed: int
) -> NDArray[np.int16]:
    """The type of each message; for one that the world does not have, another as often as it comes up there."""
    share = np.cumsum([each.per_day for each in TYPES])
    luck = uniforms(seed, keys, at_us, "fit type") * share[-1]
    return np.where(told < 0, np.minimum(np.searchsorted(share, luck), len(TYPES) - 1), told).astype(np.int16)


def _content(
    known: UserColumns,
    user: Int64[np.ndarray, " m"],
    at_us: Int64[np.ndarray, " m"],
    kind: NDArray[np.int16],
    since_us: int,
    seed: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Category and quality of each message, as the world's candidates of its type have them (`content.py`)."""
    keys = known.user_key[user]
    match, which, q1, q2 = (uniforms(seed, keys, at_us, f"fit {what}") for what in ("match", "pick", "q1", "q2"))
    favourites = users.first_favourites(seed, known.n)
    week, liked = (at_us - since_us) // WEEK_US, np.zeros(len(user), np.int64)
    for number in range(int(week.max(initial=0)) + 1):
        now = week == number
        liked[now] = favourites[user[now], (which[now] * N_FAVOURITES).astype(np.int64)]
        favourites = users.drift(favourites, known.user_key, seed, number + 1, Constants().drift_per_week)
    share = np.array([each.match for each in TYPES])[kind]
    category = np.where(match < share, liked, content.popular_category(which))
    return np.where(share < 0.0, -1, category).astype(np.int32), ((q1 + q2) / 2.0).astype(np.float32)


def _note_leaving(reach: UInt8[np.ndarray, " w"], seen: EngagementColumns) -> None:
    left: Bool[np.ndarray, " m"] = (seen.kind == UNSUBSCRIBE) | (seen.kind == DISABLE)
    np.bitwise_and.at(reach, seen.user[left], ~(np.uint8(1) << seen.channel[left].astype(np.uint8)))
