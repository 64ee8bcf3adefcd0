"""What a training of the slot models says of itself: what it learned from, how good each is, and which one it chose."""

from typing import Literal

import msgspec

from tactful.experiments.stats import Interval

Name = Literal["histogram", "boosted", "network"]
Measure = Literal["bits", "log loss", "AUC", "click log loss"]


class Score(msgspec.Struct, frozen=True):
    """One measure on the judged days.

    Attributes:
        measure: `bits` of the hour of a session, given that there is one; `log loss` in nats and `AUC` of activity in a
            slot; `click log loss` of a message received in the slot.
        value: with its 95 % interval, resampling people.
        over_histogram: less that of the smoothed histogram, on the same resamples; None for itself.
    """

    measure: Measure
    value: Interval
    over_histogram: Interval | None


class ModelReport(msgspec.Struct, frozen=True):
    """One model.

    Attributes:
        version: what decisions would be named after.
        objective: what its plans go by (`models.served_slots.Objective`).
        trees: of its forests.
        scores: by measure.
        worth_of_hours: log loss of clicks, less what it is when each person's chances are averaged over the hours;
            plans go by clicks if it is below 0 with its interval. None without clicks.
    """

    name: Name
    version: str
    objective: str
    trees: int
    scores: tuple[Score, ...]
    worth_of_hours: Interval | None


class TimingReport(msgspec.Struct, frozen=True):
    """What was learned.

    Attributes:
        chosen: the model that the engine takes.
        model_version: of it.
        people: learned from and judged on; `people_left_out` are beside them in the store.
        log_days: whole days of log.
        work_days, rest_days: that were learned from.
        judged_days: the last days, in days since 1970-01-01, which nothing was fitted to.
        judged_rest_days: how many of these were days of rest.
        judged_share: of the days with a past.
        history_days: how many days the last one that was learned from has behind it, 28 at most.
        user_days, judged_user_days: of people who had a day on record by then.
        sessions, active_slots, messages, clicks: on the days that were learned from.
        models: that were fitted; the histogram comes first.
        notes: what a reader should know before trusting it.
    """

    chosen: Name
    model_version: str
    people: int
    people_left_out: int
    log_days: int
    work_days: int
    rest_days: int
    judged_days: tuple[int, ...]
    judged_rest_days: int
    judged_share: float
    history_days: int
    user_days: int
    judged_user_days: int
    sessions: int
    active_slots: int
    messages: int
    clicks: int
    models: tuple[ModelReport, ...]
    notes: tuple[str, ...]
