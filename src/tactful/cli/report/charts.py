"""The charts of the comparison of arms, each with a title and one sentence on what to see.

Needs the `report` extra (altair). Tactful's arm is always the last and always green.
"""

from collections.abc import Callable
from typing import Final

import altair as alt
import numpy as np
from jaxtyping import Int

from tactful.cli.report.drawing import OURS, PALETTE, PLAN, Chart, Spec, finished, legend, sized
from tactful.cli.report.estimates import ArmRow
from tactful.cli.report.story import Sample, Story
from tactful.clock import DAY_US, from_us

_MARK: Final = "#d55e00"
_DONE: Final = ["message sent", "ranked, not sent"]
_HEAT_USERS: Final = 24


def charts(story: Story, rows: list[ArmRow]) -> list[Chart]:
    """Returns every chart of the report, in reading order."""
    made = []
    for name, title, caption, draw in CHARTS:
        made.append(Chart(name, title, caption, draw(story, rows)))
    return made


def frontier(story: Story, rows: list[ArmRow]) -> Spec:
    """Messages a user and week against the gain in daily actives, one point with intervals an arm."""
    data = [
        {
            "arm": r.title,
            "sends": r.sends_per_week.value,
            "sends_low": r.sends_per_week.low,
            "sends_high": r.sends_per_week.high,
            "gain": 100 * r.daily_gain.value,
            "low": 100 * r.daily_gain.low,
            "high": 100 * r.daily_gain.high,
        }
        for r in rows
    ]
    x_title, y_title = "messages a user and week (simulated)", "people active a day, points above silence"
    x = alt.X("sends:Q", title=x_title, axis=alt.Axis(tickCount=6))
    y = alt.Y("gain:Q", title=y_title)
    colour = alt.Color("arm:N", title=None, scale=_arm_scale(rows), legend=legend())
    base = sized(data)
    across = base.mark_rule().encode(x=alt.X("sends_low:Q", title=x_title), x2="sends_high:Q", y=y, color=colour)
    up = base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q", title=y_title), y2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=110, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        shape=alt.Shape("arm:N", title=None, scale=alt.Scale(domain=[r.title for r in rows]), legend=legend()),
        tooltip=["arm:N", alt.Tooltip("sends:Q", format=".2f"), alt.Tooltip("gain:Q", format="+.2f")],
    )
    return finished(alt.layer(across, up, points))


def volume(story: Story, rows: list[ArmRow]) -> Spec:
    """Messages sent by day as bars, the day's target as a stepped line."""
    told = story.volume
    data = [
        {"day": _day(story, d), "target": float(told.target[d]) or None, "sent": int(told.sent[d])}
        for d in range(story.n_days)
    ]
    x = alt.X("day:T", title=None, timeUnit="utcyearmonthdate", axis=alt.Axis(format="%d %b", labelOverlap=True))
    base = sized(data).transform_fold(["sent", "target"], as_=["what", "messages"])
    y = alt.Y("messages:Q", title="messages a day (simulated)")
    bars = base.transform_filter("datum.what == 'sent'").mark_bar(opacity=0.85)
    ticks = base.transform_filter("datum.what == 'target' && datum.target != null").mark_tick(thickness=3)
    colour = alt.Color("what:N", title=None, legend=legend(), scale=_two("sent", "target"))
    return finished(alt.layer(bars.encode(x=x, y=y, color=colour), ticks.encode(x=x, y=y, color=colour)))


def hours(story: Story, rows: list[ArmRow]) -> Spec:
    """Share of messages by hour of the UTC day: planned and sent."""
    planned, sent = _shares(story.volume.planned_by_hour), _shares(story.volume.sent_by_hour)
    data = [{"hour": h, "sent": sent[h], "planned": planned[h]} for h in range(24)]
    base = sized(data).transform_fold(["sent", "planned"], as_=["what", "share"])
    x = alt.X("hour:O", title="hour of the day, UTC", axis=alt.Axis(labelAngle=0))
    y = alt.Y("share:Q", title="share of all messages (simulated)", axis=alt.Axis(format=".0%"))
    colour = alt.Color("what:N", title=None, legend=legend(), scale=_two("sent", "planned"))
    bars = base.transform_filter("datum.what == 'sent'").mark_bar(opacity=0.85).encode(x=x, y=y, color=colour)
    line = base.transform_filter("datum.what == 'planned'").mark_line(point=True)
    return finished(alt.layer(bars, line.encode(x=x, y=y, color=colour)))


def budgets(story: Story, rows: list[ArmRow]) -> Spec:
    """How many people have which weekly budget."""
    counts = np.bincount(np.maximum(story.volume.budget, 0))
    data = [{"k": k, "people": int(people)} for k, people in enumerate(counts)]
    return finished(
        sized(data)
        .mark_bar(color=OURS, opacity=0.85)
        .encode(
            x=alt.X("k:O", title="weekly budget: messages at most", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("people:Q", title="people (simulated)", axis=alt.Axis(format=",d", tickMinStep=1)),
            tooltip=["k:O", alt.Tooltip("people:Q", format=",d")],
        )
    )


def slot_map(story: Story, rows: list[ArmRow]) -> Spec:
    """The predicted day of some people as rows of colour; dots are messages sent on that day."""
    sample = story.sample
    who = _some_rows(sample)
    cells = [
        {
            "user": sample.user_ids[row],
            "hour": s,
            "share": float(sample.slots[row, s]),
            "done": _DONE[0] if sample.told[row, s] else _DONE[1] if sample.jobs[row, s] else "",
        }
        for row in who
        for s in range(24)
    ]
    base = sized(cells)
    x = alt.X("hour:O", title="hour of the person's own day", axis=alt.Axis(labelAngle=0))
    y = alt.Y("user:N", title=None, sort=[sample.user_ids[row] for row in who])
    heat = base.mark_rect().encode(
        x=x,
        y=y,
        color=alt.Color(
            "share:Q",
            title="share of activity",
            scale=alt.Scale(scheme="blues", domainMin=0),
            legend=alt.Legend(format=".0%", orient="bottom", gradientLength=160),
        ),
    )
    marks = (
        base.transform_filter("datum.done != ''")
        .mark_point(filled=True, size=45, opacity=1)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("done:N", title=None, scale=_marks(["circle", "cross"]), legend=None),
            color=alt.Color("done:N", title=None, scale=_marks([_MARK, PLAN]), legend=legend(1)),
        )
    )
    picture = alt.layer(heat, marks).resolve_scale(color="independent")
    return finished(picture.properties(height=400))


def prices(story: Story, rows: list[ArmRow]) -> Spec:
    """The threshold of each of the largest segments over time."""
    sample = story.sample
    data = [
        {"at": from_us(at).isoformat(), "segment": name, "price": float(sample.price[t, c])}
        for t, at in enumerate(sample.price_at_us.tolist())
        for c, name in enumerate(sample.price_names)
    ]
    return finished(
        sized(data)
        .mark_line(interpolate="step-after", strokeWidth=1.5)
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%d %b", labelOverlap=True)),
            y=alt.Y("price:Q", title="threshold, in extra clicks (simulated)", scale=alt.Scale(zero=True)),
            color=alt.Color("segment:N", title=None, legend=legend(2), scale=alt.Scale(range=[*PALETTE[1:], OURS])),
        )
    )


Draw = Callable[[Story, list[ArmRow]], Spec]

CHARTS: Final[tuple[tuple[str, str, str, Draw], ...]] = (
    (
        "frontier",
        "What the messages buy",
        "Simulated: each point is an arm, bars are 95 % intervals over people; at the same volume, higher is better.",
        frontier,
    ),
    (
        "volume",
        "Volume against target",
        "Simulated: bars that end at the dark tick mean that the controller brought the day's planned volume.",
        volume,
    ),
    (
        "hours",
        "Hours: planned and sent",
        "Simulated: the bars should follow the line; where they do not, messages were refused or had nothing to say.",
        hours,
    ),
    (
        "budgets",
        "Weekly budgets",
        "Simulated: how many messages a week each person may get at most; zero is a decision, too.",
        budgets,
    ),
    (
        "slots",
        "Days of some people",
        "Simulated: jobs are set where a person is expected (darker); the first job worth its price sends (orange).",
        slot_map,
    ),
    (
        "prices",
        "Price of a message",
        "Simulated: a message must be worth more than its line to be sent; lines move so that volume meets target.",
        prices,
    ),
)
"""Name, title, caption and function of every chart, in reading order."""


def _some_rows(sample: Sample) -> list[int]:
    """Rows of the example person and of others with a message (else a rank job) that day, by their largest slot."""
    told = np.flatnonzero(sample.told.any(axis=1))
    pick = told if len(told) >= _HEAT_USERS else np.flatnonzero(sample.jobs.any(axis=1))
    pick = pick if len(pick) else np.arange(len(sample.told))
    spread = pick[np.linspace(0, len(pick) - 1, min(_HEAT_USERS, len(pick))).astype(np.int64)]
    rows = np.unique(np.append(spread, sample.example()))
    peak = sample.slots[rows].argmax(axis=1)
    return [int(r) for r in rows[np.argsort(peak, kind="stable")]]


def _arm_scale(rows: list[ArmRow]) -> alt.Scale:
    titles = [r.title for r in rows]
    return alt.Scale(domain=titles, range=[*PALETTE[: len(titles) - 1], OURS])


def _two(done: str, planned: str) -> alt.Scale:
    return alt.Scale(domain=[done, planned], range=[OURS, PLAN])


def _marks(look: list[str]) -> alt.Scale:
    return alt.Scale(domain=_DONE, range=look)


def _day(story: Story, day: int) -> str:
    return from_us(story.start_us + day * DAY_US).isoformat()


def _shares(counts: Int[np.ndarray, " H"]) -> list[float]:
    shares: list[float] = (counts / max(int(counts.sum()), 1)).tolist()
    return shares
