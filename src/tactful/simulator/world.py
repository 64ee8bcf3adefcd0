"""The default world, as a story: an app with people in it, hour by hour.

People come by themselves, more often out of habit, each in hours of her own; they view what they like. Things
come up that they could be told about. A message is seen when they next look, opened if it concerns them and
they are not tired of messages, perhaps clicked, and a click is a visit. Every message tires; tired people look
less, come a little less, and at last close the channel; then they come less often, but they do come.

Deliberately not here: who decides what is sent (`habit.py`, `arms/`), and how a run is scored.
"""

from functools import cached_property
from typing import TypeVar

import numpy as np
from jaxtyping import Float64, Int8, Int16, Int64

from tactful.clock import HOUR_US, WEEK_US
from tactful.errors import TickOutOfOrder
from tactful.simulator import content, users
from tactful.simulator.activity import State, live_hour, stay_share
from tactful.simulator.answers import Answers, chances, draw_answers, no_answers
from tactful.simulator.columns import joined, pick
from tactful.simulator.constants import Constants
from tactful.simulator.habit import weekly_volume
from tactful.simulator.hours import zone_minutes
from tactful.simulator.protocol import TICK_US, CandidateColumns, EngagementColumns, SendColumns, UserColumns
from tactful.simulator.truth import WorldTruth
from tactful.simulator.value import Prospects, prospects, settle, typical_messages
from tactful.simulator.visits import answer_rows, in_order, session_rows

START_US = 1_767_571_200 * 1_000_000
"""Monday 5 January 2026, 00:00 UTC."""
Seen = TypeVar("Seen", CandidateColumns, EngagementColumns)


def make(seed: int, n_users: int, constants: Constants | None = None, start_us: int = START_US) -> "DefaultWorld":
    """Returns a world at its first instant; the same arguments give the same world and the same luck.

    The app has lived by its habit before: everyone's habit and fatigue start where that volume settles.

    >>> world = make(seed=1, n_users=2_000)
    >>> seen = world.respond(SendColumns.none(), world.start_us, world.start_us + HOUR_US)
    >>> 0 < len(seen.user) < 2_000
    True
    """
    if start_us % TICK_US:
        raise TickOutOfOrder(f"got a start of {start_us}, expected a whole UTC hour in microseconds")
    return DefaultWorld(seed, n_users, constants or Constants(), start_us)


class DefaultWorld:
    """People, what is going on with them, and the answers still under way. Fits `protocol.World`."""

    def __init__(self, seed: int, n_users: int, constants: Constants, start_us: int) -> None:
        self._seed, self._constants, self._start_us = seed, constants, start_us
        self._people = users.make_people(seed, n_users, start_us, constants)
        self._typical = typical_messages(self._people, constants)
        self._favourites = [users.first_favourites(seed, n_users)]
        self._state = self._state_under_habit()
        self._now_us = start_us
        self._under_way: dict[int, list[Answers]] = {}

    @property
    def start_us(self) -> int:
        """The instant at which the world begins."""
        return self._start_us

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that candidates come in."""
        return content.TYPE_NAMES

    def users(self) -> UserColumns:
        """Returns everyone, as known to the app at the start."""
        return self._people.columns

    def habit_per_week(self) -> Float64[np.ndarray, " n"]:
        """Returns how many messages a week each user used to get before the start (see `habit.py`)."""
        return weekly_volume(self._typical.click[0])

    def candidates(self, start_us: int, end_us: int) -> CandidateColumns:
        """Returns what came up in [start_us, end_us), whole hours; it depends on no send."""
        hours = range(start_us // HOUR_US, end_us // HOUR_US)
        first = self._start_us // HOUR_US
        parts = [
            content.candidates_of_hour(self._seed, self._people, self._favourites_at(h * HOUR_US), h, first)
            for h in hours
        ]
        came = parts[0] if len(parts) == 1 else joined(parts)
        return self._known(came, came.created_us)

    def respond(self, sends: SendColumns, start_us: int, end_us: int) -> EngagementColumns:
        """Lives through the next hour and returns what people did in it."""
        self._check_tick(sends, start_us, end_us)
        hour = start_us // HOUR_US
        offsets = zone_minutes(users.ZONES, start_us)
        self._deliver(sends, offsets)
        due = joined([no_answers(), *self._under_way.pop(hour, [])])
        due = pick(due, np.argsort(due.at_us, kind="stable"))
        clicked = np.zeros(self._people.columns.n, np.int8)
        clicked[due.user[due.clicked]] = 1
        sessions = live_hour(self._state, self._people, self._constants, self._seed, hour, offsets, clicked)
        self._close_channels(due)
        self._now_us = end_us
        keys, favourites = self._people.columns.user_key, self._favourites_at(start_us)
        seen = session_rows(sessions, due, self._state, favourites, keys, self._seed, hour)
        rows = in_order([*answer_rows(due, hour), *seen])
        return self._known(rows, rows.at_us)

    def truth(self) -> WorldTruth:
        """Returns the truth at the end of the last tick: a snapshot that later ticks do not change."""
        state = State(**{name: array.copy() for name, array in vars(self._state).items()})
        under_way = [a.user[a.clicked] for answers in self._under_way.values() for a in answers]
        clicks = np.bincount(np.concatenate([np.zeros(0, np.int64), *under_way]), minlength=self._people.columns.n)
        return WorldTruth(
            now_us=self._now_us,
            people=self._people,
            state=state,
            favourites=self._favourites_at(self._now_us),
            constants=self._constants,
            ahead=self._ahead,
            seed=self._seed,
            start_us=self._start_us,
            clicks_under_way=clicks,
        )

    def _known(self, rows: Seen, at_us: Int64[np.ndarray, " m"]) -> Seen:
        """Before people sign up the app sees nothing of them, and has nothing to tell them."""
        if not self._constants.newcomers:
            return rows
        return pick(rows, at_us >= self._people.columns.signup_us[rows.user])

    @cached_property
    def _ahead(self) -> Prospects:
        return prospects(self._people, self._constants)

    def _deliver(self, sends: SendColumns, offsets: Int16[np.ndarray, " zones"]) -> None:
        """Messages reach people: luck decides at once what will come of them, and they tire."""
        sends = _reaching(sends, self._state)
        if not len(sends.user):
            return
        favourites = self._favourites_at(self._now_us)
        may = chances(sends, self._people, favourites, self._state, offsets, self._constants)
        answers = draw_answers(sends, may, self._people, self._seed)
        happens = answers.opened | answers.left
        for hour in np.unique(answers.at_us[happens] // HOUR_US):
            then = happens & (answers.at_us // HOUR_US == hour)
            self._under_way.setdefault(int(hour), []).append(pick(answers, then))
        np.add.at(self._state.fatigue, sends.user, np.float32(1.0))
        np.add.at(self._state.burnout, sends.user, np.float32(self._constants.burnout_per_send))

    def _close_channels(self, due: Answers) -> None:
        who, channel = due.user[due.left], due.channel[due.left].astype(np.uint8)
        np.bitwise_and.at(self._state.reach, who, ~(np.uint8(1) << channel))
        at_first = np.bitwise_count(self._people.columns.reach[who])
        closed = 1.0 - np.bitwise_count(self._state.reach[who]) / at_first
        self._state.stay[who] = stay_share(self._people.visits[who], closed.astype(np.float32), self._constants)

    def _favourites_at(self, at_us: int) -> Int8[np.ndarray, "n 3"]:
        week = (at_us - self._start_us) // WEEK_US
        keys, chance = self._people.columns.user_key, self._constants.drift_per_week
        while len(self._favourites) <= week:
            self._favourites.append(users.drift(self._favourites[-1], keys, self._seed, len(self._favourites), chance))
        return self._favourites[week]

    def _state_under_habit(self) -> State:
        n, constants = self._people.columns.n, self._constants
        per_week = self.habit_per_week()
        click, leave = self._typical.click.mean(axis=0), self._typical.leave.mean(axis=0)
        settled = settle(self._people, np.ones(n, np.float32), click, leave, per_week, constants)
        return State(
            habit=settled.habit.astype(np.float32),
            fatigue=(per_week * constants.fatigue_days / 7.0).astype(np.float32),
            burnout=settled.burnout.astype(np.float32),
            recent=np.zeros(n, np.float32),
            recent_category=np.full(n, -1, np.int8),
            reach=self._people.columns.reach.copy(),
            stay=np.ones(n, np.float32),
            debt=np.zeros(n, np.int16),
        )

    def _check_tick(self, sends: SendColumns, start_us: int, end_us: int) -> None:
        if start_us != self._now_us or end_us != start_us + TICK_US:
            raise TickOutOfOrder(
                f"got the tick [{start_us}, {end_us}), expected [{self._now_us}, {self._now_us + TICK_US}); "
                "call respond once per hour, in order, with no sends where nothing is sent"
            )
        if len(sends.at_us) and not (sends.at_us.min() >= start_us and sends.at_us.max() < end_us):
            raise TickOutOfOrder(
                f"got sends from {sends.at_us.min()} to {sends.at_us.max()}, expected them within "
                f"[{start_us}, {end_us}); hand each send to the tick in which it happens"
            )


def _reaching(sends: SendColumns, state: State) -> SendColumns:
    """The sends whose channel is still open."""
    return pick(sends, (state.reach[sends.user] >> sends.channel.astype(np.uint8)) & 1 == 1)
