"""A small store of an app that sends at random on most days: what `tactful promote` judges a ranker on.

People answer e-mails more than pushes. `fill_store` lets some days pass, and `live` some more, as a canary needs. The
store keeps two rankers without putting one in force, a better and a worse one; `better.txt` and `worse.txt` beside it
name their versions. As a script it lets so many days pass in `app.db`: `python later.py 2`.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tactful import draws
from tactful.clock import SimulatedClock, from_us, to_us
from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.events.records import Candidate, Decision, Engagement, EngagementKind, Input, User
from tactful.models import in_force, served
from tactful.models.protocol import RANK_HEADS
from tactful.models.served_ranker import ServedRanker
from tactful.runtime.embedded import Engine
from tactful.runtime.log_spans import through
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.stores.sqlite import SqliteStore

START = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE, DAYS = 400, 12
SETTINGS = Settings(
    seed=3,
    exploration=Exploration(
        random_send=0.7, greedy_send=0.0, greedy_no_send=0.0, slot_epsilon=0.0, volume_share=0.0, logged_sends=1.0
    ),
    rules=Rules(price="none"),
    volume=Volume(per_user_per_week=7.0, headroom=0.0),
    timing=Timing(jobs_per_send=1, min_jobs=1),
)
CHANCES: dict[str, tuple[tuple[EngagementKind, float], ...]] = {
    "email": (("open", 0.6), ("click", 0.4), ("unsubscribe", 0.004)),
    "push": (("click", 0.15), ("disable", 0.004)),
}
_GRAPHS = Path(__file__).parent / "fixtures" / "ranker.msgpack"


def fill_store(path: Path, people: int = PEOPLE, days: int = DAYS) -> None:
    """Writes the store, and the two versions beside it."""
    store = SqliteStore(path, synchronous="normal")
    for name, offset in (("better", 2.0), ("worse", -2.0)):
        model = _ranker(offset)
        in_force.keep(store, model)
        (path.parent / f"{name}.txt").write_text(model.version, encoding="utf-8")
    engine = Engine(store, SETTINGS, clock=SimulatedClock(to_us(START)))
    engine.submit([_user(i) for i in range(people)])
    engine.advance(START)
    engine.close()
    live(path, days, people)


def live(path: Path, days: int, people: int = PEOPLE) -> None:
    """Lets days pass in the store's app, from where it stands."""
    store = SqliteStore(path, synchronous="normal")
    begin = from_us(through(store))
    clock = SimulatedClock(to_us(begin))
    engine = Engine(store, SETTINGS, clock=clock)
    for _ in range(days):
        clock.set(to_us(begin + timedelta(minutes=1)))
        engine.submit([_candidate(begin, i) for i in range(people)])
        decided = engine.advance(begin + timedelta(hours=22))
        clock.set(to_us(begin + timedelta(hours=23)))
        engine.submit([one for sent in decided if sent.action == "send" for one in _answers(sent)])
        begin += timedelta(days=1)
        engine.advance(begin)
    engine.close()


def _ranker(offset: float) -> ServedRanker:
    """A ranker of random weights that foretells so much more, in log odds, of clicks in e-mails."""
    made: ServedRanker = served.load(_GRAPHS.read_bytes())
    told = made.parameters()
    by_head = np.array(told["offset"], dtype=np.float64)
    by_head[0, RANK_HEADS.index("click")] += offset
    return ServedRanker(**{**told, "offset": by_head})


def _user(i: int) -> User:
    return User(
        user_id=f"u{i}", addresses={"email": f"u{i}@app.invalid", "push": f"push-{i}"}, opt_in=("email", "push")
    )


def _candidate(day: datetime, i: int) -> Candidate:
    payload = {"title": "A tale", "url": "https://app.invalid/1"}
    return Candidate(
        candidate_id=f"c{day:%m%d}-{i}", user_id=f"u{i}", type="recommendation", created_at=day, payload=payload
    )


def _answers(sent: Decision) -> list[Input]:
    """What the person does about it, by hash; a click brings her into the app."""
    found: list[Input] = []
    for kind, chance in CHANCES[str(sent.channel)]:
        if draws.uniform(5, draws.key(sent.decision_id), 0, kind)[0] < chance:
            found.append(_act(sent, kind, minutes=1))
            if kind == "click":
                found.append(_act(sent, "session", minutes=2))
    return found


def _act(sent: Decision, kind: EngagementKind, minutes: int) -> Engagement:
    return Engagement(
        engagement_id=f"{kind}-{sent.decision_id}",
        user_id=sent.user_id,
        kind=kind,
        at=sent.at + timedelta(minutes=minutes),
        decision_id=sent.decision_id,
        channel=None if kind == "session" else sent.channel,
    )


if __name__ == "__main__":
    live(Path("app.db"), days=int(sys.argv[1]))
