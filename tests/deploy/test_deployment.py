"""The compose file, the systemd unit and the example of settings say what the code knows."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tactful.api.limits import is_loopback
from tactful.cli.app import app
from tactful.delivery.settings import Smtp
from tactful.runtime.settings import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "tactful.service"
EXPOSURE = 20
"""Of 100, as `systemd-analyze security` counts; it was 14 when this was written."""


def container() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["tactful"]
    return found


def parsed(words: list[str]) -> dict[str, Any]:
    """What the command line makes of these words; it refuses an option that there is not."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = group.commands[words[0]].make_context(words[0], list(words[1:])).params
    return found


def exec_start() -> list[str]:
    (line,) = [line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart=")]
    return line.removeprefix("ExecStart=").split()


def test_the_example_of_settings_loads_and_so_does_what_stands_in_its_comments(tmp_path: Path) -> None:
    assert load(DEPLOY / "settings.toml").volume.per_user_per_week == 3.0
    lines = (DEPLOY / "settings.toml").read_text().splitlines()
    told = [re.sub(r"^# (?=\[|\w+ = )", "", line) for line in lines]
    assert sum(a != b for a, b in zip(lines, told, strict=True)) == 9
    (tmp_path / "all.toml").write_text("\n".join(told))
    settings = load(tmp_path / "all.toml")
    assert isinstance(settings.channels.email, Smtp)
    assert {settings.channels.email.password_env, settings.api.secret_env} <= set(container()["environment"])


def test_what_the_container_runs_is_a_command_and_its_files_are_mounted() -> None:
    options = parsed(container()["command"])
    mounted = [volume.split(":") for volume in container()["volumes"]]
    targets = [Path(each[1]) for each in mounted]
    assert options["store"].parent in targets
    assert options["settings"] in targets
    assert (DEPLOY / "settings.toml").is_file()
    assert not is_loopback(options["host"])
    assert container()["ports"] == [f"127.0.0.1:{options['port']}:{options['port']}"]


def test_the_container_may_write_to_its_volume_only_and_has_no_rights() -> None:
    found = container()
    assert (found["read_only"], found["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in found["security_opt"]
    assert (DEPLOY.parent / found["build"]["dockerfile"]).is_file()


def test_what_the_unit_runs_is_a_command_over_folders_that_the_unit_makes() -> None:
    binary, *words = exec_start()
    options = parsed(words)
    text = UNIT.read_text()
    assert binary == "/opt/tactful/bin/tactful"
    assert f"StateDirectory={options['store'].parent.name}\n" in text
    assert is_loopback(options["host"])
    assert "\nMemoryDenyWriteExecute" not in text, "compiled loops are written and then run"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there, so that systemd can look at all the rest."""
    here = tmp_path / "tactful.service"
    here.write_text(UNIT.read_text().replace(exec_start()[0], sys.executable))
    return here


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_unit(unit: Path) -> None:
    found = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_stays_shut_in(unit: Path) -> None:
    found = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(unit)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout[-300:]
