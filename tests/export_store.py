"""A small store with a week of sends and clicks behind it: what the page on exports takes for granted."""

from datetime import timedelta
from pathlib import Path

from objectives_store import DAYS, START, inputs
from tactful.clock import SimulatedClock, to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import Decision, Engagement
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

SETTINGS = Settings(seed=5, exploration=Exploration(random_send=0.1, greedy_no_send=0.1))


def fill_store(path: Path) -> None:
    """Writes the store: every third message is clicked an hour later."""
    engine = Engine(SqliteStore(path, synchronous="normal"), SETTINGS, clock=SimulatedClock(to_us(START)))
    pairs = inputs()
    number = 0
    for day in range(DAYS):
        begin, end = START + timedelta(days=day), START + timedelta(days=day + 1)
        today = [(at, record) for at, record in pairs if begin <= at < end]
        engine.submit([record for _, record in today], [to_us(at) for at, _ in today])
        for decision in engine.advance(end - timedelta(seconds=1)):
            if decision.action == "send":
                number += 1
                if number % 3 == 0:
                    engine.submit([_click(decision)], [to_us(end)])
    engine.close()


def _click(decision: Decision) -> Engagement:
    return Engagement(
        engagement_id=f"click-{decision.decision_id}",
        user_id=decision.user_id,
        kind="click",
        at=decision.at + timedelta(hours=1),
        decision_id=decision.decision_id,
        channel=decision.channel,
    )
