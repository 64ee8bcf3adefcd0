"""How people answer a message: whether they open it and when, whether they click, whether they leave.

All chances of the world's truth are here; `world.py` draws the luck once per send and `truth.py` reads them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int16, Int64

from tactful.clock import HOUR_US
from tactful.simulator.activity import State, own_visits
from tactful.simulator.constants import Constants
from tactful.simulator.content import APPEAL
from tactful.simulator.hours import local_minutes, look_curve
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import SendColumns
from tactful.simulator.users import People, relevance

EMAIL, PUSH = 0, 1
"""Channels of this world, indices into `events.records.CHANNELS`."""
_LOOK_HOURS = 24
_MOVED_FROM_DAYS = 1.0


@dataclass(frozen=True)
class Chances:
    """What may come of each send: chances to be opened, to be clicked (opening included), to make one leave.

    `by_hour` says when it would be opened: cumulative shares over the 24 hours from the hour of sending.
    """

    opened: Float64[np.ndarray, " m"]
    clicked: Float64[np.ndarray, " m"]
    leaves: Float64[np.ndarray, " m"]
    by_hour: Float64[np.ndarray, "m 24"]


@dataclass(frozen=True)
class Answers:
    """What did come of each send, and at which instant; `left` means that the channel was closed."""

    user: Int64[np.ndarray, " m"]
    at_us: Int64[np.ndarray, " m"]
    channel: Int8[np.ndarray, " m"]
    category: Int64[np.ndarray, " m"]
    candidate: Int64[np.ndarray, " m"]
    decision: Int64[np.ndarray, " m"]
    opened: Bool[np.ndarray, " m"]
    clicked: Bool[np.ndarray, " m"]
    left: Bool[np.ndarray, " m"]


def chances(
    sends: SendColumns,
    people: People,
    favourites: Int8[np.ndarray, "n 3"],
    state: State,
    offsets: Int16[np.ndarray, " zones"],
    constants: Constants,
) -> Chances:
    """Returns what may come of each send, were it the next thing that happens to its user.

    open  = attention * appeal(type) * looks(hours ahead) * exp(-dulls * fatigue) * (0.5 + relevance)
    click = open * click_share * (0.4 + 1.2 relevance) * (0.4 + 1.2 quality) * exp(-already_seen * own visits)
    leave = leave_base * sensitivity * exp(leave_fatigue * fatigue) * (1 + irrelevance * (1 - relevance))
    """
    who, category = sends.user, sends.category.astype(np.int64)
    recent = np.where(state.recent_category[who] == category, state.recent[who], 0.0).astype(np.float32)
    relevant = relevance(category, favourites[who], people.affinity[who], recent, constants)
    local = local_minutes(sends.at_us, people.columns.zone[who], offsets)
    looks, by_hour = _looks(people, sends, local, constants)
    channel = np.where(sends.channel == PUSH, constants.push_attention, 1.0)
    dulled = np.exp(-constants.fatigue_dulls * state.fatigue[who].astype(np.float64))
    opened = people.attention[who] * channel * APPEAL[sends.type] * looks * dulled * (0.5 + relevant)
    opened = np.minimum(opened, 0.95)
    clicks = constants.click_share * (0.4 + 1.2 * relevant) * (0.4 + 1.2 * sends.quality)
    clicks = np.minimum(clicks, 0.95) * _news(people, state, who, constants)
    annoyed = np.exp(constants.leave_fatigue * state.fatigue[who].astype(np.float64))
    disturbed = np.where((sends.channel == PUSH) & in_quiet_hours(people, who, local), constants.leave_quiet, 1.0)
    irrelevant = 1.0 + constants.leave_irrelevance * (1.0 - relevant)
    leaves = constants.leave_base * people.sensitivity[who] * annoyed * disturbed * irrelevant
    return Chances(opened, opened * clicks, np.minimum(leaves, 0.5), by_hour)


def _looks(
    people: People, sends: SendColumns, local: Int64[np.ndarray, " m"], constants: Constants
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, "m 24"]]:
    """How much the coming hours favour each send (1 on average), and when in them it would be seen."""
    m = len(local)
    lingers = np.where(sends.channel == PUSH, constants.push_lingers_hours, constants.email_lingers_hours)
    fades = np.exp(-np.arange(_LOOK_HOURS) / lingers[:, None])
    ahead = (local[:, None] // 60 + np.arange(_LOOK_HOURS)).ravel()
    curve = look_curve(people, np.repeat(sends.user, _LOOK_HOURS), ahead).reshape(m, _LOOK_HOURS)
    seen = np.cumsum(curve * fades, axis=1)
    return seen[:, -1] / fades.sum(axis=1), seen / seen[:, -1:]


def _news(
    people: People, state: State, who: Int64[np.ndarray, " m"], constants: Constants
) -> Float64[np.ndarray, " m"]:
    """What own visits leave to a message: content not yet seen in the app; and, where messages only move visits,
    the chance that the coming day holds one to be moved."""
    a_day = own_visits(
        people.visits[who],
        state.habit[who],
        state.fatigue[who],
        state.burnout[who],
        state.stay[who],
        constants,
    ).astype(np.float64)
    moved = 1.0 - constants.moved_share * np.exp(-_MOVED_FROM_DAYS * a_day)
    news: Float64[np.ndarray, " m"] = np.exp(-constants.already_seen * a_day) * moved
    return news


def in_quiet_hours(
    people: People, who: Int64[np.ndarray, " m"], local: Int64[np.ndarray, " m"]
) -> Bool[np.ndarray, " m"]:
    """Returns whether local minutes (since 1970) fall into the users' quiet hours, which cross midnight."""
    minute = local % 1440
    quiet: Bool[np.ndarray, " m"] = minute >= people.columns.quiet_start[who]
    quiet |= minute < people.columns.quiet_end[who]
    return quiet


def draw_answers(sends: SendColumns, may: Chances, people: People, seed: int) -> Answers:
    """Returns what comes of each send: luck by (seed, user, hour of sending, channel).

    The luck does not depend on the candidate, so two arms that send in the same hour meet the same luck.
    """
    keys, hour = people.columns.user_key[sends.user], sends.at_us // HOUR_US
    luck = [uniforms(seed, keys, hour * 8 + sends.channel, f"answer {w}") for w in ("open", "leave", "when", "at")]
    when = np.argmax(may.by_hour > luck[2][:, None], axis=1) if len(keys) else np.zeros(0, np.int64)
    begins = np.where(when == 0, sends.at_us, (hour + when) * HOUR_US)
    ends = (hour + when + 1) * HOUR_US
    return Answers(
        user=sends.user,
        at_us=begins + ((ends - begins) * 0.9 * luck[3]).astype(np.int64),
        channel=sends.channel,
        category=sends.category.astype(np.int64),
        candidate=sends.candidate,
        decision=sends.decision,
        opened=luck[0] < may.opened,
        clicked=luck[0] < may.clicked,
        left=luck[1] < may.leaves,
    )


def no_answers() -> Answers:
    """Returns an hour in which nobody answers."""
    row = np.zeros(0, np.int64)
    said = np.zeros(0, np.bool_)
    return Answers(row, row, np.zeros(0, np.int8), row, row, row, said, said, said)
