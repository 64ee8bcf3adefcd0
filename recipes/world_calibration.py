"""The default world against what is published: a table and a plot of the best volume around the habit.

Source: LinkedIn (KDD 2016) for halving all e-mail at random, -2.6 % page views; Pinterest (KDD 2018, Figure 7) for
the best volume against the past one; XCampaign (CIKM 2025) for open rates near 9 %; 0.1 to 0.3 % unsubscribes a
mail as mailing services report.
Command: python recipes/world_calibration.py [--users 16000] [--days 56] [--seeds 3] [--slice 300]
Data: none; simulated people only, for eight weeks, the length that J counts. Hardware: any, a few minutes on two cores.
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

TIMES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
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


def best_volume_row(name: str, curve: dict[float, list[Estimate]], below: bool) -> dict[str, Any]:
    """Returns a line on where a segment's best volume lies, and by how many standard errors it beats the habit."""
    best = max(curve, key=lambda times: over_seeds(curve[times]).value)
    gain = over_seeds(curve[best])
    z = gain.value / gain.standard_error if gain.standard_error else 0.0
    return {
        "what": f"best volume of the {name}, in multiples of the habit",
        "value": best,
        "gain_in_active_days": gain.value,
        "standard_error": gain.standard_error,
        "gain_by_seed": [f.value for f in curve[best]],
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
            curve[times] = [difference(runs[s, times], base[s], segment(make(s, users), name)) for s in seeds]
            points.append({"segment": name, "times": times, **vars(over_seeds(curve[times]))})
        table.append(best_volume_row(name, curve, below=name != "between"))
    return table, points


def plot(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the Vega-Lite of the gain in J over the habit by multiple of its volume, one panel a segment."""
    panels = [panel(name, [p for p in points if p["segment"] == name]) for name in SEGMENTS]
    title = alt.TitleParams(
        "Simulated: what another weekly volume than the habit's brings a user, in the run and after it",
        subtitle="Red: the habit. Bars: two standard errors. Each panel has its own scale.",
        offset=12,
    )
    spec: dict[str, Any] = alt.hconcat(*panels, title=title).to_dict()
    return spec


def panel(name: str, points: list[dict[str, Any]]) -> alt.LayerChart:
    """Returns one segment's curve, with the habit in red."""
    data = [
        {**p, "low": p["value"] - 2 * p["standard_error"], "high": p["value"] + 2 * p["standard_error"]} for p in points
    ]
    y_title = "J less J of the habit, active days" if name == next(iter(SEGMENTS)) else None
    scale = alt.Scale(nice=False, padding=8)  # no label at the very top: it would push one panel's heading up
    base = alt.Chart(alt.InlineData(values=data)).encode(
        x=alt.X("times:Q", title="volume, times the habit", axis=alt.Axis(values=[0, 1, 2, 3], format="d"))
    )
    zero = base.mark_rule(color="#888888", strokeDash=[4, 3]).encode(x=alt.value(0), x2=alt.value(230), y=alt.datum(0))
    bars = base.mark_rule(color="#1f5a7a").encode(y=alt.Y("low:Q", title=y_title, scale=scale), y2="high:Q")
    curve = base.mark_line(color="#1f5a7a", point=alt.OverlayMarkDef(color="#1f5a7a")).encode(y="value:Q")
    habit = base.mark_point(color="#c0392b", filled=True, opacity=1, size=90).encode(y="value:Q")
    layers = alt.LayerChart(layer=[zero, bars, curve, habit.transform_filter("datum.times == 1")])
    low, high = (f"{100 * share:.0f}" for share in SEGMENTS[name])
    heading = f"{name} (percentiles {low} to {high} of own visits)"
    return layers.properties(width=230, height=220, title=alt.TitleParams(heading, fontSize=11))


def main(words: list[str] | None = None) -> None:
    """Measures, prints the table, and writes JSON, PNG and HTML."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=16_000)
    parser.add_argument("--days", type=int, default=56)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users, one day, one seed: it runs")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    args = parser.parse_args(words)
    users, days, seeds = (args.slice, 1, 1) if args.slice else (args.users, args.days, args.seeds)
    size = f"--slice {users}" if args.slice else f"--users {users} --days {days} --seeds {seeds}"
    table, points = measure(users, days, range(1, seeds + 1))
    result = {
        "command": f"python recipes/world_calibration.py {size}",
        "data": "simulated people only",
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "constants": Constants()._asdict(),
        "table": table,
        "volume_response": points,
    }
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / "table.json").write_text(json.dumps(result, indent=1) + "\n")
    spec = plot(points)
    (args.results / "volume.png").write_bytes(vlc.vegalite_to_png(spec, scale=2.0))
    (args.results / "volume.html").write_text(vlc.vegalite_to_html(spec, bundle=True))
    for line in table:
        mark = "ok " if line["within"] else "OUT"
        print(f"{mark} {line['what']}: {line['value']:.4g} (published: {line['published']})")


if __name__ == "__main__":
    main()
