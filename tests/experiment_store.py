"""A small store in which an experiment runs: people come by habit, and click messages in the evening more often.

For five days nothing is compared; then, if it is to run, half of the people get messages in the evening only.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from answering import answers
from tactful import draws
from tactful.clock import SimulatedClock, to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import Candidate, Decision, Engagement, Input, User
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.runtime.embedded import Engine
from tactful.runtime.experiments_in_force import add
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore

START = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE, BEFORE, DURING = 300, 5, 10
SETTINGS = Settings(
    exploration=Exploration(random_send=0.0, greedy_send=0.0, greedy_no_send=0.0, slot_epsilon=0.0, volume_share=0.0),
    volume=Volume(per_user_per_week=5.0),
    timing=Timing(jobs_per_send=1, min_jobs=1),
)
EXPERIMENT = Experiment(
    name="evening",
    arms=(
        ExperimentArm("control", 0.5),
        ExperimentArm("evening", 0.5, rules={"send_windows": ["17:00-22:00"]}),
    ),
    metrics=("clicks/sends", "active_days"),
)
EVENING = 17
CLICKS_BY_DAY, CLICKS_IN_THE_EVENING, LEAVES = 0.05, 0.4, 0.01


def fill_store(path: Path, with_experiment: bool) -> None:
    """Writes the store: the days before, and those of the experiment, if it is to run."""
    store = SqliteStore(path, synchronous="normal")
    fill(store, with_experiment).close()


def fill(
    store: Store, with_experiment: bool, people: int = PEOPLE, before: int = BEFORE, during: int = DURING
) -> Engine:
    """Lets the app live in a store, day by day, and returns its engine."""
    clock = SimulatedClock(to_us(START))
    engine = Engine(store, SETTINGS, clock=clock)
    engine.submit([_user(i) for i in range(people)])
    for day in range(before + during if with_experiment else before):
        begin = START + timedelta(days=day)
        if day == before:
            add(store, EXPERIMENT)
        clock.set(to_us(begin + timedelta(hours=1)))
        engine.submit([_candidate(day, i, begin + timedelta(hours=1)) for i in range(people)])
        decided = engine.advance(begin + timedelta(hours=23))
        clock.set(to_us(begin + timedelta(hours=23)))
        visits = [_visit(day, i, begin + timedelta(hours=20)) for i in range(people) if _comes(day, i)]
        engine.submit([*visits, *(one for sent in decided if sent.action == "send" for one in _answers(sent))])
    engine.advance(begin + timedelta(days=1))
    return engine


def _user(i: int) -> User:
    return User(
        user_id=f"u{i}", addresses={"email": f"u{i}@app.invalid", "push": f"push-{i}"}, opt_in=("email", "push")
    )


def _candidate(day: int, i: int, at: datetime) -> Candidate:
    payload = {"title": "A tale", "url": "https://app.invalid/1"}
    return Candidate(candidate_id=f"c{day}-{i}", user_id=f"u{i}", type="recommendation", created_at=at, payload=payload)


def _comes(day: int, i: int) -> bool:
    """Whether she comes by herself: some do nearly every day, some nearly never."""
    habit = draws.uniform(5, i, 0, "habit")[0]
    return bool(draws.uniform(5, i, day, "visit")[0] < habit**2)


def _visit(day: int, i: int, at: datetime) -> Engagement:
    return Engagement(engagement_id=f"visit-{day}-{i}", user_id=f"u{i}", kind="session", at=at)


def _answers(sent: Decision) -> list[Input]:
    """What the person does about it."""
    click = CLICKS_IN_THE_EVENING if sent.at.hour >= EVENING else CLICKS_BY_DAY
    return answers(sent, (("click", click), ("unsubscribe", LEAVES)))
