"""Uber's plan: who gets which message in which slot of the coming days, by integer programming, anew every day.

    maximise Σ s(u, m, t) x(u, m, t): each message once, before it expires; two a day and eight hours apart at most for
    a person; the day's volume over everyone

s is the click rate of the message times what its slot is worth relative to her others. At 00:00 UTC the open messages
of everyone are assigned to the best slots of her next days; the first day is carried out, the rest is planned again.

**Source**: Uber Engineering, "How Uber optimizes push notifications with ML and linear programming", 2022: messages of
all teams wait in a person's inbox; a linear programme on scores of (message, time) with expiry, send windows, a daily
cap (2, for example) and a least gap (8 hours) makes her schedule, and what does not fit is dropped.
**Deviation**: their volume is not coupled over people, ours is: it must equal that of the other arms. Scores are the
simple click rate's, as the plan is made before the jobs at which a ranker speaks. A message that comes up during the
day waits for the next plan. For a small app: a programme has a thousand people (`assignment.py`).
"""

from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Float64, Int64, UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US, MINUTE_US
from tactful.decision.decide import FLOOR
from tactful.decision.request import Request, Scores
from tactful.decision.rules import Rules
from tactful.decision.timing.quiet_hours import quiet_slots
from tactful.errors import InvalidExperiment
from tactful.events.registry import Registry
from tactful.features.affinity import affinity
from tactful.features.content import match_bucket, recency_bucket
from tactful.features.history import CANDIDATE_OPEN, N_CHANNELS
from tactful.models.protocol import SlotScores
from tactful.runtime.scoring import LiveScorer, Versions
from tactful.runtime.settings import Timing, Volume
from tactful.runtime.steps import PlanRequest
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.assignment import Options, assign
from tactful.simulator.arms.judged import HEAD
from tactful.simulator.arms.policy import NO_EXPLORATION, Moment, Policy
from tactful.simulator.choice_log import CLICKS_ONLY
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.hours import zone_minutes
from tactful.simulator.protocol import UserColumns

DAYS: Final = 3
SLOTS_A_DAY: Final = 3
"""Her best slots of each day, which are those at which jobs run."""
CAP, GAP_US = 2, 8 * HOUR_US
UNPLANNED: Final = 2.0 * FLOOR
"""Below what owes no price: not sent."""
_PLANNED: Final = 10.0
"""A slot of the plan weighs so much more than her best one, so that its job runs."""


class Planner:
    """Fits `runtime.scoring.Scorer`: remembers what slots are worth, plans when shown a day, and sends by the plan."""

    def __init__(self, base: LiveScorer, users: UserColumns, per_user_per_week: float) -> None:
        """Starts without a plan: on the first day nothing is known of the slots, and nothing goes out."""
        self._base, self._users, self._per_day = base, users, per_user_per_week * users.n / 7.0
        self._by_key = np.argsort(users.user_key)
        self._quiet = quiet_slots(users.quiet_start.astype(np.int64), users.quiet_end.astype(np.int64))
        self._weight = np.zeros((users.n, self._quiet.shape[1]))
        self._ranked = Registry.shipped().columns().ranked
        self._days = 0
        self._user, self._at, self._key = np.zeros((3, 0), dtype=np.int64)

    @property
    def version(self) -> str:
        """Of the base."""
        return self._base.version

    @property
    def versions(self) -> Versions:
        """Of the base."""
        return self._base.versions

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns the base's slots, those of the plan foremost."""
        said, user = self._base.slots(keys, request), self._rows(keys)
        self._weight[user] = said.weight
        weight, place = said.weight.copy(), np.full(self._users.n, -1)
        place[user] = np.arange(len(user))
        row = place[self._user]
        day = request.slot_us[row, 0]
        hour = (self._at - day) // HOUR_US
        mine = (row >= 0) & (hour >= 0) & (hour < weight.shape[1])
        weight[row[mine], hour[mine]] = _PLANNED * np.maximum(said.weight[row[mine]].max(axis=1), 1.0)
        return SlotScores(said.profile, weight)

    def scores(self, request: Request) -> Scores:
        """Returns the click rate of what is planned for the hour of each job; everything else is not sent."""
        said = self._base.scores(request)
        user, now = self._rows(request.person.key), request.person.now_us
        place = np.full(self._users.n, -1)
        place[user] = np.arange(len(user))
        row = place[self._user]
        due = (row >= 0) & (self._at <= now[row]) & (now[row] < self._at + HOUR_US)
        planned = np.zeros(request.pool.present.shape, dtype=np.bool_)
        planned[row[due]] |= request.pool.key[row[due]] == self._key[due].view(np.uint64)[:, None]
        urgent = ~self._ranked[np.where(request.pool.present, request.pool.type, 0)]
        click = said.values[..., said.heads.index("click")]
        worth = np.where((planned | urgent)[:, :, None], click, UNPLANNED)
        return Scores((HEAD,), worth[..., None], np.zeros(request.n))

    def daily(self, moment: Moment) -> None:
        """Makes the plan of the coming days."""
        self._days += 1
        totals = np.full(DAYS, self._per_day)
        totals[0] = max(self._per_day * self._days - float(moment.sent.sum()), 0.0)
        options, keys = self._options(moment)
        taken = assign(options, moment.now_us, totals, CAP, GAP_US)
        self._user, self._at = options.person[taken], options.at_us[taken]
        self._key = keys[options.person[taken], options.message[taken]].view(np.int64)

    def _options(self, moment: Moment) -> tuple[Options, UInt64[np.ndarray, "n c"]]:
        """Every open message of everyone in every slot before it expires."""
        state, now = moment.state, moment.now_us
        at, share = self._slots_ahead(now)
        click, keys = self._click(moment), state["c_key"].copy()
        recent = np.arange(state["s_at"].shape[1]) < state["s_len"][:, None]
        free = np.where(recent, state["s_at"] + GAP_US, now).max(axis=1, initial=now)
        in_time = (at >= free[:, None])[:, None, :]
        in_time = in_time & (at[:, None, :] + HOUR_US < state["c_expires"].astype(np.int64)[:, :, None])
        worth = click[:, :, None] * share[:, None, :]
        person, message, slot = np.nonzero(in_time & (worth > 0.0) & (at[:, None, :] < now + DAYS * DAY_US))
        return Options(person, message, at[person, slot], worth[person, message, slot]), keys

    def _click(self, moment: Moment) -> Float64[np.ndarray, "n c"]:
        """The best channel's click rate of every place of everyone's pool, 0 where there is nothing to say."""
        state = moment.state
        places = np.arange(state["c_key"].shape[1])
        kind, category = state["c_type"].astype(np.int64), state["c_category"].astype(np.int64)
        open_to = (places < state["c_len"][:, None]) & (state["c_state"] == CANDIDATE_OPEN)
        open_to &= self._ranked[np.where(open_to, kind, 0)]
        count, age = affinity(state, category, np.full(len(state), moment.now_us))
        click = self._base.click_model.click(
            np.where(open_to, kind, -1),
            match_bucket(count).astype(np.int64),
            recency_bucket(age).astype(np.int64),
            state["n_sends"].astype(np.float64),
            state["n_clicks"].astype(np.float64),
        )
        channels = (state["addresses"] & state["opt_in"] & ~state["blocked"]).astype(np.int64)
        reach = (channels[:, None] & (1 << np.arange(N_CHANNELS))) != 0
        best = np.where(open_to[:, :, None] & reach[:, None, :], click, 0.0).max(axis=2)
        found: NDArray[np.float64] = best.astype(np.float64)
        return found

    def _slots_ahead(self, now_us: int) -> tuple[Int64[np.ndarray, "n s"], Float64[np.ndarray, "n s"]]:
        """When everyone's best slots of the coming days begin, and what each is worth relative to her mean slot."""
        offset = zone_minutes(self._users.zones, now_us).astype(np.int64)[self._users.zone] * MINUTE_US
        midnight = (now_us + offset) // DAY_US * DAY_US - offset
        weight = np.where(self._quiet, 0.0, self._weight)
        best = np.argsort(-weight, axis=1, kind="stable")[:, :SLOTS_A_DAY]
        mean = np.maximum(self._weight.mean(axis=1, keepdims=True), 1e-12)
        share = np.take_along_axis(weight, best, axis=1) / mean
        days = np.arange(DAYS + 1)[None, :, None]
        at = midnight[:, None, None] + days * DAY_US + best[:, None, :] * HOUR_US
        return at.reshape(len(at), -1), np.tile(share, (1, DAYS + 1))

    def _rows(self, keys: UInt64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        found: NDArray[np.int64] = self._by_key[np.searchsorted(self._users.user_key, keys, sorter=self._by_key)]
        return found


@dataclass(frozen=True)
class UberPlan:
    """The arm. Budgets hardly bind: the plan holds the volume, and what one day lacks the next makes up for.

    Nothing is randomised: a plan is carried out as it is.
    """

    delivery: Assembled
    per_user_per_week: float = 2.5
    name: str = "uber_plan"

    def at_volume(self, per_user_per_week: float) -> "UberPlan":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy.

        Raises:
            InvalidExperiment: there is no log, and so nobody to plan for.
        """
        if log is None:
            raise InvalidExperiment("got no exploration log, expected one: the plan is made for the people in it")
        rules = Rules(price="none", utility="nep", weights=CLICKS_ONLY, daily_cap=CAP)
        policy = replace(self.delivery, rules=rules, ranker=None, exploration=NO_EXPLORATION)(log, seed)
        assert isinstance(policy.scorer, LiveScorer)
        planner = Planner(policy.scorer, log.users, self.per_user_per_week)
        settings = msgspec.structs.replace(
            policy.settings,
            volume=Volume(per_user_per_week=7.0 * CAP, headroom=0.0),
            timing=Timing(jobs_per_send=1, min_jobs=SLOTS_A_DAY),
        )
        return Policy(settings, planner, waits_for_slot=True, daily=planner.daily)
