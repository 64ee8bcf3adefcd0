"""The report of an experiment on a terminal, and the list of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tactful.experiments.comparison import Comparison, Measured
    from tactful.experiments.design import Experiment
    from tactful.experiments.interval import Interval

ARMS = ("arm", "users", "decided for", "sends a user", "% over control")
METRICS = ("metric", "arm", "control", "treated", "%, one look", "%, every look", "p", "p, Holm", "at 80 %")
GUARDRAILS = ("guardrail", "arm", "control", "treated", "says")
LEGEND = (
    "Means a user, what habit foretells taken out; lifts in % of the control, with 95 % intervals. One look: right if "
    "you look once, when you planned to. Every look: right however often you look, so it may end the experiment. Holm: "
    "p for one look, corrected for all arms and metrics. At 80 %: the lift that so many users show with that chance."
)


def print_report(found: "Comparison", out: Console) -> None:
    """Prints what was found, and first what stands against believing it."""
    out.print(lead(found), markup=False)
    for one in found.warnings:
        out.print(f"! {one}", style="bold", markup=False)
    for heads, rows in ((ARMS, arm_rows(found)), (METRICS, metric_rows(found)), (GUARDRAILS, guardrail_rows(found))):
        if rows:
            out.print()
            out.print(_table(heads, rows))
    out.print()
    out.print(LEGEND, style="dim", markup=False)


def lead(found: "Comparison") -> str:
    """Returns how far it is, and what the first metric says, in words."""
    sizes = f"sizes fit the shares (p = {found.sample_ratio_p:.2f})"
    if found.sample_ratio_p < 0.001:
        sizes = "sizes do not fit the shares"
    planned = f" of {found.planned_days:.0f}" if found.days <= found.planned_days else ""
    return (
        f"{found.name}: {found.days:.1f}{planned} days, {sum(found.users):,} users in "
        f"{len(found.arms)} arms; {sizes}. {_verdict(found)}"
    )


def arm_rows(found: "Comparison") -> list[tuple[str, ...]]:
    """Returns a row an arm: its users, and whether volumes are equal."""
    lifts = ["", *(_lift(one) for one in found.sends_lift)]
    columns = zip(found.arms, found.users, found.decided, found.sends, lifts, strict=True)
    return [(arm, f"{users:,}", f"{decided:,}", f"{sends:.2f}", lift) for arm, users, decided, sends, lift in columns]


def metric_rows(found: "Comparison") -> list[tuple[str, ...]]:
    """Returns a row a metric and arm."""
    return [
        (
            one.metric,
            one.arm,
            f"{one.control:.4g}",
            f"{one.treated:.4g}",
            _lift(one.lift),
            _lift(one.watched),
            f"{one.p:.3f}",
            f"{one.p_holm:.3f}",
            f"{100 * one.detectable / one.control:.1f}" if one.control > 0.0 else "",
        )
        for one in found.measured
    ]


def guardrail_rows(found: "Comparison") -> list[tuple[str, ...]]:
    """Returns a row a guardrail and arm."""
    says = {"holds": "holds: not {} % more", "open": "open: {} % more or not", "broken": "broken: over {} % more"}
    return [
        (
            one.metric,
            one.arm,
            f"{one.control:.4g}",
            f"{one.treated:.4g}",
            says[one.verdict].format(f"{100 * one.margin:g}"),
        )
        for one in found.guardrails
    ]


def print_list(found: Sequence["Experiment"], out: Console) -> None:
    """Prints one line an experiment."""
    if not found:
        out.print("No experiment: the engine has taken none yet.")
        return
    rows = [
        (
            one.name,
            one.layer,
            ", ".join(f"{arm.name} {100 * arm.share:g} %" for arm in one.arms),
            f"{one.started_at:%Y-%m-%d %H:%M}" if one.started_at else "",
            f"{one.ended_at:%Y-%m-%d %H:%M}" if one.ended_at else "open",
        )
        for one in found
    ]
    out.print(_table(("experiment", "layer", "arms", "from (UTC)", "to"), rows))


def _verdict(found: "Comparison") -> str:
    first = [one for one in found.measured if one.metric == found.measured[0].metric]
    surely = [one for one in first if one.watched is not None and not one.watched.low <= 0.0 <= one.watched.high]
    if surely:
        return f"{surely[0].metric}: {', '.join(_told(one) for one in surely)}, at every look."
    once = [one for one in first if one.p_holm < 0.05]
    if once:
        return f"{once[0].metric}: {', '.join(_told(one) for one in once)}, if this is the one look that you planned."
    return f"{first[0].metric}: no arm is told from the control yet."


def _told(one: "Measured") -> str:
    return f"{one.arm} has {'more' if one.difference.value > 0.0 else 'less'}"


def _lift(interval: "Interval | None") -> str:
    if interval is None:
        return ""
    value, low, high = (f"{100 * part:+.1f}" for part in interval)
    return f"{value} [{low}, {high}]"


def _table(heads: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for i, name in enumerate(heads):
        table.add_column(name, justify="left" if i < 2 and name != "users" else "right")
    for row in rows:
        table.add_row(*row)
    return table
