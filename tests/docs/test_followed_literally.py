"""Pages are followed literally: files are saved, commands run, outputs compared. Each begins in an empty folder, or in
one with the app that it takes for granted.

A block of python or toml whose first line is `# name` is a file to save; of a `console` block, every line after `$ ` is
run, and what follows is its output. Figures and ids in an output are not compared, for a decision may change with the
code, but everything else is; `...` stands for anything. Run this file (with `PYTHONPATH=tests`, and pages or none) to
write the outputs, figures included, anew.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import evaluation_store
import experiment_store
import export_store
import fit_store
import objectives_store
import promotion_store
import ranking_store
import small_app
import timing_store
import tuning_store
import volume_store
from tactful.stores.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]
ALLOCATE = ROOT / "docs" / "how-to" / "allocate-volume.md"
TIMING = ROOT / "docs" / "how-to" / "train-timing.md"
RANKER = ROOT / "docs" / "how-to" / "train-ranker.md"
OBJECTIVES = ROOT / "docs" / "how-to" / "different-objectives.md"
WEIGHTS = ROOT / "docs" / "how-to" / "tune-weights.md"
EVALUATE = ROOT / "docs" / "how-to" / "evaluate-a-policy.md"
PROMOTE = ROOT / "docs" / "how-to" / "promote-a-model.md"
EXPORT = ROOT / "docs" / "how-to" / "export-decisions.md"
EXPERIMENT = ROOT / "docs" / "how-to" / "run-an-experiment.md"
FIT = ROOT / "docs" / "how-to" / "fit-the-simulator.md"
SERVE = ROOT / "docs" / "how-to" / "serve-over-http.md"
DEPLOY = ROOT / "docs" / "how-to" / "deploy.md"
BACK_UP = ROOT / "docs" / "how-to" / "back-up-and-restore.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "tutorials" / "first-loop.md",
    ALLOCATE,
    TIMING,
    RANKER,
    OBJECTIVES,
    WEIGHTS,
    EVALUATE,
    PROMOTE,
    EXPORT,
    EXPERIMENT,
    SERVE,
    DEPLOY,
    BACK_UP,
    FIT,
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = 120


class Step(NamedTuple):
    """A command of a console block, and the output that the page shows."""

    command: str
    shown: str


def steps(block: str) -> Iterator[Step]:
    """The commands of a console block; a here-document belongs to its command."""
    lines = block.splitlines()
    at = 0
    while at < len(lines):
        assert lines[at].startswith("$ "), f"expected a command after '$ ', got {lines[at]!r}"
        command = lines[at][2:]
        at += 1
        here = re.search(r"<<'(\w+)'", command)
        while here and not command.endswith(f"\n{here[1]}"):
            command += "\n" + lines[at]
            at += 1
        start = at
        while at < len(lines) and not lines[at].startswith("$ "):
            at += 1
        yield Step(command, "\n".join(lines[start:at]))


def ran(command: str, folder: Path) -> str:
    """What a command prints, without the blanks at the ends of its lines; it must succeed."""
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {**os.environ, "PATH": paths, "COLUMNS": "88", "TERM": "dumb"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder, env=known, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")


def fits(shown: str, printed: str) -> bool:
    """Whether an output is the one shown, figures aside."""
    pattern = ".*".join(re.escape(part) for part in without_figures(shown).split("..."))
    return re.fullmatch(pattern, without_figures(printed)) is not None


def without_figures(text: str) -> str:
    """The words of a text; lines that differed in their figures only are one."""
    text = re.sub(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b|[+-]?\d[\d,.:]*", "0", text)
    lines = [re.sub(r" +", " ", line).strip() for line in text.splitlines()]
    words = " ".join(line for line, _ in itertools.groupby(lines))
    return re.sub(r"─+", "─", re.sub(r"━+", "━", re.sub(r" +", " ", words)))


def prepare(page: Path, folder: Path) -> None:
    """Puts into the folder what a page takes for granted."""
    if page == ALLOCATE:
        volume_store.fill_store(folder / "app.db")
    if page == TIMING:
        timing_store.fill_store(folder / "app.db")
    if page == RANKER:
        ranking_store.fill_store(folder / "app.db")
    if page == OBJECTIVES:
        objectives_store.fill_store(folder / "app.db")
    if page == WEIGHTS:
        tuning_store.fill_store(folder / "app.db")
    if page == EVALUATE:
        evaluation_store.fill_store(folder / "app.db")
    if page == PROMOTE:
        promotion_store.fill_store(folder / "app.db")
        shutil.copy(promotion_store.__file__, folder / "later.py")
    if page == EXPORT:
        export_store.fill_store(folder / "app.db")
    if page == BACK_UP:
        small_app.run(SqliteStore(folder / "app.db")).close()
    if page == FIT:
        fit_store.fill_store(folder / "app.db")
    if page == EXPERIMENT:
        experiment_store.fill_store(folder / "app.db", with_experiment=False)
        experiment_store.fill_store(folder / "later.db", with_experiment=True)


def save(language: str, block: str, folder: Path) -> None:
    """Saves a block whose first line names a file."""
    named = re.match(r"# ([\w-]+\.\w+)\n", block)
    if named and language in ("python", "toml"):
        (folder / named[1]).write_text(block, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_works_as_it_is_written(page: Path, tmp_path: Path) -> None:
    prepare(page, tmp_path)
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        save(language, block, tmp_path)
        for step in steps(block) if language == "console" else ():
            printed = ran(step.command, tmp_path)
            assert fits(step.shown, printed), f"$ {step.command}\n{printed}\n--- the page shows ---\n{step.shown}"


def test_set_up_commands_of_the_pages_name_what_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
            assert f"\n{target}:" in makefile, f"{page}: make {target}"
        for extra in re.findall(r"pip install -e '\.\[(\w+)\]'", text):
            assert f"\n{extra} = [" in project, f"{page}: extra {extra}"


def test_figures_and_wildcards_are_let_pass_and_words_are_not() -> None:
    assert fits("sent 3 of ...\nend", "sent 4 of 5 and more\nend")
    assert not fits("sent 3", "held 3")


def rewrite(page: Path) -> None:
    """Writes the page's outputs anew; one with a wildcard stays."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(page, Path(folder))

        def again(found: re.Match[str]) -> str:
            language, block = found.groups()
            save(language, block, Path(folder))
            if language != "console":
                return found[0]
            lines = []
            for step in steps(block):
                printed = ran(step.command, Path(folder))
                lines += [f"$ {step.command}", step.shown if "..." in step.shown else printed]
            return "```console\n" + "\n".join(line for line in lines if line) + "\n```"

        page.write_text(FENCE.sub(again, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    for each in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        rewrite(each)
