"""The tables and the picture of Starbucks for `docs/explanation/volume-real-data.md`, so that no figure is typed."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import numpy as np
import vl_convert as vlc

from tactful.experiments.distributions import normal_quantile
from volume_real.cells import DoseCell, HiddenCell, markdown, mean, shown
from volume_real.customers import SEND_HOURS
from volume_real.estimators import ESTIMATORS
from volume_real.hiding import RULES

QUARTER_WORDS: Final = ("least", "second", "third", "most")
BLUE: Final = "#1f5a7a"
RED: Final = "#c0392b"


def tables(dose: Sequence[DoseCell], hidden: Sequence[HiddenCell]) -> list[str]:
    """Returns the page's tables in its order."""
    return [_slopes(dose), _curve(dose), _days(dose), _quarters(dose), *(_hidden(hidden, rule) for rule in RULES)]


def facts(dose: Sequence[DoseCell], hidden: Sequence[HiddenCell]) -> list[str]:
    """Returns what the sentences around the tables quote, a line each."""
    sizes = {rule: [cell for cell in hidden if cell.rule == rule] for rule in RULES}
    return [
        f"{dose[0].customers:,} customers, {dose[0].sends:,} sends",
        f"AUC of foretelling a send {shown(mean([cell.sends_foretold for cell in dose]), 4)}",
        *(
            f"{rule}: {np.mean([c.customers for c in own]):,.0f} customers on record, "
            f"{100 * np.mean([c.hidden_share for c in own]):.1f} % of sends hidden, {len(own)} seeds; "
            f"AUC of foretelling who has many {shown(mean([c.dose_foretold for c in own]), 3)}, "
            f"interval above 0.5 in {sum(c.dose_foretold.low > 0.5 for c in own)}"
            for rule, own in sizes.items()
        ),
        f"{sum(cell.cpu_seconds for cell in dose) + sum(cell.cpu_seconds for cell in hidden):.0f} s of CPU",
    ]


def _slopes(cells: Sequence[DoseCell]) -> str:
    """Transactions and dollars gained a send, by estimator, on the randomised data."""
    rows = []
    for name in cells[0].slopes:
        money = [cell.amount_slopes[name] for cell in cells if name in cell.amount_slopes]
        dollars = shown(mean(money), 1, sign="+") if money else ""
        rows.append([name, shown(mean([cell.slopes[name] for cell in cells]), 3, sign="+"), dollars])
    return markdown(["", "transactions a send", "dollars a send"], rows)


def _curve(cells: Sequence[DoseCell]) -> str:
    """Mean transactions by sends received."""
    raw = ["-" if point is None else shown(point) for point in cells[0].raw_curve]
    robust = [shown(mean([cell.robust_curve[k] for cell in cells])) for k in range(len(raw))]
    counts = [f"{count:,}" for count in cells[0].customers_by_dose]
    rows = [["customers", *counts], ["as it lies", *raw], ["doubly robust", *robust]]
    return markdown(["sends", *map(str, range(len(raw)))], rows)


def _days(cells: Sequence[DoseCell]) -> str:
    """Transactions gained by a send on each day."""
    effects = [shown(mean([cell.by_day[day] for cell in cells]), sign="+") for day in range(len(SEND_HOURS))]
    return markdown(["send on day", *(str(hour // 24) for hour in SEND_HOURS)], [["transactions", *effects]])


def _quarters(cells: Sequence[DoseCell]) -> str:
    """Transactions a send in quarters of customers by what was predicted for them."""
    predicted, came = [], []
    for quarter in range(len(QUARTER_WORDS)):
        predicted.append(f"{np.mean([cell.quarters[quarter][0] for cell in cells]):+.2f}")
        came.append(shown(mean([cell.quarters[quarter][1] for cell in cells]), sign="+"))
    return markdown(["quarter by predicted gain", *QUARTER_WORDS], [["predicted", *predicted], ["came", *came]])


def _hidden(cells: Sequence[HiddenCell], rule: str) -> str:
    """Bias, spread, error and coverage over the hidings by one rule."""
    own = [cell for cell in cells if cell.rule == rule]
    rows = [[name, *_judged(own, name)] for name in ESTIMATORS if name in own[0].estimates]
    return markdown([rule, "mean estimate", "bias", "RMSE", "interval holds the truth"], rows)


def _judged(cells: Sequence[HiddenCell], name: str) -> list[str]:
    found, truth = np.array([cell.estimates[name] for cell in cells]), np.array([cell.truth for cell in cells])
    error = found[:, 0] - truth
    half = normal_quantile(0.975) * error.std(ddof=1) / np.sqrt(len(error))
    held = ((found[:, 1] <= truth) & (truth <= found[:, 2])).sum()
    bias = f"{error.mean():+.3f} ± {half:.3f}"
    return [f"{found[:, 0].mean():.3f}", bias, f"{np.sqrt((error**2).mean()):.3f}", f"{held} of {len(error)}"]


def picture(dose: Sequence[DoseCell], hidden: Sequence[HiddenCell]) -> bytes:
    """Returns the curve, and the estimates over hidings, as PNG."""
    panels = alt.hconcat(_curve_panel(dose), *(_rule_panel(hidden, rule) for rule in RULES)).resolve_scale(
        y="independent"
    )
    title = alt.TitleParams(
        "Starbucks (simulated by its publisher, randomised sends): transactions by sends, and estimates of the slope "
        "after hiding half of the sends",
        subtitle="Left: doubly robust mean, 95 % interval. Right: mean and middle 95 % of the hidings; red line: the "
        "slope of the full data.",
        offset=12,
    )
    spec: dict[str, Any] = panels.properties(title=title).to_dict()
    png: bytes = vlc.vegalite_to_png(spec, scale=1.5)
    return png


def _curve_panel(cells: Sequence[DoseCell]) -> alt.LayerChart:
    points = [
        dict(zip(("value", "low", "high"), mean([cell.robust_curve[k] for cell in cells]), strict=True), sends=k)
        for k in range(len(cells[0].robust_curve))
    ]
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("sends:O", title="sends", axis=alt.Axis(labelAngle=0))
    )
    bars = base.mark_rule(color=BLUE).encode(y=alt.Y("low:Q", title="transactions in 30 days"), y2="high:Q")
    marks = base.mark_line(color=BLUE, point=alt.OverlayMarkDef(color=BLUE)).encode(y="value:Q")
    return alt.LayerChart(layer=[bars, marks]).properties(width=190, height=220, title="dose curve, all 17,000")


def _rule_panel(cells: Sequence[HiddenCell], rule: str) -> alt.LayerChart:
    own = [cell for cell in cells if cell.rule == rule]
    points = []
    for name in ESTIMATORS:
        values = [cell.estimates[name].value for cell in own if name in cell.estimates]
        if values:
            low, high = np.quantile(values, [0.025, 0.975]).tolist()
            points.append({"estimator": name, "value": float(np.mean(values)), "low": low, "high": high})
    first = rule == RULES[0]
    axis = alt.Axis(labelLimit=220, labels=first, ticks=first, title=None)
    scale = alt.Scale(domain=[0.0, 1.75], clamp=True)
    base = alt.Chart(alt.InlineData(values=points)).encode(y=alt.Y("estimator:N", sort=list(ESTIMATORS), axis=axis,
        scale=alt.Scale(domain=list(ESTIMATORS))))  # fmt: skip
    bars = base.mark_rule(color=BLUE).encode(x=alt.X("low:Q", title="transactions a send", scale=scale), x2="high:Q")
    marks = base.mark_point(color=BLUE, filled=True, opacity=1.0, size=50).encode(x="value:Q")
    truth = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=RED).encode(x=alt.datum(own[0].truth))
    return alt.LayerChart(layer=[truth, bars, marks]).properties(width=150, height=220, title=rule)
