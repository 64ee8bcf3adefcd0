"""`tactful simulate --fit`: fits the simulated world to a store, and tells how far to trust it."""

from pathlib import Path
from typing import TYPE_CHECKING

from tactful.cli.options import COLUMNS, console, open_to_read, print_json
from tactful.cli.progress import bar

if TYPE_CHECKING:
    from rich.table import Table

    from tactful.simulator.fit.report import Fit


def fit_world(store: Path, out: Path | None, people: int, seed: int, as_json: bool) -> None:
    """Fits, prints, and writes the file if one is named."""
    found = _fitted(store, people, seed, shown=not as_json)
    if out is not None:
        from tactful.simulator.fit.constants_file import write_constants

        write_constants(out, found)
    if as_json:
        import msgspec

        print_json({**msgspec.to_builtins(found), "verdict": found.verdict})
    else:
        _print(found, out)


def _fitted(store: Path, people: int, seed: int, shown: bool) -> "Fit":
    from tactful.simulator.fit.fitting import fit
    from tactful.simulator.fit.stored import read_log

    opened = open_to_read(store)
    with bar(shown=shown) as progress:
        reading = progress.add_task("reading the log", total=opened.last()[0] + 1 + opened.count_decisions())
        log = read_log(opened, seed, tell=lambda rows: progress.advance(reading, rows))
        opened.close()
        progress.remove_task(reading)
        living = progress.add_task("simulated lives", total=None)
        return fit(
            log, people, seed, tell=lambda done, expected: progress.update(living, completed=done, total=expected)
        )


def _print(found: "Fit", out: Path | None) -> None:
    say = console()
    say.width = max(say.width, COLUMNS)
    left_out = f" ({found.left_out:,} left out)" if found.left_out else ""
    say.print(
        f"The log: {found.people:,} people{left_out}, {found.days} days, {found.sends:,} messages, {found.drawn:,} "
        f"people with drawn budgets. Lived through {found.evaluations} times by {found.simulated:,} simulated people."
    )
    say.print(_constants(found))
    say.print(_moments(found))
    say.print(
        f"Over-identification: J = {found.over:.1f} on {found.degrees} degrees of freedom, p = {found.p:.3f}.\n"
        f"{found.verdict}",
        markup=False,
    )
    if not found.converged:
        say.print("The last step was not small yet: a longer log or more --users make it surer.")
    if out is not None:
        say.print(f"Written to {out}: tactful simulate --constants {out}", markup=False)


def _constants(found: "Fit") -> "Table":
    from rich.table import Table

    table = Table(title="Constants", title_justify="left")
    for head in ("constant", "default", "fitted", "95 %", "kept, because"):
        table.add_column(head, justify="left" if head in ("constant", "kept, because") else "right")
    for each in found.constants:
        if each.low is None or each.high is None:
            table.add_row(each.name, f"{each.default:.4g}", "", "", each.kept)
        else:
            between = f"{each.low:.3g} to {each.high:.3g}"
            table.add_row(each.name, f"{each.default:.4g}", f"{each.value:.4g}", between, "")
    return table


def _moments(found: "Fit") -> "Table":
    from rich.table import Table

    table = Table(title="What was counted; simulated but for the first column", title_justify="left")
    for head in ("", "app", "default", "fitted", "off by (s.e.)"):
        table.add_column(head, justify="right" if head else "left", no_wrap=not head)
    for each in found.moments:
        table.add_row(each.moment, *(f"{value:.4g}" for value in (each.app, each.before, each.after)), f"{each.z:+.1f}")
    return table
