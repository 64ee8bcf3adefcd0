"""The default world against what is published: a table and a plot of the best volume around the habit.

Source: LinkedIn (KDD 2016) for halving all e-mail at random, -2.6 % page views; Pinterest (KDD 2018, Figure 7) for
the best volume against the past one; XCampaign (CIKM 2025) for open rates near 9 %; 0.1 to 0.3 % unsubscribes a
mail as mailing services report.
Command: python recipes/world_calibration.py [--users 8000] [--days 28] [--seeds 2]
Data: none; simulated people only. Hardware: any, a few minutes on two cores.
Expected: every row within its tolerance, see recipes/results/world_calibration/table.json.
"""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import vl_convert as vlc

from tactful.simulator.calibration import SEGMENTS, Estimate, Run, difference, ratio, run_habit, segment, views_lost
from tactful.simulator.constants import Constants
from tactful.simulator.world import make

TIMES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Multiples of the habitual volume."""
RESULTS = Path(__file__).parent / "results" / "world_calibration"


def over_seeds(figures: list[Estimate]) -> Estimate:
    """Returns the mean over independent seeds."""
    value = float(np.mean([f.value for f in figures]))
    error = float(np.sqrt(np.sum([f.standard_error**2 for f in figures])) / len(figures))
    return Estimate(value, error)


def row(what: str, figures: list[Estimate], published: str, low: float | None, high: float | None) -> dict[str, Any]:
    """Returns one line of the table: the figure, its standard error, and whether it is where it should be."""
    mean = over_seeds(figures)
    within = (low is None or mean.value >= low) and (high is None or mean.value <= high)
    return {
        "what": what,
        "value": mean.value,
        "standard_error": mean.standard_error,
        "by_seed": [f.value for f in figures],
        "published": published,
        "tolerance": [low, high],
        "within": within,
    }


def best_volume_row(name: str, curve: dict[float, Estimate], below: bool) -> dict[str, Any]:
    """Returns a line on where a segment's best volume lies, and by how many standard errors it beats the habit."""
    best = max(curve, key=lambda times: curve[times].value)
    gain = curve[best]
    z = gain.value / gain.standard_error if gain.standard_error else 0.0
    return {
        "what": f"best volume of the {name}, in multiples of the habit",
        "value": best,
        "gain_in_active_days": gain.value,
        "standard_error": gain.standard_error,
        "standard_errors_above_habit": z,
        "published": f"{'below' if below else 'above'} the habit",
        "tolerance": "over two standard errors better than the habit",
        "within": z > 2.0 and (best < 1.0 if below else best > 1.0),
    }


def measure(users: int, days: int, seeds: range) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the table's rows and the plot's points."""
    runs: dict[tuple[int, float], Run] = {}
    halved: dict[int, Run] = {}
    for seed in seeds:
        halved[seed] = run_habit(make(seed, users), seed, days, mail_share=0.5)
        for times in TIMES:
            runs[seed, times] = run_habit(make(seed, users), seed, days, times)
            print(f"seed {seed}: {times:g} times the habit done", flush=True)
    base = {seed: runs[seed, 1.0] for seed in seeds}
    opened = [ratio(b.opens, b.mails) for b in base.values()]
    left = [ratio(b.unsubscribes, b.mails) for b in base.values()]
    disabled = [ratio(b.disables, b.pushes) for b in base.values()]
    lost = [views_lost(halved[seed], b) for seed, b in base.items()]
    table = [
        row("opens a mail", opened, "0.09", 0.08, 0.10),
        row("unsubscribes a mail", left, "0.001 to 0.003", 0.001, 0.003),
        row("disables a push", disabled, "not published; as for mail", None, None),
        row("share of views lost when half of all mail is dropped", lost, "0.026", 0.021, 0.031),
    ]
    points = []
    for name in SEGMENTS:
        curve = {}
        for times in TIMES:
            each = [difference(runs[s, times], base[s], segment(make(s, users), name)) for s in seeds]
            curve[times] = over_seeds(each)
            points.append({"segment": name, "times": times, **vars(curve[times])})
        table.append(best_volume_row(name, curve, below=name != "between"))
    return table, points


def plot(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the Vega-Lite of the gain in J over the habit by multiple of its volume, one panel a segment."""
    data = [
        {**p, "low": p["value"] - 2 * p["standard_error"], "high": p["value"] + 2 * p["standard_error"]} for p in points
    ]
    base = alt.Chart().encode(x=alt.X("times:Q", title="volume, times the habit"))
    line = base.mark_line(point=True, color="#1f5a7a").encode(
        y=alt.Y("value:Q", title="J less J of the habit, active days a user")
    )
    bars = base.mark_rule(color="#1f5a7a").encode(y="low:Q", y2="high:Q")
    habit = (
        base.mark_point(color="#c0392b", filled=True, size=90).transform_filter("datum.times == 1").encode(y="value:Q")
    )
    chart = (
        alt.layer(bars, line, habit, data=alt.InlineData(values=data))
        .properties(width=230, height=220)
        .facet(facet=alt.Facet("segment:N", title=None, sort=list(SEGMENTS)), columns=len(SEGMENTS))
        .resolve_scale(y="independent")
        .properties(title="Simulated: best volume below the habit (red) at both ends, above it between; bars 2 s.e.")
    )
    spec: dict[str, Any] = chart.to_dict()
    return spec


def main() -> None:
    """Measures, prints the table, and writes JSON, PNG and HTML."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=8_000)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    table, points = measure(args.users, args.days, range(1, args.seeds + 1))
    result = {
        "command": f"python recipes/world_calibration.py --users {args.users} --days {args.days} --seeds {args.seeds}",
        "data": "simulated people only",
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "constants": Constants()._asdict(),
        "table": table,
        "volume_response": points,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "table.json").write_text(json.dumps(result, indent=1) + "\n")
    spec = plot(points)
    (RESULTS / "volume.png").write_bytes(vlc.vegalite_to_png(spec, scale=2.0))
    (RESULTS / "volume.html").write_text(vlc.vegalite_to_html(spec, bundle=True))
    for line in table:
        mark = "ok " if line["within"] else "OUT"
        print(f"{mark} {line['what']}: {line['value']:.4g} (published: {line['published']})")


if __name__ == "__main__":
    main()
