"""The gate, the canary and the history of promotions, as a person reads them."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from tactful.experiments.canary import Canary, Evidence
from tactful.experiments.gate import Gate, Judgement
from tactful.runtime.promotions import Move

_WHAT: Final = {
    "started": "canary started",
    "forced": "canary FORCED",
    "grown": "canary grown",
    "promoted": "put in force for all",
    "rolled_back": "canary taken back",
    "restored": "earlier model put in force",
}
_SIMPLE: Final = "the simple predictors"


def print_gate(gate: Gate, move: Move | None, out: Console) -> None:
    """Prints the verdict with its numbers, and what was done."""
    forced = move is not None and move.what == "forced"
    verdict = {"promote": "Gate: passed", "worse": "Gate: WORSE", "inconclusive": "Gate: inconclusive"}[gate.verdict]
    out.print(f"{verdict}. {gate.why}.", markup=False)
    if gate.judgements:
        table = _table("", "present", "new", "difference", "let pass", "rows", "people", "effective", "to settle")
        for one in gate.judgements:
            table.add_row(*_judged(one))
        out.print(table)
        out.print(f"In brackets 95 % over people, from random sends in {gate.days:,.0f} days of log.", markup=False)
    if move is None or move.canary is None:
        out.print("Nothing was changed. --force --by NAME --reason TEXT starts the canary all the same.", markup=False)
        return
    past = f", past the gate, by {move.by}: {move.reason}" if forced else ""
    out.print(
        f"{move.canary.experiment} starts with {move.canary.share:.0%} of the users{past}. "
        "Once a day: tactful promote STORE --advance",
        markup=False,
    )


def print_canary(canary: Canary, seen: Evidence | None, move: Move | None, out: Console) -> None:
    """Prints what the stage has seen, and what became of the canary."""
    if seen is not None:
        table = _table("guardrail", "others", "canary", "beyond the margin, every look", "events", "")
        for one in seen.guards:
            excess = f"{one.excess.value:+.3g} [{one.excess.low:+.3g}, {one.excess.high:+.3g}]"
            said = "BROKEN" if one.broken else "not broken"
            table.add_row(one.metric, f"{one.others:.4g}", f"{one.canary:.4g}", _plain(excess), f"{one.events:,}", said)
        out.print(table)
        out.print(
            f"{seen.days:.1f} days, {seen.users[1]:,} users and {seen.sends:,} messages in the canary; "
            f"{seen.users[0]:,} others.",
            markup=False,
        )
    done = f"{_WHAT[move.what]}: " if move is not None else "stays: "
    out.print(f"{canary.experiment}, ranker {canary.version}, {done}{canary.reason}.", markup=False)
    if canary.status == "running":
        out.print(f"It has {canary.share:.0%} of the users.", markup=False)


def print_moves(moves: Sequence[Move], out: Console) -> None:
    """Prints the history, oldest first."""
    if not moves:
        out.print("Nothing was promoted or taken back here.")
        return
    table = _table("when (UTC)", "what", "model", "instead of", "by", "why")
    for one in moves:
        back = one.what in ("rolled_back", "restored")
        new, old = (one.before, one.version) if back else (one.version, one.before)
        share = f" ({one.canary.share:.0%})" if one.canary is not None else ""
        table.add_row(
            f"{one.at:%Y-%m-%d %H:%M}",
            _WHAT[one.what] + share,
            new[:8] or _SIMPLE,
            old[:8] or _SIMPLE,
            _plain(one.by) or "-",
            _plain(one.reason) or "-",
        )
    out.print(table)


def _judged(one: Judgement) -> tuple[str, ...]:
    value, low, high = one.difference
    settle = "never" if one.more_days is None else f"{one.more_days:,.0f} days" if one.more_days else "-"
    return (
        one.reward,
        f"{one.present:.4g}",
        f"{one.target:.4g}",
        _plain(f"{value:+.3g} [{low:+.3g}, {high:+.3g}]"),
        f"{one.allowed:+.2g}",
        f"{one.rows:,}",
        f"{one.people:,}",
        f"{one.ess:,.0f}",
        settle,
    )


def _plain(text: str) -> str:
    """A text whose brackets rich does not read."""
    return text.replace("[", "\\[")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name)
    return table
