"""A new event type competes for the volume that there is; it adds none."""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np

import tactful.events
from stage import MONDAY, person, told
from tactful.clock import SimulatedClock, from_us, to_us
from tactful.events.records import Candidate, Input, Item
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

SHIPPED = Path(tactful.events.__file__).parent / "types"
PEOPLE, DAYS, ADDED = 150, 12, 5


def candidates(kind: str, first_day: int, seed: int) -> list[Candidate]:
    """One a person and day, at any hour."""
    rng = np.random.default_rng(seed)
    found = []
    for day in range(first_day, DAYS):
        for i, hour in enumerate(rng.uniform(0.0, 24.0, PEOPLE).tolist()):
            at = MONDAY + timedelta(days=day, hours=hour)
            item = Item(item_id=f"i{day}-{i}", category=i % 7, quality=0.5)
            one = told(f"{kind}-{day}-{i}", "recommendation", f"u{i}", at, items=(item,))
            found.append(msgspec.structs.replace(one, type=kind))
    return found


def sends_a_day(folder: Path, with_new_type: bool) -> tuple[list[int], Counter[str]]:
    folder.mkdir()
    for name in ("recommendation", "new_follower"):
        (folder / f"{name}.toml").write_text((SHIPPED / f"{name}.toml").read_text())
    engine = Engine(MemoryStore(), Settings(seed=11, event_types=str(folder)), clock=SimulatedClock(to_us(MONDAY)))
    engine.submit([person(f"u{i}", "push") for i in range(PEOPLE)])
    come: list[Input] = [*candidates("recommendation", 0, 1)]
    if with_new_type:
        text = (SHIPPED / "recommendation.toml").read_text()
        (folder / "a_new_one.toml").write_text(re.sub("^priority = .*$", "priority = 0.9", text, flags=re.MULTILINE))
        come += candidates("a_new_one", ADDED, 2)
    inputs = sorted((to_us(c.created_at), c.candidate_id, c) for c in come if isinstance(c, Candidate))
    engine.submit([c for *_, c in inputs], [at for at, *_ in inputs])
    sends = [d for d in engine.advance(from_us(to_us(MONDAY + timedelta(days=DAYS)))) if d.action == "send"]
    by_day = Counter((d.at - MONDAY).days for d in sends)
    return [by_day[day] for day in range(DAYS)], Counter(str(d.type) for d in sends)


def test_a_new_type_does_not_raise_the_volume(tmp_path: Path) -> None:
    without, _ = sends_a_day(tmp_path / "without", with_new_type=False)
    with_it, types = sends_a_day(tmp_path / "with", with_new_type=True)
    assert without[:ADDED] == with_it[:ADDED]
    before, after = sum(without[ADDED:]), sum(with_it[ADDED:])
    assert types["a_new_one"] > 0.2 * after
    assert after <= before + 2.0 * np.sqrt(before)
    target = Settings().volume.per_user_per_week / 7 * PEOPLE * (DAYS - ADDED)
    assert after <= target * 1.1
