"""What the jobs are compared with. These tests run in Flink's own environment: `make flink-test` and `make flink-full`.

Its pins (numpy, pyarrow) are others than ours, so the ordinary run of tests has no Flink: there these tests say so and
are skipped.
"""

import importlib.util
import os
from pathlib import Path

import pytest

from flink_jobs import exported, permuted
from shards import Left, embedded, everything, left_by
from stage import App
from streams import BUSY, START
from tactful.clock import DAY_US, HOUR_US, from_us, to_us
from tactful.events import switches
from tactful.events.records import Input
from tactful.events.switches import Switch

FULL = bool(os.environ.get("TACTFUL_FLINK_FULL"))
USERS = 5_000 if FULL else 500
DAYS = 0.7
END = to_us(START) + int(DAYS * DAY_US) + HOUR_US


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Says where these tests run, if that is not here."""
    if importlib.util.find_spec("pyflink") is not None:
        return
    elsewhere = pytest.mark.skip(reason="runs in Flink's own environment: make flink-test")
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(elsewhere)


def switched() -> list[tuple[int, Input]]:
    """Returns an hour's turn of the kill switch of everything, and one of that of a channel."""
    at = [from_us(to_us(START) + int(hours * HOUR_US)) for hours in (12.4, 13.4, 14.7, 15.7)]
    turns = [
        Switch("all", "", True, at[0]),
        Switch("all", "", False, at[1]),
        Switch("channel", "push", True, at[2]),
        Switch("channel", "push", False, at[3]),
    ]
    return [(to_us(turn.at), switches.control(turn, version)) for version, turn in enumerate(turns, 1)]


@pytest.fixture(scope="session")
def app() -> App:
    """The engine that has decided on all kinds of inputs of simulated people."""
    told = [*everything(1, USERS, DAYS), *switched()]
    return embedded(sorted(told, key=lambda pair: pair[0]), BUSY, END)


@pytest.fixture(scope="session")
def alone(app: App) -> Left:
    return left_by(app)


@pytest.fixture(scope="session")
def ordered(app: App, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(app, BUSY, tmp_path_factory.mktemp("flink") / "ordered")


@pytest.fixture(scope="session")
def shuffled(ordered: Path) -> Path:
    return permuted(ordered, ordered.parent / "shuffled")
