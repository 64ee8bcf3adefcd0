"""`tactful bench NAME`: runs the scripts of `benchmarks/`, which print their own tables."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tactful.cli.options import AsJson, print_json

_PLACES = (Path("benchmarks"), Path(__file__).parents[3] / "benchmarks")
"""Benchmarks are part of the source tree, not of the installed package."""


class ScriptsByDefault(TyperGroup):
    """What follows `bench` names scripts, unless it is a verb of the group: `tactful bench allocator`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts in the verb that is meant."""
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else ["scripts", *args])


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Scripts by name; all of them by default.")
    ] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Where the scripts are.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run benchmarks and print their tables. Exits with 1 if one of them fails."""
    scripts = _scripts(folder)
    results = []
    for name in names or sorted(scripts):
        start = time.monotonic()
        if not as_json:
            typer.echo(f"== {name}")
        done = subprocess.run([sys.executable, str(_named(name, scripts))], capture_output=as_json, text=True)
        results.append(
            {
                "name": name,
                "exit_code": done.returncode,
                "seconds": round(time.monotonic() - start, 2),
                "output": done.stdout or "",
            }
        )
    if as_json:
        print_json(results)
    if any(result["exit_code"] for result in results):
        raise typer.Exit(1)


def _scripts(folder: Path | None) -> dict[str, Path]:
    """Name -> script, for every script that can be run by itself."""
    from tactful.errors import UnreadableInput

    for place in [folder] if folder else _PLACES:
        found = {p.stem: p for p in place.glob("*.py") if '__name__ == "__main__"' in p.read_text(encoding="utf-8")}
        if found:
            return found
    raise UnreadableInput(
        f"got no benchmark in {folder or 'benchmarks'}, expected a folder of scripts; run this in a checkout of the "
        "source, or give --folder"
    )


def _named(name: str, scripts: dict[str, Path]) -> Path:
    from tactful.errors import UnreadableInput
    from tactful.events.declaration import nearest

    if name not in scripts:
        raise UnreadableInput(f"got the benchmark {name!r}, expected {nearest(name, scripts)}")
    return scripts[name]
