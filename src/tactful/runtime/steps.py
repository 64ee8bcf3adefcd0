"""The story of a user, as steps: observe, admit, plan the day, rank, conclude.

A step takes states (rows of `features.history.ROW`, one a user, each at its own instant) and returns states and
outputs; nothing is read from a clock and nothing is written. What needs a model comes in halves, a request and
what follows from the scores, so that a runtime may score many users at once. `observe`, `admit`, `take_back` and
`plan_day` write into the rows that they are given; whoever wants to keep those copies them first. `conclude` leaves
them as they were and writes what changed, a few columns, into the table that they were copied from.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, MINUTE_US, WEEK_US
from tactful.decision.candidates.aggregate import count_needed, groups
from tactful.decision.decide import Options, Verdict, decide, options
from tactful.decision.policy import explore
from tactful.decision.reasons import REASON_CODE
from tactful.decision.request import Person, Pool, Request, Scores, Thresholds
from tactful.decision.timing import quiet_hours, send_time, send_windows
from tactful.decision.volume import pace
from tactful.events.type_columns import TypeColumns
from tactful.features import standing
from tactful.features.affinity import affinity
from tactful.features.content import match_bucket, recency_bucket
from tactful.features.context import Zones
from tactful.features.history import (
    CANDIDATE_CANCELLED,
    JOBS,
    NEVER,
    SENDS,
    SENT_CRITICAL,
    SENT_FAILED,
    SENT_FORCED,
    SENT_RANKED,
    SLOTS,
    observe,
    take,
)
from tactful.features.pool import admit, cancel, close
from tactful.features.ranking import PersonFacts, PoolFacts, RankInputs, rank_inputs
from tactful.features.slot_past import SlotPast, slot_past
from tactful.kernel import kernel
from tactful.models.protocol import SlotScores
from tactful.runtime import budgets
from tactful.runtime.settings import Settings

__all__ = [
    "admit",
    "cancel",
    "conclude",
    "observe",
    "plan_day",
    "plan_request",
    "rank_request",
    "sendable",
    "take_back",
]

State = NDArray[Any]
"""Rows of `features.history.ROW`."""

_POOL_READS: Final = (
    "key", "offset", "log", "type", "created", "expires", "group", "category", "quality", "state", "tried", "sent",
)  # fmt: skip
SLOT_JITTER_US: Final = 50 * 60 * 1_000_000
"""Jobs start within the first 50 minutes of their slot, by hash, so that providers see no spike on the hour."""


@dataclass(frozen=True)
class Frame:
    """What holds for every user: settings, event types, time zones."""

    settings: Settings
    types: TypeColumns
    zones: Zones


@dataclass(frozen=True)
class PlanRequest:
    """What a day's plan reads: the slot model's past, and what is allowed. n users, K slots of the local day.

    `new_draw` marks the first plan under a random budget: of its period, or after the slice's settings were changed.
    `again` tells that this day has had a plan before: now it is one for the slots that remain.
    """

    now_us: Int[np.ndarray, " n"]
    day: Int[np.ndarray, " n"]
    again: Bool[np.ndarray, " n"]
    past: SlotPast
    slot_us: Int[np.ndarray, "n K"]
    allowed: Bool[np.ndarray, "n K"]
    quota: Int[np.ndarray, " n"]
    k: Int[np.ndarray, " n"]
    k_random: Bool[np.ndarray, " n"]
    k_probability: Float[np.ndarray, " n"]
    period: Int[np.ndarray, " n"]
    new_period: Bool[np.ndarray, " n"]
    new_draw: Bool[np.ndarray, " n"]


@dataclass(frozen=True)
class DayPlan:
    """A local day's plan: rank jobs, the sends expected of it by slot, and each slot's inclusion probability."""

    jobs: Int[np.ndarray, "n K"]
    sends: Int[np.ndarray, "n K"]
    inclusion: Float[np.ndarray, "n K"]
    sampled: Bool[np.ndarray, " n"]


@dataclass(frozen=True)
class Outcome:
    """What a rank job leaves behind: the verdict, its local slot with the chance that a job was there, tokens left."""

    verdict: Verdict
    slot: Int[np.ndarray, " n"]
    slot_probability: Float[np.ndarray, " n"]
    budget_left: Float[np.ndarray, " n"]


# --- plan the day ---------------------------------------------------------------------------------------------


def take_back(state: State, frame: Frame) -> State:
    """Takes sends that reached nobody out of each user's record and gives their tokens back; comes before the plan."""
    failed = ((state["s_flags"] & SENT_FAILED) != 0) & (np.arange(SENDS) < state["s_len"][:, None])
    rows = np.flatnonzero(failed.any(axis=1))
    if not len(rows):
        return state
    flag, gone = budgets.counted(frame.settings), failed[rows]
    spent = gone if flag == 0 else gone & ((state["s_flags"][rows] & flag) != 0)
    state["tokens"][rows] += spent.sum(axis=1)
    row, place = np.nonzero(gone)
    np.subtract.at(state["n_sends"], (rows[row], state["s_channel"][rows[row], place].astype(np.int64)), 1)
    kept = np.argsort(gone, axis=1, kind="stable")
    for name in ("s_at", "s_type", "s_channel", "s_category", "s_flags"):
        state[name][rows] = np.take_along_axis(state[name][rows], kept, axis=1)
    left = state["s_len"][rows] - gone.sum(axis=1)
    state["s_len"][rows] = left
    beyond = np.arange(SENDS) >= left[:, None]
    state["s_flags"][rows] = np.where(beyond, 0, state["s_flags"][rows])
    return state


def plan_request(state: State, now_us: Int[np.ndarray, " n"], frame: Frame) -> PlanRequest:
    """Returns what the plan of each user's local day reads; half one of `plan_day`."""
    settings, zones = frame.settings, frame.zones
    zone = state["zone"].astype(np.int64)
    day = zones.local_day(zone, now_us)
    slot_us, exists = zones.slots_of_days(zone, day, SLOTS)
    shut = quiet_hours.quiet_slots(*_quiet_window(state, frame)) | ~send_windows.open_slots(settings.rules.send_windows)
    again = state["plan_day"] == day
    ahead = slot_us > now_us[:, None] - HOUR_US
    row, slot = np.nonzero(again[:, None] & ahead)
    ahead[row, slot] = _job_us(state, day, slot_us, row, slot, settings) > now_us[row]
    k, random, probability, period = budgets.in_force(state, now_us, settings)
    tokens = budgets.tokens(state, now_us, k, frame.settings)
    left_us = budgets.paced_us(state, now_us, now_us, zones.day_start_us(zone, day + 1), settings)
    week_from = zones.day_start_us(zone, day - 6) - 1
    sent_7d = standing.sent_since(state, week_from, budgets.counted(settings))
    quota = pace.quota_of_day(tokens, left_us, k, sent_7d, settings.rules.daily_cap)
    new_period = period != state["k_period"]
    return PlanRequest(
        now_us=now_us,
        day=day,
        again=again,
        past=slot_past(state, now_us, zones, settings.timing.country),
        slot_us=slot_us,
        allowed=exists & ~shut & ahead,
        quota=quota,
        k=k,
        k_random=random,
        k_probability=probability,
        period=period,
        new_period=new_period,
        new_draw=random & (new_period | (state["k_random"] == 0) | (state["k_now"] != k)),
    )


def plan_day(state: State, request: PlanRequest, scores: SlotScores, frame: Frame) -> tuple[State, DayPlan]:
    """Sets the day's rank jobs in the states, and returns them with the plan.

    Jobs run at the allowed slots of the largest weight, or, for an ε-share of user-days, at slots drawn in proportion
    to the weights (logged). The integer plan of sends is the user's part of the expected shape of the day.
    A day that is planned again, because she moved or a send was held or failed, has only the slots that remain.
    """
    settings, timing, rules = frame.settings, frame.settings.timing, frame.settings.rules
    key, now = state["user_key"], request.now_us
    allowed = request.allowed
    worth = quiet_hours.shift_quiet_mass(scores.weight, allowed, rules.best_time_in_quiet_hours)
    wanted = np.maximum(timing.min_jobs, timing.jobs_per_send * request.quota)
    n_jobs = np.minimum(np.minimum(wanted, allowed.sum(axis=1)), JOBS)
    sampled = explore.slot_slice(settings.seed, key, request.day, settings.exploration.slot_epsilon)
    u = draws.uniform(settings.seed, key, np.where(request.again, now, request.day), "slot start")
    jobs = send_time.best_spaced(worth, n_jobs, allowed).astype(np.int64)
    inclusion = jobs.astype(np.float64)
    if sampled.any():
        some, few, open_ = worth[sampled], n_jobs[sampled], allowed[sampled]
        jobs[sampled] = send_time.plan(some, few, u[sampled], 1.0, open_, 0, 1)
        inclusion[sampled] = np.minimum(send_time.inclusion(some, few, 1.0, open_), 1.0)
    gap = -(-rules.gap_minutes // 60)
    fits = np.minimum(request.quota, send_time.capacity(allowed, max(gap, 1)))
    sends = send_time.best_spaced(worth, fits, allowed, max(gap, 1)).astype(np.int64)

    row, slot = np.nonzero(jobs)
    at = np.full(jobs.shape, NEVER)
    at[row, slot] = _job_us(state, request.day, request.slot_us, row, slot, settings)
    _first_jobs(at, inclusion, now, state["job_at"], state["job_p"])
    state["slot_p"] = scores.profile
    state["slot_random"] = sampled
    state["quota"] = request.quota
    state["segment"] = request.past.segment
    state["plan_day"] = request.day
    state["planned_at"] = now
    state["next_plan"] = frame.zones.day_start_us(state["zone"].astype(np.int64), request.day + 1)
    state["feasible_jobs"] = np.where(request.again, state["feasible_jobs"], 0)
    state["tokens"] = budgets.tokens(state, now, request.k, frame.settings)
    state["tokens_at"] = now
    state["k_now"], state["k_random"], state["k_period"] = request.k, request.k_random, request.period
    state["explores"] = budgets.exploratory(state, now, state["next_plan"], settings)
    standing.fade(state, now, timing.half_life_days)
    return state, DayPlan(jobs=jobs, sends=sends, inclusion=inclusion, sampled=sampled)


@kernel
def _first_jobs(
    at: NDArray[np.int64], inclusion: NDArray[np.float64], now: NDArray[np.int64], job_at: NDArray[Any],
    job_p: NDArray[Any],
) -> None:  # fmt: skip
    """Writes the earliest jobs after now in their order, then slots without one; the slot decides between equals."""
    for r in range(len(now)):
        n = 0
        for slot in range(at.shape[1]):
            instant = at[r, slot] if at[r, slot] > now[r] else NEVER
            place = n
            while place > 0 and job_at[r, place - 1] > instant:
                if place < job_at.shape[1]:
                    job_at[r, place], job_p[r, place] = job_at[r, place - 1], job_p[r, place - 1]
                place -= 1
            if place < job_at.shape[1]:
                job_at[r, place], job_p[r, place] = instant, inclusion[r, slot]
                n = min(n + 1, job_at.shape[1])


def _job_us(
    state: State,
    day: NDArray[np.int64],
    slot_us: NDArray[np.int64],
    row: NDArray[np.int64],
    slot: NDArray[np.int64],
    settings: Settings,
) -> NDArray[np.int64]:
    """The instant of a job in a slot of a row's day, by hash: the same however often the day is planned."""
    minute = draws.uniform(settings.seed, state["user_key"][row], day[row] * SLOTS + slot, "minute in slot")
    at: NDArray[np.int64] = slot_us[row, slot] + (minute * SLOT_JITTER_US).astype(np.int64)
    return at


# --- rank, and conclude ---------------------------------------------------------------------------------------


def rank_request(state: State, now_us: Int[np.ndarray, " n"], arm: Int[np.ndarray, " n"], frame: Frame) -> Request:
    """Returns what the decision of each rank job reads; half one of `conclude`.

    What a ranker reads is made when it is asked for, of `state` as it is then: leave that as it is.
    """
    person, pool = _person(state, now_us, arm, frame), _pool(state, now_us, frame)

    def inputs_of(jobs: Int[np.ndarray, " m"]) -> RankInputs:
        return _inputs(state.take(jobs), take(person, jobs), take(pool, jobs), frame)

    return Request(person, pool, inputs_of, frame.settings.rules.candidates_ranked)


def sendable(request: Request, controls: Thresholds, frame: Frame) -> tuple[Request, Options]:
    """Returns the request with what models need not be asked about, and what may be sent in each rank job."""
    left = options(frame.settings.seed, request, controls, frame.types, frame.settings.rules)
    return replace(request, open=left.open), left


def conclude(
    table: State,
    rows: Int[np.ndarray, " n"],
    state: State,
    request: Request,
    scores: Scores,
    controls: Thresholds,
    frame: Frame,
    left: Options,
) -> Outcome:
    """Brings users behind their rank jobs, and returns what was decided.

    Args:
        table: written to in these `rows`, each once; the numbers there are those of `state`.
        state: copies of the rows, as `rank_request` read them; they stay as they are.
        left: as of `sendable`.
    """
    settings = frame.settings
    verdict = decide(settings.seed, request, scores, controls, frame.types, settings.rules, left)
    person, pool = request.person, request.pool
    now, n = person.now_us, request.n
    here = np.arange(n)
    slot, probability = _slot_of(state, person)

    kind = np.where(verdict.candidate >= 0, pool.type[here, verdict.candidate], 0)
    critical, ranked = frame.types.critical[kind], frame.types.ranked[kind]
    spends = verdict.sends & ((ranked & ~critical) | (settings.volume.counts == "all"))
    tokens = pace.spend(person.tokens, spends.astype(np.int64), person.k)
    table["tokens"][rows], table["tokens_at"][rows] = tokens, now
    table["turn"][rows] = person.turn
    table["last_job"][rows] = now
    flags = SENT_RANKED * (ranked & ~critical) + SENT_FORCED * verdict.forced + SENT_CRITICAL * critical
    _record_sends(table, rows, verdict, pool, flags.astype(np.uint8), now)
    table["feasible_jobs"][rows] += (verdict.best > -np.inf).any(axis=1)
    if settings.timing.replan_held:
        job_at = state["job_at"]
        ahead = (job_at > now[:, None]) & (job_at < NEVER)
        last = (job_at == now[:, None]).any(axis=1) & ~ahead.any(axis=1)
        held = last & ~verdict.sends & (person.quota > person.sent_plan)
        table["next_plan"][rows[held]] = now[held]

    places = pool.present.shape[1]
    if pool.absorbed.any():
        _ride_along(verdict, pool, state["c_group"][:, :places])
    told = np.zeros(pool.present.shape, dtype=np.bool_)
    told[here[verdict.sends], verdict.candidate[verdict.sends]] = True
    wake = state["c_wake"][:, :places]
    met = np.nonzero((wake > 0) & (wake <= now[:, None]))
    waits = verdict.sends[met[0]] & ~told[met] & ~frame.types.ranked[pool.type[met]] & verdict.feasible[met].any(axis=1)
    table["c_wake"][rows[met[0]][~waits], met[1][~waits]] = 0
    if settings.rules.channel_mode == "ladder":
        told &= ~_climbs(table, rows, request, verdict, frame)
    over = pool.seen | (pool.expired & (pool.tried > 0))
    stays = ~told & ~over & (verdict.drop_code == 0)
    some = np.flatnonzero((pool.present & ~stays).any(axis=1))
    close(table, rows[some], (pool.present & stays)[some])
    return Outcome(verdict, slot, probability, tokens)


def _climbs(
    table: State, rows: NDArray[np.int64], request: Request, verdict: Verdict, frame: Frame
) -> NDArray[np.bool_]:
    """Sent candidates that stay in the pool, because another channel may be tried if this one is not seen."""
    person, pool = request.person, request.pool
    sent = np.flatnonzero(verdict.sends)
    candidate = verdict.candidate[sent]
    place = (sent, candidate)
    tried = pool.tried[place] | (1 << verdict.channel[sent])
    table["c_tried"][rows[sent], candidate], table["c_sent"][rows[sent], candidate] = tried, person.now_us[sent]
    rungs = frame.types.channel_mask[pool.type[place]].astype(np.int64) & person.reachable[sent] & ~person.blocked[sent]
    stays = np.zeros(pool.present.shape, dtype=np.bool_)
    stays[place] = (rungs & ~tried) != 0
    return stays


def _ride_along(verdict: Verdict, pool: Pool, group: NDArray[np.uint64]) -> None:
    """Members of the group that was told are closed with it, as drops of their own."""
    rows = np.flatnonzero(verdict.sends)
    candidate = verdict.candidate[rows]
    same = (group[rows] == group[rows, candidate][:, None]) & (pool.type[rows] == pool.type[rows, candidate][:, None])
    rides = same & pool.absorbed[rows] & (verdict.drop_code[rows] == 0)
    verdict.drop_code[rows] = np.where(rides, REASON_CODE["aggregated"], verdict.drop_code[rows])
    count = pool.count[rows, candidate][:, None]
    verdict.drop_number[rows] = np.where(rides, count, verdict.drop_number[rows])
    verdict.drop_limit[rows] = np.where(rides, 1, verdict.drop_limit[rows])


def _record_sends(
    table: State,
    rows: NDArray[np.int64],
    verdict: Verdict,
    pool: Pool,
    flags: NDArray[np.uint8],
    now: NDArray[np.int64],
) -> None:
    sent = np.flatnonzero(verdict.sends)
    if not len(sent):
        return
    to, candidate, where = rows[sent], verdict.candidate[sent], verdict.channel[sent]
    full = table["s_len"][to] == SENDS
    oldest_out = to[full]
    for name in ("s_at", "s_type", "s_channel", "s_category", "s_flags"):
        table[name][oldest_out, :-1] = table[name][oldest_out, 1:]
    place = np.where(full, SENDS - 1, table["s_len"][to])
    table["s_at"][to, place] = now[sent]
    table["s_type"][to, place] = pool.type[sent, candidate]
    table["s_channel"][to, place] = where
    table["s_category"][to, place] = pool.category[sent, candidate]
    table["s_flags"][to, place] = flags[sent]
    table["s_len"][to] = place + 1
    table["n_sends"][to, where] += 1


def _person(state: State, now: NDArray[np.int64], arm: NDArray[np.int64], frame: Frame) -> Person:
    settings, zones = frame.settings, frame.zones
    zone = state["zone"].astype(np.int64)
    local = zones.local_us(zone, now)
    minute = local % DAY_US // MINUTE_US
    quiet_start, quiet_end = _quiet_window(state, frame)
    windows = settings.rules.send_windows
    counted = 0 if settings.rules.counts_to_cap == "all" else SENT_RANKED
    day_from, week_from = _cap_window(zone, now, frame)
    last_active = standing.last_active(state)
    drawn, probability = explore.bucket(settings.seed, state["user_key"], now, settings.exploration.shares)
    k = np.maximum(state["k_now"], 0).astype(np.int64)
    of_budget = budgets.counted(settings)
    sent_day, sent_week, sent_7d, sent_plan, ranked_today = standing.sent_since_each(
        state,
        np.stack([day_from, week_from, now - WEEK_US, state["planned_at"], now // DAY_US * DAY_US - 1]),
        (counted, counted, of_budget, of_budget, SENT_RANKED),
    )
    return Person(
        key=state["user_key"],
        now_us=now,
        minute=minute,
        segment=state["segment"].astype(np.int64),
        arm=arm,
        reachable=(state["addresses"] & state["opt_in"]).astype(np.int64),
        mailbox=state["mailbox"].astype(np.int64),
        blocked=state["blocked"].astype(np.int64),
        quiet=quiet_hours.in_quiet(minute, quiet_start, quiet_end),
        quiet_end=quiet_end,
        quiet_in_us=np.minimum(
            np.where(quiet_start == quiet_end, WEEK_US, (quiet_start - minute) % 1440 * MINUTE_US - now % MINUTE_US),
            send_windows.minutes_until(windows, opens=False)[minute] * MINUTE_US - now % MINUTE_US,
        ),
        closed=~send_windows.open_minutes(windows)[minute],
        opens=(minute + send_windows.minutes_until(windows, opens=True)[minute]) % 1440,
        sent_day=sent_day,
        sent_week=sent_week,
        sent_7d=sent_7d,
        sent_7d_channel=standing.sent_by_channel(state, now - WEEK_US),
        sent_plan=sent_plan,
        quota=state["quota"].astype(np.int64),
        turn=np.where(state["last_job"] == now, state["turn"] + 1, 0).astype(np.int64),
        since_send_us=now - standing.last_sent(state),
        since_active_us=now - last_active,
        active_today=zones.local_day(zone, last_active) >= local // DAY_US,
        cold=state["slot_counts"].sum(axis=1) == 0,
        p_organic=standing.organic(state, minute, now),
        tokens=budgets.tokens(state, now, k, frame.settings),
        k=k,
        exploratory=budgets.exploratory(state, now, now, settings),
        bucket=np.where(state["k_random"], 0, drawn).astype(np.int64),
        bucket_probability=np.where(state["k_random"], 1.0, probability),
        forced_today=ranked_today > 0,
        volume_slice=state["k_random"] > 0,
        held_out=budgets.in_holdout(state, settings),
        n_sends=state["n_sends"].astype(np.int64),
        n_clicks=state["n_clicks"].astype(np.int64),
    )


def _pool(state: State, now: NDArray[np.int64], frame: Frame) -> Pool:
    """The pools, with as many places as the fullest of them needs, at least one."""
    types = frame.types
    places = max(int(state["c_len"].max(initial=0)), 1)
    held = {name: state["c_" + name][:, :places] for name in _POOL_READS}
    present = np.arange(places) < state["c_len"][:, None]
    kind = np.where(present, held["type"], 0).astype(np.int64)
    expired = present & (held["expires"] <= now[:, None])
    cancelled = present & (held["state"] == CANDIDATE_CANCELLED)
    window = types.aggregate_window_us[kind]
    grouped = groups(present & ~expired & ~cancelled, kind, held["group"], held["created"], window > 0)
    category = held["category"].astype(np.int64)
    count, age = affinity(state, category, now)
    zone = state["zone"].astype(np.int64)
    day_from, week_from = _cap_window(zone, now, frame)
    bit = np.left_shift(np.uint64(1), kind.astype(np.uint64))
    return Pool(
        present=present,
        key=held["key"].copy(),
        offset=held["offset"].copy(),
        log_us=held["log"].copy(),
        expires_us=held["expires"].copy(),
        type=kind,
        expired=expired,
        cancelled=cancelled,
        seen=(held["tried"] > 0) & (standing.last_active(state)[:, None] > held["sent"]),
        tried=held["tried"].astype(np.int64),
        absorbed=grouped.absorbed,
        duplicate=grouped.duplicate,
        count=grouped.count,
        count_needed=count_needed(types.aggregate_min[kind], window, grouped.first_created_us, now),
        opted_out=(state["type_opt_out"][:, None] & bit) != 0,
        age_us=now[:, None] - held["created"],
        category=category,
        quality=held["quality"].astype(np.float64),
        match=match_bucket(count).astype(np.int64),
        recency=recency_bucket(age).astype(np.int64),
        sent_day=standing.sent_of_type(state, kind, day_from),
        sent_week=standing.sent_of_type(state, kind, week_from),
    )


def _inputs(state: State, person: Person, pool: Pool, frame: Frame) -> RankInputs:
    local_day = frame.zones.local_day(state["zone"].astype(np.int64), person.now_us)
    facts = PersonFacts(
        segment=person.segment,
        hour=person.minute // 60,
        weekday=(local_day + 3) % 7,
        reach=person.reachable & ~person.blocked,
        p_organic=person.p_organic,
        active_today=person.active_today,
        k=person.k,
        sent_7d_channel=person.sent_7d_channel,
    )
    candidates = PoolFacts(
        present=pool.present,
        type=pool.type,
        category=pool.category,
        quality=pool.quality,
        match=pool.match,
        recency=pool.recency,
        age_us=pool.age_us,
        left_us=pool.expires_us - person.now_us[:, None],
        count=pool.count,
        sent_day=pool.sent_day,
        sent_week=pool.sent_week,
    )
    return rank_inputs(state, person.now_us, facts, candidates, frame.types.number)


def _quiet_window(state: State, frame: Frame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rules = frame.settings.rules
    own = state["quiet_start"] >= 0
    start = np.where(own, state["quiet_start"], rules.quiet_start_minute).astype(np.int64)
    end = np.where(own, state["quiet_end"], rules.quiet_end_minute).astype(np.int64)
    return start, end


def _cap_window(
    zone: NDArray[np.int64], now: NDArray[np.int64], frame: Frame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Since when sends count to the daily and to the weekly cap."""
    if frame.settings.rules.cap_window == "rolling":
        return now - DAY_US, now - WEEK_US
    day = frame.zones.local_day(zone, now)
    monday = day - (day + 3) % 7
    return frame.zones.day_start_us(zone, day) - 1, frame.zones.day_start_us(zone, monday) - 1


def _slot_of(state: State, person: Person) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The local slot of each job, and the probability that the job was there: 1 for one woken by a candidate."""
    probability = np.ones(len(state))
    _chance_of_job(state["job_at"], state["job_p"], person.now_us, probability)
    return person.minute // 60, probability


@kernel
def _chance_of_job(
    job_at: NDArray[Any], job_p: NDArray[Any], now: NDArray[np.int64], probability: NDArray[np.float64]
) -> None:
    for r in range(len(now)):
        for j in range(job_at.shape[1] - 1, -1, -1):
            if job_at[r, j] == now[r]:
                probability[r] = job_p[r, j]
