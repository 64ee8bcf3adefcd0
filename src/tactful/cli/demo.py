"""`tactful demo`: one app, five ways to send, and a message that was not sent; all of it simulated."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tactful.cli.options import COLUMNS, AsJson, console, print_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from tactful.cli.report.estimates import ArmRow
    from tactful.cli.report.story import Story
    from tactful.runtime.explaining import Explanation

WARM_UP_DAYS: Final = 28
"""Days of random messages from which the arms learn, one week longer than the days that count, but at most so long."""
SAMPLE_USERS: Final = 300
SAMPLE_DAYS: Final = 10
"""People and days that also go through the embedded engine, record by record, into a store."""
_STORE: Final = "simulated.db"
_PAGE: Final = "report.html"


@dataclass(frozen=True)
class Outcome:
    """What a run of the demo came to; `missed` explains a message that was not sent, None if there was none."""

    story: "Story"
    rows: "list[ArmRow]"
    missed: "Explanation | None"


def demo(
    users: Annotated[int, typer.Option("--users", min=20, help="Simulated people.")] = 5_000,
    days: Annotated[int, typer.Option("--days", min=2, help="Days that count, in every arm.")] = 14,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same result.")] = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder for the report and for a store to look into.")] = Path(
        "demo"
    ),
    as_json: AsJson = False,
) -> None:
    """Simulate an app, compare five ways to send, and explain a message that was not sent."""
    from tactful.cli.progress import bar

    out.mkdir(parents=True, exist_ok=True)
    with bar(shown=not as_json) as progress:
        found = run(users, days, seed, out, progress)
    page = write_page(found, out)
    if as_json:
        print_json(figures(found, page, out))
    else:
        show(found, page, out, console())


def run(users: int, days: int, seed: int, out: Path, progress: "Progress") -> Outcome:
    """Simulates the arms, and some of the people once more through the engine into a store in `out`."""
    from numba import set_num_threads

    from tactful.cli.report.compare import TITLES, compare
    from tactful.cli.report.estimates import arm_rows
    from tactful.cli.report.live import live
    from tactful.cli.report.log_file import write_log
    from tactful.cli.report.sample import near_miss, sample
    from tactful.cli.report.story import Story
    from tactful.runtime.evidence import gather
    from tactful.runtime.explaining import explain
    from tactful.simulator.world import make
    from tactful.stores.sqlite import SqliteStore

    # An hour of some thousand people is too little to share: two threads would mostly wait for each other.
    set_num_threads(1)
    task = progress.add_task("", total=len(TITLES) + 2)
    parts = iter(range(len(TITLES) + 2))

    def step(what: str) -> None:
        progress.update(task, completed=next(parts), description=what)

    compared = compare(users, days, min(days + 7, WARM_UP_DAYS), seed, step)
    step("some of the people through the engine")
    store = SqliteStore(_fresh(out / _STORE))
    lived = live(make(seed, min(users, SAMPLE_USERS)), compared.policy, store, min(days, SAMPLE_DAYS))
    story = Story(seed, compared.start_us, compared.arms, compared.volume, sample(store, lived))
    missed = near_miss(lived)
    explained = None
    if missed is not None:
        explained = explain(gather(store, compared.policy.settings, missed.user_id, None, missed.decision_id))
    store.close()
    write_log(lived.engagements, out)
    return Outcome(story, arm_rows(story), explained)


def figures(found: Outcome, page: Path | None, out: Path) -> dict[str, Any]:
    """Returns the outcome as it is written with --json."""
    from tactful.cli.report.estimates import METHOD

    story, volume = found.story, found.story.volume
    return {
        "simulated": True,
        "users": story.n_users,
        "days": story.n_days,
        "seed": story.seed,
        "intervals": METHOD,
        "arms": found.rows,
        "volume_by_day": {"target": volume.target.tolist(), "sent": volume.sent.tolist()},
        "not_sent": found.missed,
        "store": str(out / _STORE),
        "report": str(page) if page else None,
    }


def show(found: Outcome, page: Path | None, out: Path, say: "Console") -> None:
    """Prints the outcome for a person, from the arms to what to try next."""
    from tactful.cli.report.terminal import print_story

    say.width = max(say.width, COLUMNS)
    say.print("Everything below is *simulated*: made-up people, and nobody was told anything.", markup=False)
    print_story(found.story, found.rows, say)
    say.print()
    say.print("A message that was not sent, and why (simulated)", style="bold")
    _print_missed(found.missed, say)
    _print_next(found, page, out, say)


def write_page(found: Outcome, out: Path) -> Path | None:
    """Writes the HTML report; None without the packages that draw it."""
    if find_spec("altair") is None or find_spec("vl_convert") is None:
        return None
    from io import StringIO

    from rich.console import Console

    from tactful.cli.report.page import page

    text = Console(width=110, file=StringIO(), record=True)
    _print_missed(found.missed, text)
    written = out / _PAGE
    written.write_text(page(found.story, found.rows, text.export_text()), encoding="utf-8")
    return written


def _print_missed(missed: "Explanation | None", out: "Console") -> None:
    from tactful.cli.explain import print_explanation

    if missed is None:
        out.print("No message fell short of its price in the last days; try more --users or --days.")
    else:
        print_explanation(missed, out)


def _print_next(found: Outcome, page: Path | None, out: Path, say: "Console") -> None:
    """Says where the report is, and what to try; every command runs as it stands."""
    say.print()
    if page is None:
        say.print("No HTML report: it needs altair. Get it with  pip install 'tactful[report]'", markup=False)
    else:
        say.print(f"The report with charts: {page} (opens from disk, needs no network)", markup=False)
    say.print("Next, try", style="bold")
    store, missed = out / _STORE, found.missed
    which = f"--decision {missed.decision.decision_id} " if missed and missed.decision else ""
    for command in (
        f"tactful explain {missed.user_id if missed else 'u000000'} {which}--store {store}",
        f"tactful replay {store}",
        f"tactful import {out / 'log.csv'} --mapping {out / 'mapping.toml'} --store {out / 'imported.db'}",
        "tactful simulate --json",
        "make test",
    ):
        say.print(f"  {command}", markup=False, soft_wrap=True)


def _fresh(store: Path) -> Path:
    """Removes the store of an earlier demo, the file's companions included."""
    for suffix in ("", "-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
    return store
