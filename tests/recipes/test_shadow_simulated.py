"""The simulated sender of the shadow recipe: at nine on everybody's clock, once a day, the same in every run."""

import csv
import runpy
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from tactful.simulator import world

RECIPE = Path(__file__).parents[2] / "recipes" / "shadow_simulated.py"
PEOPLE, DAYS = 12, 3


def test_everybody_is_told_at_nine_once_a_day(tmp_path: Path) -> None:
    recipe = runpy.run_path(str(RECIPE))
    sender = recipe["live"](tmp_path, PEOPLE, DAYS)
    recipe["write"](tmp_path / "sends.csv", sender)
    users = world.make(recipe["SEED"], PEOPLE).users()
    with (tmp_path / "sends.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > PEOPLE
    days = set()
    for row in rows:
        zone = ZoneInfo(users.zones[users.zone[int(row["user"][1:])]])
        local = datetime.fromisoformat(row["at"]).astimezone(zone)
        assert local.hour in (9, 10), "hours of the world are those of UTC: half of an hour is the next one's"
        days.add((row["user"], local.date()))
    assert len(days) == len(rows)
    assert len({row["event"] for row in rows}) == len(rows)
    assert np.array([int(row["clicked"]) for row in rows]).max() <= 1
