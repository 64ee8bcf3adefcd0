"""The rules an operator sets, each with its default and the reason for it. Where products differ, it is a setting."""

from typing import Annotated, Literal

import msgspec

from tactful.decision.policy.utility import DEFAULT_WEIGHTS, FURTHER_VISIT, refuse_unknown
from tactful.decision.timing.send_windows import open_minutes

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Caps, gaps, quiet hours and send windows, and what happens when one of them is met.

    Attributes:
        daily_cap: messages a day over all channels; 3, the usual ceiling of apps that publish one.
        weekly_cap: messages in 7 days over all channels; 0 = none, for the weekly budget already bounds it.
        cap_window: `rolling` 24 h and 7 d (a calendar day lets six messages straddle midnight), or the user's
            own `calendar` day and week.
        over_cap: `hold` until there is room again (the default: a candidate has a lifetime and may still be told),
            or `drop`.
        counts_to_cap: `all` messages (the person feels every one), or only `ranked` ones.
        gap_minutes: least time between two messages; two hours.
        quiet_start_minute, quiet_end_minute: quiet hours of users who set none, local; 22:00 to 8:00.
        in_quiet_hours: `hold` or `drop`.
        best_time_in_quiet_hours: the mass of a person's quiet slots is left out (`skip`, the default), or goes to the
            `nearest` allowed slot or to the `end` of quiet hours. Who came at 7:30 has gone by 8:00: on Globo's
            warm-up 12.0 % were there within the hour with `skip`, 10.9 % with `nearest`, 9.2 % with `end`.
        send_windows: the app's own hours on the user's clock, such as `["9:00-12:00", "14:00-20:00"]`: outside them
            only critical messages go out, to anybody. None is set: only quiet hours bind.
        cold_user: `profile` plans by everybody's profile, `hold` sends nothing ranked before a first session.
        in_session: while the person is in the app: `in_app` only (default), or `ignore`.
        session_minutes: how long after her last act she counts as in the app.
        already_active_today: `discount` the value of a click by the chance that she came anyway (default),
            `hold` further messages that day, or `ignore`.
        channel_mode: `best` takes the channel with the largest surplus; `separate` and `ladder` as in the design.
        candidates_ranked: how many candidates of a job a trained ranker scores, the best by click rate; others cannot
            be sent in this job. 0, the default, scores all: a pool holds sixteen at most.
        price: `threshold` sends only what is worth more than the price that holds the volume on target (default);
            `none` lets out whatever budgets and caps allow, the best first: for policies to compare with.
        utility: `incremental` counts only what a message adds; `nep` is the published weighted sum.
        weights: utility of each head, in clicks; one that is not named has its default. See `policy/utility.py` for
            where the defaults come from.
        weights_by_segment: what differs from `weights` in some segments, a table for each: an activity (`new`) or a
            segment (`"new/both"`), whose own word counts. None is set: everybody has the same objective.
        further_visit: worth of a click on a day that is active already, in clicks (`discount`).

    Raises:
        InvalidSettings: for a window that nobody can read; for a weight of an unknown segment or head.
    """

    daily_cap: Annotated[int, msgspec.Meta(ge=0, le=32)] = 3
    weekly_cap: Annotated[int, msgspec.Meta(ge=0, le=32)] = 0
    cap_window: Literal["rolling", "calendar"] = "rolling"
    over_cap: Literal["hold", "drop"] = "hold"
    counts_to_cap: Literal["all", "ranked"] = "all"
    gap_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 120
    quiet_start_minute: Annotated[int, msgspec.Meta(ge=0, lt=1440)] = 22 * 60
    quiet_end_minute: Annotated[int, msgspec.Meta(ge=0, lt=1440)] = 8 * 60
    in_quiet_hours: Literal["hold", "drop"] = "hold"
    best_time_in_quiet_hours: Literal["nearest", "end", "skip"] = "skip"
    send_windows: tuple[str, ...] = ()
    cold_user: Literal["profile", "hold"] = "profile"
    in_session: Literal["in_app", "ignore"] = "in_app"
    session_minutes: Annotated[int, msgspec.Meta(ge=0, le=240)] = 30
    already_active_today: Literal["discount", "hold", "ignore"] = "discount"
    channel_mode: Literal["best", "separate", "ladder"] = "best"
    candidates_ranked: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    price: Literal["threshold", "none"] = "threshold"
    utility: Literal["incremental", "nep"] = "incremental"
    weights: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    weights_by_segment: dict[str, dict[str, float]] = {}
    further_visit: Share = FURTHER_VISIT

    def __post_init__(self) -> None:
        open_minutes(self.send_windows)
        refuse_unknown(self.weights, self.weights_by_segment)
