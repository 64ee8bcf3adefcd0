"""The image installs what `make service` does, and keeps the rules that make images small and unprivileged."""

import fnmatch
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


class Step(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined."""

    name: str
    rest: str


def stages() -> list[list[Step]]:
    """The instructions of the Dockerfile, by stage; comments are left out."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    found: list[list[Step]] = []
    for line in filter(str.strip, re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()):
        step = Step(*line.split(None, 1))
        if step.name == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def all_of(name: str) -> list[str]:
    return [step.rest for stage in stages() for step in stage if step.name == name]


def last(name: str) -> str:
    return [step.rest for step in stages()[-1] if step.name == name][-1]


def commands() -> list[str]:
    return [command.strip() for run in all_of("RUN") for command in run.split("&&")]


def test_the_image_installs_what_make_service_installs() -> None:
    made = subprocess.run(
        ["make", "-n", "--no-print-directory", "service", "PYTHON=python3", "VENV=/opt/tactful"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    ).stdout.splitlines()  # fmt: skip
    first = next(step.rest for step in stages()[0] if step.name == "RUN")
    assert [command.strip() for command in first.split("&&")] == made


def test_a_server_gets_every_extra_but_those_that_develop_train_with_torch_or_draw() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    installed = re.search(r"'\.\[([\w,]+)\]'", (DEPLOY / "Dockerfile").read_text())
    assert installed is not None
    named = set(installed[1].split(","))
    assert named <= extras
    assert extras - named == {"batch", "calendar", "plan", "report", "train", "flink", "dev"}


def test_the_image_s_python_is_one_that_the_package_is_made_for() -> None:
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    bases = {text.split(" AS ")[0] for text in all_of("FROM")}
    assert len(bases) == 1, "the environment is moved from one stage to the other: both need the same Python"
    (base,) = bases
    assert base.startswith(f"python:{oldest}-")
    assert "latest" not in base


def test_the_service_runs_without_rights_and_owns_its_data_only() -> None:
    user = last("USER")
    assert user.isdigit(), "a number lets an orchestrator prove that it is not root"
    assert int(user) > 0
    assert f"--uid {user}" in " ".join(commands())
    names = [step.name for step in stages()[-1]]
    assert "RUN" not in names[names.index("USER") :]
    assert not re.search(r"chmod|chown -R|sudo", " ".join(commands()))


def test_packages_of_the_system_are_few_and_leave_no_lists_behind() -> None:
    for run in all_of("RUN"):
        if "apt-get" in run:
            assert "apt-get update" in run
            assert "apt-get install -y --no-install-recommends" in run
            assert "rm -rf /var/lib/apt/lists/*" in run
            assert "upgrade" not in run


def test_nothing_is_fetched_besides_packages_and_no_secret_is_baked_in() -> None:
    assert all_of("ADD") == []
    assert not re.search(r"\b(curl|wget|git)\b|https?://(?!127\.0\.0\.1)", " ".join(commands()))
    assert not re.search(r"(?i)secret|password|token", " ".join([*all_of("ENV"), *all_of("ARG")]))


def test_what_is_copied_is_there_and_gets_into_the_build() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    copied = [word for rest in all_of("COPY") if "--from" not in rest for word in rest.split()[:-1]]
    assert ignored[0] == "*"
    assert sorted(copied) == sorted(kept)
    for name in copied:
        assert (ROOT / name).exists()
        assert not any(fnmatch.fnmatch(name, line) for line in ignored[1:] if not line.startswith("!"))
    folder = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {folder["readme"], *folder["license-files"]} <= set(copied)


@pytest.mark.parametrize("name", ["ENTRYPOINT", "CMD"])
def test_signals_reach_the_service_and_no_shell(name: str) -> None:
    assert all(isinstance(word, str) for word in json.loads(last(name)))


def test_its_health_is_asked_from_within() -> None:
    check = last("HEALTHCHECK")
    assert "/readyz" in check
    words = json.loads(check[check.index("CMD") + 3 :])
    compile(words[-1], "healthcheck", "exec")


def test_paths_are_absolute() -> None:
    assert all(path.startswith("/") for path in all_of("WORKDIR"))
