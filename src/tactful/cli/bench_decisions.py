"""`tactful bench decisions`: the open benchmark for notification decisions; everything it prints is simulated."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tactful.cli.options import AsJson, console, print_json
from tactful.cli.progress import bar

if TYPE_CHECKING:
    from tactful.simulator.bench.run import Bench, Job

_RESULTS = Path("results") / "decisions"


def bench_decisions(
    arms: Annotated[list[str] | None, typer.Option("--arm", help="An arm by name; repeat. All by default.")] = None,
    worlds: Annotated[
        list[str] | None,
        typer.Option(
            "--world",
            help="A world by name, prior-1 .. prior-30, world.toml of constants, or module:make; repeat. "
            "The variants by default.",
        ),
    ] = None,
    users: Annotated[int, typer.Option("--users", min=2, help="People of each scored world.")] = 10_000,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="A seed; repeat. 21 to 25 by default.")] = None,
    times: Annotated[
        list[float] | None, typer.Option("--times", min=0.1, help="A multiple of the volume; repeat. 1 by default.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=7, help="Days that count.")] = 56,
    training: Annotated[int, typer.Option("--training", min=100, help="People of the world that teaches.")] = 10_000,
    bounds: Annotated[bool, typer.Option("--bounds", help="Compute what no policy can exceed, too.")] = False,
    results: Annotated[Path, typer.Option("--results", help="Where cells are kept.")] = _RESULTS,
    scratch: Annotated[Path | None, typer.Option("--scratch", help="Where worlds and models are kept.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write the tables between the markers of a page.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw the pictures, PNG; scaled constants beside.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let every arm live through the same worlds at equal volume, and rank them. Takes up where it was stopped."""
    from tactful.simulator.bench import cell, run
    from tactful.simulator.bench import page as tables
    from tactful.simulator.bench.arms import ARMS
    from tactful.simulator.bench.teach import Sizes
    from tactful.simulator.bench.worlds import VARIANTS, named

    sizes = Sizes(users=users, training=training, days=days)
    bench = run.Bench(sizes, results, scratch or Path(tempfile.gettempdir()) / "tactful-bench")
    names, numbers = [named(world) for world in worlds or VARIANTS], list(seeds or run.SEEDS)
    wanted = run.jobs(names, arms or ARMS, numbers, times or [1.0])
    _make(bench, list(run.missing(bench, wanted)), shown=not as_json)
    if bounds:
        _bound(bench, [(name, seed) for name in names for seed in numbers], shown=not as_json)
    found, limits = cell.cells(results), cell.bounds(results)
    made = tables.tables(found, limits)
    if page is not None:
        page.write_text(tables.filled(page.read_text(encoding="utf-8"), made), encoding="utf-8")
    if picture is not None:
        _draw(found, picture)
    if as_json:
        asked = {(job.world, job.seed, job.arm, job.times) for job in wanted}
        print_json([_figures(one) for one in found if (one.world, one.seed, one.arm, one.times) in asked])
    else:
        console().print("\n\n".join(made), soft_wrap=True, markup=False)


def _make(bench: "Bench", jobs: "list[Job]", shown: bool) -> None:
    from tactful.simulator.bench import run

    with bar(shown=shown) as progress:
        task = progress.add_task("cells", total=len(jobs))
        for job in jobs:
            progress.update(task, description=f"{job.world} {job.seed} {job.arm}")
            run.live(bench, job)
            progress.advance(task)


def _bound(bench: "Bench", pairs: list[tuple[str, int]], shown: bool) -> None:
    from tactful.simulator.bench import run

    with bar(shown=shown) as progress:
        task = progress.add_task("bounds", total=len(pairs))
        for world, seed in pairs:
            progress.update(task, description=f"bound of {world} {seed}")
            run.bound(bench, world, seed)
            progress.advance(task)


def _draw(found: list[Any], picture: Path) -> None:
    from tactful.cli.report.decisions_chart import decisions_chart, write_png
    from tactful.cli.report.sensitivity_chart import sensitivity_chart
    from tactful.simulator.bench.worlds import VARIANTS, is_own

    there = {one.world for one in found}
    own = sorted(world for world in there if is_own(world))
    write_png(decisions_chart(found, [*(name for name in VARIANTS if name in there), *own]), picture)
    scaled = sensitivity_chart(found)
    if scaled is not None:
        write_png(scaled, picture.with_stem(f"{picture.stem}-sensitivity"))


def _figures(cell: Any) -> dict[str, Any]:
    """A cell without everybody's own J."""
    return {name: getattr(cell, name) for name in type(cell).__struct_fields__ if name != "scores"}
