"""Every reason in words: what it says of a decision, and the least that would have changed it.

One row of `WORDS` for each code of `decision.reasons.REASONS`; a new reason gets its row here (a test looks).
Placeholders are filled by `said`: {number} and {limit} in the reason's own unit, {type}, {channel} and {segment}
of the decision, {more} = number + 1, {missing} = limit - number, and {floor} = the whole part of number.
"""

from collections.abc import Mapping
from math import ceil, floor
from typing import Final, Literal, NamedTuple

from tactful.events.records import Decision, Reason

Unit = Literal["count", "minutes", "clock", "clicks", "hours", "share", "none"]


class Words(NamedTuple):
    """One reason: its name in a trace, the unit of its numbers, what happened, and what would have changed it.

    `passes` marks reasons that settle a send. `narrows` marks checks, which may take away some options only.
    """

    label: str
    unit: Unit
    sentence: str
    change: str
    passes: bool = False
    narrows: bool = False


def _check(label: str, unit: Unit, sentence: str, change: str) -> Words:
    return Words(label, unit, sentence, change, narrows=True)


def _pass(label: str, unit: Unit, sentence: str, change: str) -> Words:
    return Words(label, unit, sentence, change, passes=True)


WORDS: Final[Mapping[str, Words]] = {
    "empty_pool": Words(
        "empty pool",
        "count",
        "there was nothing to tell: no candidate was open",
        "one candidate that was accepted before this job and had not expired",
    ),
    "kill_switch": _check(
        "kill switch",
        "none",
        "the kill switch was on",
        "everything let go before this job: `tactful go`",
    ),
    "channel_stopped": _check(
        "stopped channel",
        "none",
        "a kill switch had stopped a channel that was left",
        "the channel let go before this job: `tactful go --channel`",
    ),
    "type_stopped": _check(
        "stopped type",
        "none",
        "a kill switch had stopped this type of message",
        "the type let go before this job: `tactful go --type`",
    ),
    "type_opted_out": _check(
        "type opt-out",
        "none",
        "the user has switched this type of message off",
        "a profile whose type_opt_out does not name the type; only the user may ask for that",
    ),
    "channel_not_declared": _check(
        "declared channels",
        "none",
        "no open candidate may use a channel that was left",
        "one of the user's channels in `channels` of the event type's file",
    ),
    "unreachable": _check(
        "reachable channels",
        "count",
        "no declared channel has both an address and an opt-in (of all channels, {number} have)",
        "a profile with an address and an opt-in for one channel that the event type declares",
    ),
    "suppressed": _check(
        "suppression",
        "none",
        "the channels that were left are suppressed: the user unsubscribed, or messages bounced",
        "a suppression record with lifted = true for one of the channels; only if the user asks for it",
    ),
    "sender_reputation": _check(
        "sender reputation",
        "share",
        "complaints or bounces on a channel that was left were {number} of the sends to mailboxes like hers; {limit} "
        "is the level from which on promotional messages wait",
        "a rate below {limit}, or a message that is transactional or critical; while throttled, another UTC day",
    ),
    "holdout": _check(
        "permanent holdout",
        "none",
        "the user is in the permanent holdout, which gets no ranked message",
        "a smaller `holdout.share`, or a message that is transactional or critical",
    ),
    "digest_too_small": _check(
        "digest size",
        "count",
        "the group held {number} of the {limit} events that it waits for",
        "{missing} more in the group, a smaller `aggregation.min_count` in the event type's file, or a job after its "
        "`aggregation.window`",
    ),
    "quiet_hours": _check(
        "quiet hours",
        "clock",
        "it was {number} local time, within quiet hours until {limit}",
        "a job at {limit} local time, or quiet hours that do not hold {number} (the user's own, or else "
        "`rules.quiet_start_minute` and `rules.quiet_end_minute`)",
    ),
    "send_window": _check(
        "send windows",
        "clock",
        "it was {number} local time, outside the app's send windows; the next one opens at {limit}",
        "a job at {limit} local time, or `rules.send_windows` that hold {number}",
    ),
    "in_session": _check(
        "in session",
        "minutes",
        "the user was in the app {number} ago and counts as there for {limit}",
        'a job {missing} later, an in_app channel, `rules.session_minutes = {floor}`, or `rules.in_session = "ignore"`',
    ),
    "gap_minutes": _check(
        "minimum gap",
        "minutes",
        "the last message went out {number} ago and {limit} must lie between two",
        "a job {missing} later, or `rules.gap_minutes = {floor}`",
    ),
    "daily_cap": _check(
        "daily cap",
        "count",
        "the daily cap of {limit} was reached ({number} sent)",
        "`rules.daily_cap = {more}`, or a job when the oldest of them has left the window",
    ),
    "weekly_cap": _check(
        "weekly cap",
        "count",
        "the weekly cap of {limit} was reached ({number} sent)",
        "`rules.weekly_cap = {more}` (0 is no cap), or a job when the oldest of them has left the window",
    ),
    "type_daily_cap": _check(
        "daily cap of the type",
        "count",
        "the daily cap of {limit} of one type was reached ({number} sent)",
        "`caps.daily = {more}` in the event type's file (0 is no cap), or a job when the oldest has left the window",
    ),
    "type_weekly_cap": _check(
        "weekly cap of the type",
        "count",
        "the weekly cap of {limit} of one type was reached ({number} sent)",
        "`caps.weekly = {more}` in the event type's file (0 is no cap), or a job when the oldest has left the window",
    ),
    "weekly_budget": _check(
        "weekly budget",
        "count",
        "the user's weekly budget of {limit} was used up ({number} sent in 7 days)",
        "a budget of {more} for the user, or a job when the oldest of them is 7 days old",
    ),
    "pacing": _check(
        "quota of the day",
        "count",
        "the day's quota of {limit} was used up ({number} sent since the day was planned)",
        "a quota of {more}: the token of a later day, or a larger weekly budget",
    ),
    "cold_user": _check(
        "cold user",
        "count",
        "no session of the user is known yet",
        'a first session, or `rules.cold_user = "profile"`',
    ),
    "active_today": _check(
        "active today",
        "none",
        "the user has been in the app today",
        'a job before the day\'s first visit, or `rules.already_active_today = "discount"`',
    ),
    "forced_send_spent": Words(
        "forced send",
        "count",
        "the user's day is in an exploration bucket whose one send has gone out",
        "a job on the next UTC day, or the production bucket",
    ),
    "not_ranked": _check(
        "not ranked",
        "count",
        "of {number} candidates the ranker was asked about the best {limit} by click rate",
        "`rules.candidates_ranked` of {number} or more",
    ),
    "above_threshold": _pass(
        "threshold",
        "clicks",
        "its utility {number} was above the threshold {limit} of segment {segment} on {channel}",
        "a threshold of {number} or more would have held it",
    ),
    "below_threshold": Words(
        "threshold",
        "clicks",
        "its utility {number} was not above the threshold {limit} of segment {segment} on {channel}",
        "a threshold below {number}, or a utility above {limit}",
    ),
    "transactional": _pass(
        "transactional",
        "none",
        "its type is transactional: it owes no price and waits for no slot",
        "`ranked = true` in the event type's file would have made it compete",
    ),
    "randomised_volume": _pass(
        "randomised volume",
        "none",
        "the user's weekly budget was drawn at random and is delivered without a threshold",
        "outside the randomised slice (`exploration.volume_share`) the threshold would have decided",
    ),
    "no_price": _pass(
        "no price",
        "clicks",
        "the settings ask no price: the best feasible option goes out within caps and budget (utility {number})",
        'with `rules.price = "threshold"` its utility {number} would have had to pass the threshold of its segment',
    ),
    "random_send": _pass(
        "random send",
        "clicks",
        "the user's day is in the exploration bucket that sends a random feasible option (utility {number}, "
        "threshold {limit})",
        "in the production bucket the threshold {limit} would have decided",
    ),
    "greedy_send": _pass(
        "greedy send",
        "clicks",
        "the user's day is in the exploration bucket that sends the best option at any price (utility {number}, "
        "threshold {limit})",
        "in the production bucket the threshold {limit} would have decided",
    ),
    "greedy_no_send": Words(
        "no-send day",
        "clicks",
        "the user's day is in the exploration bucket that sends nothing (utility {number}, threshold {limit})",
        "a job on the next UTC day, or the production bucket",
    ),
    "expired": Words(
        "expiry",
        "hours",
        "it had expired when the job ran, {number} after its creation",
        "a job before it expired, or a longer `lifetime` in the event type's file",
    ),
    "cancelled": Words("cancel", "none", "it was cancelled", "no cancel for it before the job"),
    "superseded": Words(
        "superseded",
        "hours",
        "a newer candidate of its group stood for it, {number} after its creation",
        "a group_key of its own, or an `aggregation` table in the event type's file",
    ),
    "aggregated": Words(
        "aggregated",
        "count",
        "it was told within one message that stands for {number} events",
        "a group_key of its own",
    ),
    "pool_full": Words(
        "full pool",
        "count",
        "the pool held {limit} candidates of higher priority or newer",
        "a higher `priority` in the event type's file, or fewer open candidates",
    ),
}


def said(template: str, reason: Reason, decision: Decision) -> str:
    """Returns a template of `WORDS` with its placeholders filled."""
    unit = WORDS[reason.code].unit
    return template.format(
        number=shown(reason.number, unit),
        limit=shown(reason.limit, unit),
        more=shown(reason.number + 1, unit),
        missing=shown(float(ceil(reason.limit - reason.number)), unit),
        floor=floor(reason.number),
        type=decision.type or "the candidate",
        channel=decision.channel or "any channel",
        segment=decision.segment or "any",
    )


def shown(value: float, unit: Unit) -> str:
    """Returns a number in its unit.

    >>> shown(65.0, "clock"), shown(34.2, "minutes"), shown(3.0, "count"), shown(0.03125, "clicks")
    ('01:05', '34 min', '3', '0.0312')
    """
    match unit:
        case "clock":
            return f"{int(value) // 60 % 24:02d}:{int(value) % 60:02d}"
        case "minutes":
            return f"{floor(value)} min"
        case "hours":
            return f"{value:.1f} h"
        case "clicks":
            return f"{value:.4f}"
        case "share":
            return f"{value:.2%}"
        case "count" | "none":
            return f"{value:g}"
