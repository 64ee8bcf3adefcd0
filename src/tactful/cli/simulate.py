"""`tactful simulate`: named arms in a simulated world, side by side, or a world fitted to an app's log.

All figures of arms are simulated.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tactful.cli.fit_world import fit_world
from tactful.cli.options import AsJson, console, print_json
from tactful.cli.progress import bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tactful.experiments.stats import Interval
    from tactful.simulator.arms.policy import Arm
    from tactful.simulator.result import Result


class ArmFigures(NamedTuple):
    """One arm's line: counts, and means over users with 95 % intervals; shares are 0..1.

    `score` is active days plus the discounted active days to come, by the world's truth.
    """

    arm: str
    sends: int
    opened: "Interval | None"
    active_a_day: "Interval"
    active_a_week: "Interval | None"
    left: "Interval"
    score: "Interval"
    quiet_hour_violations: int


def simulate(
    arms: Annotated[
        list[str] | None, typer.Argument(metavar="[ARM]...", help="Arms by name; all of them by default.")
    ] = None,
    users: Annotated[int, typer.Option("--users", min=2, help="Simulated people.")] = 2_000,
    days: Annotated[int, typer.Option("--days", min=1, help="Days that count, for every arm.")] = 28,
    warm_up: Annotated[int, typer.Option("--warm-up", min=8, help="Days before, that arms learn from.")] = 28,
    volume: Annotated[
        float | None, typer.Option("--volume", min=0.0, help="Messages a user and week, instead of each arm's own.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same people and luck.")] = 0,
    constants: Annotated[
        Path | None, typer.Option("--constants", help="TOML file of the world's constants, as --fit writes it.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option("--fit", metavar="STORE", help="Fit the world to a store instead, and run no arm.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="With --fit: where to write the constants.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let ways to send live through the same simulated weeks, and compare what comes of them.

    With --fit no way to send is tried: the world's constants are fitted to what a store holds of visits, answers and
    leaving, by as many simulated people as --users says.
    """
    if store is not None:
        _refuse_with_fit(arms, volume, constants)
        fit_world(store, out, users, seed, as_json)
        return
    if out is not None:
        raise typer.BadParameter("got --out without --fit, which alone writes constants; add --fit STORE")
    from tactful.simulator import closed_loop
    from tactful.simulator.arms import ARMS
    from tactful.simulator.fit.constants_file import read_constants
    from tactful.simulator.world import make

    world = make(seed, users, read_constants(constants) if constants else None)

    chosen = [_arm(name, volume) for name in arms or ARMS]
    with bar(shown=not as_json) as progress:
        task = progress.add_task("warm-up", total=len(chosen) + 1)
        explored = closed_loop.explore(world, warm_up, seed)
        found = []
        for arm in chosen:
            progress.update(task, advance=1, description=arm.name)
            found.append(figures(closed_loop.follow(explored, arm, days, seed)))
    if as_json:
        print_json([each._asdict() for each in found])
    else:
        where = f", constants of {constants.name}" if constants else ""
        _print(found, f"Simulated: {users:,} people, {days} days after {warm_up} of warm-up, seed {seed}{where}")


def _refuse_with_fit(arms: list[str] | None, volume: float | None, constants: Path | None) -> None:
    given = [name for name, value in (("ARM", arms), ("--volume", volume), ("--constants", constants)) if value]
    if given:
        raise typer.BadParameter(
            f"got {', '.join(given)} with --fit, which tries no arm and begins at the default constants; fit first, "
            "then run arms with --constants"
        )


def _arm(name: str, volume: float | None) -> "Arm":
    from importlib import import_module

    from tactful.errors import InvalidExperiment
    from tactful.events.declaration import nearest
    from tactful.simulator.arms import ARMS

    if name not in ARMS:
        raise InvalidExperiment(f"got the arm {name!r}, expected {nearest(name, ARMS)}")
    module, _, kind = ARMS[name].partition(":")
    arm: Arm = getattr(import_module(module), kind)()
    return arm if volume is None else arm.at_volume(volume)


def figures(result: "Result") -> ArmFigures:
    """Returns the line of one arm."""
    from tactful.experiments.stats import ratio

    sends = result.sends.sum(axis=1, dtype=float)
    days, weeks = result.active.mean(axis=1), result.weekly_active
    return ArmFigures(
        arm=result.arm,
        sends=int(sends.sum()),
        opened=ratio(result.opens.sum(axis=1, dtype=float), sends) if sends.sum() else None,
        active_a_day=_mean(days),
        active_a_week=_mean(weeks.mean(axis=1)) if weeks.shape[1] else None,
        left=_mean((result.unsubscribes.sum(axis=1) > 0).astype(float)),
        score=_mean(days * result.active.shape[1] + result.remaining_value),
        quiet_hour_violations=int(result.quiet_hour_violations.sum()),
    )


def _mean(values: "NDArray[np.float64]") -> "Interval":
    """The mean over users."""
    from tactful.experiments.stats import ratio

    return ratio(values, values * 0.0 + 1.0)


def _print(found: list[ArmFigures], title: str) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    heads = ("arm", "sends", "opened %", "active a day %", "a week %", "left %", "score", "in quiet hours")
    for head in heads:
        table.add_column(head, justify="left" if head == "arm" else "right", no_wrap=head == "arm")
    for each in found:
        table.add_row(
            each.arm,
            f"{each.sends:,}",
            *(_percent(share) for share in (each.opened, each.active_a_day, each.active_a_week, each.left)),
            f"{each.score.value:.2f} ±{(each.score.high - each.score.low) / 2:.2f}",
            f"{each.quiet_hour_violations:,}",
        )
    console().print(table)
    console().print(
        "Score: active days, and the discounted active days to come by the world's truth. Intervals are 95 % over "
        "people of one seed.\nA simulated result is a smoke test of a policy, not evidence for an app."
    )


def _percent(share: "Interval | None") -> str:
    if share is None:
        return "-"
    return f"{100 * share.value:.1f} ±{50 * (share.high - share.low):.1f}"
