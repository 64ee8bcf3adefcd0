"""The benchmark of delivery keeps working, and grouping does save commits."""

import runpy
from pathlib import Path

from tactful.delivery.channels.memory import MemoryChannel

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "delivery_speed.py"))


def test_a_loop_needs_a_tenth_of_the_commits_of_one_by_one() -> None:
    single = SCRIPT["sent"]("one by one", 100, {"push": MemoryChannel()}, 0, "push")
    looped = SCRIPT["sent"]("loop", 100, {"push": MemoryChannel()}, 8, "push")
    assert single.commits_a_message == 2.0
    assert looped.commits_a_message < 0.2
    assert single.messages == looped.messages == 100
