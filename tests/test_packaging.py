"""What a user installs: bounds that other packages can live with, serving without torch, no address of a registry."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SERVING = ("runtime", "api", "decision", "features", "stores", "delivery", "events", "experiments")
FLINK_PINS = {"numpy": "2.1.3", "pyarrow": "16.1.0"}
"""What apache-flink 2.3 asks for."""

_IMPORT_ALL = """
import importlib, json, pkgutil, sys
sys.modules["torch"] = None  # any import of it fails now
imported = []
for room in json.loads(sys.argv[1]):
    package = importlib.import_module(f"tactful.{room}")
    imported += [package.__name__]
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
        imported += [found.name]
print(json.dumps(imported))
"""


def project() -> dict[str, list[str]]:
    declared: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return declared


def test_lower_bounds_admit_what_flink_pins() -> None:
    requirements = {r.name: r for r in map(Requirement, project()["dependencies"])}
    for name, version in FLINK_PINS.items():
        assert requirements[name].specifier.contains(version)


def test_core_dependencies_stay_few_and_without_torch() -> None:
    names = {Requirement(text).name for text in project()["dependencies"]}
    assert len(names) <= 12
    assert not names & {"torch", "apache-flink", "altair"}


def test_serving_rooms_import_without_torch() -> None:
    rooms = [room for room in SERVING if (ROOT / "src" / "tactful" / room).is_dir()]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, json.dumps(rooms)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stdout)
    assert {f"tactful.{room}" for room in rooms} <= set(imported)
    assert len(imported) > 40


def test_no_file_names_a_package_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("conda", "anaconda", "org"))]
    hosts += [".".join(parts) for parts in (("registry", "npmjs", "org"), ("download", "pytorch", "org"))]
    found = []
    for name in filter(None, listed):
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 2_000_000:
            text = path.read_bytes()
            found += [(name, host) for host in hosts if host.encode() in text]
    assert found == []
