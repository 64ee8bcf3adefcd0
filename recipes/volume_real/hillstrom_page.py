"""The tables and the picture of Hillstrom for `docs/explanation/volume-real-data.md`, so that no figure is typed."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import vl_convert as vlc

from tactful.experiments.stats import Interval
from volume_real.cells import CheckCell, UpliftCell, markdown, mean, shown
from volume_real.shoppers import MAILINGS, OUTCOMES
from volume_real.uplift_models import MODELS, RESPONSE

UNITS: Final = {"visit": "visits", "conversion": "purchases", "spend": "dollars"}
WORDS: Final = {"either": "either mail", "mens": "men's", "womens": "women's"}
MAIN_OUTCOME: Final = "visit"
PER_THOUSAND: Final = 1000.0


def tables(cells: Sequence[UpliftCell]) -> list[str]:
    """Returns the page's tables in its order: visits by share mailed, then Qini of every mailing and outcome."""
    return [_main(cells), *(_qini(cells, outcome) for outcome in OUTCOMES)]


def facts(cells: Sequence[UpliftCell], checks: Sequence[CheckCell]) -> list[str]:
    """Returns what the sentences around the tables quote, a line each."""
    seeds = {cell.seed for cell in cells}
    lines = [f"{check.mailing}: AUC of foretelling the mail {shown(check.mailing_foretold, 4)}" for check in checks]
    for mailing in MAILINGS:
        for outcome in OUTCOMES:
            own = _of(cells, mailing, outcome, RESPONSE)
            effect = shown(mean([cell.everyone for cell in own]), 1, PER_THOUSAND, "+")
            who = f"{mailing}, {outcome}: {own[0].customers:,} customers"
            lines.append(f"{who}, {effect} {UNITS[outcome]} per 1,000 mailed")
        half = mean([cell.gains["0.5"][2] for cell in _of(cells, mailing, MAIN_OUTCOME, "T-learner, logistic")])
        lines.append(
            f"{mailing}: best half by T-learner, logistic, over response's {shown(half, 1, PER_THOUSAND, '+')}"
        )
    better = [name for name in MODELS if name != RESPONSE for mailing in MAILINGS for outcome in OUTCOMES
              if mean([cell.qini_over_response for cell in _of(cells, mailing, outcome, name)]).low > 0.0]  # fmt: skip
    lines.append(f"beats response with its interval above 0: {dict(sorted((n, better.count(n)) for n in set(better)))}")
    return [*lines, f"{len(seeds)} seeds, {sum(cell.cpu_seconds for cell in cells):.0f} s of CPU"]


def _main(cells: Sequence[UpliftCell]) -> str:
    """Extra outcomes per 1,000 customers on the list when the best share is mailed either mail, by model."""
    mailing = next(iter(MAILINGS))
    rival = _of(cells, mailing, MAIN_OUTCOME, RESPONSE)
    shares, rows = list(rival[0].gains), []
    for name in MODELS:
        own = _of(cells, mailing, MAIN_OUTCOME, name)
        gains = [shown(mean([cell.gains[share][0] for cell in own]), 1, PER_THOUSAND) for share in shares]
        values = [PER_THOUSAND * cell.qini.value for cell in own]
        rows.append([name, *gains, f"{min(values):.2f} to {max(values):.2f}"])
    everyone = mean([cell.everyone for cell in rival])
    rows.append(["random", *(shown(everyone, 1, PER_THOUSAND * float(share)) for share in shares), "-"])
    head = [f"{WORDS[mailing]}: {UNITS[MAIN_OUTCOME]}", *(f"best {100 * float(share):.0f} %" for share in shares)]
    return markdown([*head, "Qini, over seeds"], rows)


def _qini(cells: Sequence[UpliftCell], outcome: str) -> str:
    """Qini coefficients per 1,000 customers, and their difference to the response model's, by model and mailing."""
    rows = []
    for name in MODELS:
        each = [_of(cells, mailing, outcome, name) for mailing in MAILINGS]
        own = [_per_thousand(mean([cell.qini for cell in found]), outcome) for found in each]
        over = [_per_thousand(mean([cell.qini_over_response for cell in found]), outcome, "+") for found in each]
        rows.append([name, *own, *(over if name != RESPONSE else ["-"] * len(each))])
    words = [WORDS[mailing] for mailing in MAILINGS]
    return markdown([UNITS[outcome], *words, *(f"{word}, less response" for word in words)], rows)


def _per_thousand(interval: Interval, outcome: str, sign: str = "") -> str:
    return shown(interval, 0 if outcome == "spend" else 2, PER_THOUSAND, sign)


def _of(cells: Sequence[UpliftCell], mailing: str, outcome: str, model: str) -> list[UpliftCell]:
    return [cell for cell in cells if (cell.mailing, cell.outcome, cell.model) == (mailing, outcome, model)]


def picture(cells: Sequence[UpliftCell]) -> bytes:
    """Returns the gain over a random choice by share mailed, and Qini by model, as PNG."""
    panels = [_gain_panel(cells, mailing) for mailing in MAILINGS]
    title = alt.TitleParams(
        "Hillstrom (real mailing, randomised): extra visits per 1,000 customers over mailing as many at random",
        subtitle="The best so many by the score are mailed. Bars: 95 % intervals over customers, means over "
        f"{len({cell.seed for cell in cells})} dealings of the folds.",
        offset=12,
    )
    spec: dict[str, Any] = alt.hconcat(*panels, title=title).resolve_scale(y="shared").to_dict()
    png: bytes = vlc.vegalite_to_png(spec, scale=1.5)
    return png


def _gain_panel(cells: Sequence[UpliftCell], mailing: str) -> alt.LayerChart:
    models = ("T-learner", "transformed outcome", "T-learner, logistic", RESPONSE, "spent before")
    points = []
    for place, name in enumerate(models):
        own = _of(cells, mailing, MAIN_OUTCOME, name)
        for share in own[0].gains:
            value, low, high = mean([cell.gains[share][1] for cell in own])
            moved = 100 * float(share) + 1.2 * (place - 2)  # side by side, so that bars do not hide each other
            points.append({"model": name, "share": moved} | {
                key: PER_THOUSAND * end for key, end in (("value", value), ("low", low), ("high", high))
            })  # fmt: skip
    colours = alt.Scale(domain=list(models), range=["#1f5a7a", "#27ae60", "#8e44ad", "#c0392b", "#999999"])
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("share:Q", title="share mailed, %", scale=alt.Scale(domain=[0, 80])),
        color=alt.Color("model:N", scale=colours, legend=alt.Legend(title=None)),
    )
    bars = base.mark_rule().encode(y=alt.Y("low:Q", title="visits per 1,000 over random"), y2="high:Q")
    marks = base.mark_line(point=True).encode(y="value:Q")
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color="#555555", strokeDash=[4, 3]).encode(y=alt.datum(0))
    return alt.LayerChart(layer=[zero, bars, marks]).properties(width=250, height=230, title=WORDS[mailing])
