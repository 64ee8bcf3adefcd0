"""Budget plans: picked up by a running engine, applied to known users, replayed and recovered byte for byte."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stage import CALM, App, at, decision_bytes, person, plan_bytes, replayed, told
from streams import BUSY, START, stream
from tactful import draws
from tactful.clock import DAY_US, HOUR_US, SimulatedClock, from_us, to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.budget_plan import budget_plan
from tactful.events.records import BudgetAssignment, BudgetPlan, Input, encode
from tactful.runtime.embedded import Engine
from tactful.runtime.replaying import verify
from tactful.stores.protocols import LoggedInput
from tactful.stores.sqlite import SqliteStore


def plan(given: dict[str, int], when: datetime, plan_id: str = "p1", **fields: object) -> BudgetPlan:
    keys = np.array([draws.key(user) for user in given], dtype=np.uint64)
    k = np.array(list(given.values()), dtype=np.uint8)
    (made,) = budget_plan(plan_id, 0, keys, k, when, "volume-1", 0.01)
    return msgspec.structs.replace(made, **fields)


def k_of(app: App, user: str = "ann") -> tuple[int, int]:
    """The budget assigned and the one in force."""
    row = app.row(user)
    return int(row["k"]), int(row["k_now"])


def test_a_plan_is_in_force_from_the_next_days_plan_on() -> None:
    app = App()
    app.submit(at(1), person("ann"), person("bob"))
    app.submit(at(2), plan({"ann": 1, "bob": 4}, at(2)))
    app.run(at(3))
    assert [k_of(app, user)[0] for user in ("ann", "bob")] == [1, 4]
    assert k_of(app)[1] > 4
    app.run(at(25))
    assert [k_of(app, user)[1] for user in ("ann", "bob")] == [1, 4]


def test_the_later_of_a_plan_and_an_assignment_holds() -> None:
    app = App()
    app.submit(at(1), person())
    app.submit(at(2), plan({"ann": 1}, at(2)))
    app.submit(at(3), BudgetAssignment(assignment_id="b1", user_id="ann", period=0, k=2, at=at(3)))
    app.run(at(4))
    assert k_of(app)[0] == 2
    app.submit(at(5), plan({"ann": 3}, at(5), "p2"))
    app.run(at(6))
    assert k_of(app)[0] == 3


def test_a_user_of_the_randomised_slice_keeps_the_budget_that_was_drawn() -> None:
    app = App(msgspec.structs.replace(CALM, exploration=Exploration(0.0, 0.0, 0.0, 0.05, 0.0, 1.0, 8, (7,))))
    app.submit(at(1), person())
    app.submit(at(2), plan({"ann": 0}, at(2)))
    app.run(at(50))
    assert k_of(app) == (0, 7)


def test_users_that_are_not_known_are_counted_and_the_others_get_their_budgets() -> None:
    app = App()
    app.submit(at(1), person())
    receipt = app.submit(at(2), plan({"ann": 1, "cid": 2, "dan": 3}, at(2)))
    app.run(at(3))
    assert receipt.accepted == 1
    assert k_of(app)[0] == 1
    assert app.engine.user_ids == ["ann"]
    assert app.engine.telemetry.snapshot()["engine.budgets.unknown_users"] == 2
    assert "2 users of 3" in app.store.rejects(1)[0].reason


@pytest.mark.parametrize("together", [True, False])
def test_a_user_who_comes_after_a_plan_does_not_get_its_budget_however_inputs_are_cut(together: bool) -> None:
    app = App()
    app.submit(at(1), person())
    records: list[Input] = [plan({"ann": 1, "cid": 2}, at(2)), person("cid")]
    stamps = [to_us(at(2)), to_us(at(2)) + 1]
    parts = [slice(0, 2)] if together else [slice(0, 1), slice(1, 2)]
    for part in parts:
        app.engine.submit(records[part], stamps[part])
    app.run(at(3))
    assert (k_of(app)[0], k_of(app, "cid")[0]) == (1, -1)


def test_a_part_that_comes_twice_is_taken_once_and_other_content_is_a_conflict() -> None:
    app = App()
    app.submit(at(1), person())
    assert app.submit(at(2), plan({"ann": 1}, at(2))).accepted == 1
    assert app.submit(at(3), plan({"ann": 1}, at(2))).duplicates == 1
    (refused,) = app.submit(at(4), plan({"ann": 5}, at(2))).rejected
    assert "known with other content" in refused.reason
    app.run(at(5))
    assert k_of(app)[0] == 1


def test_a_corrupt_part_is_refused_with_what_is_wrong_and_changes_nothing() -> None:
    app = App()
    app.submit(at(1), person())
    (refused,) = app.submit(at(2), plan({"ann": 1}, at(2), budgets=b"12")).rejected
    app.run(at(3))
    assert "8 bytes of users and 2 of budgets" in refused.reason
    assert k_of(app)[0] == -1


def busy_stream() -> list[tuple[int, Input]]:
    """A stream with a plan in it every seven hours, for all and some unknown."""
    plans = []
    for i in range(8):
        stamp = to_us(START) + (3 + 7 * i) * HOUR_US
        budgets = {f"user-{u}": (u + i) % 9 for u in range(30)}
        plans.append((stamp, plan(budgets, from_us(stamp), f"p{i}")))
    return sorted([*stream(4, 24, 2.5), *plans], key=lambda pair: pair[0])


def left(app: App) -> tuple[dict[str, bytes], list[bytes], list[bytes]]:
    return app.rows(), decision_bytes(app), plan_bytes(app)


def test_replay_and_recovery_with_plans_leave_the_same_bytes_however_the_log_is_cut() -> None:
    records, end = busy_stream(), to_us(START) + int(2.5 * DAY_US)
    whole = replayed(records, BUSY, [end])
    k = whole.engine.population.table.rows["k"]
    assert len(set(k.tolist())) > 5
    cut = replayed(records, BUSY, [*range(to_us(START), end, 5 * HOUR_US), end], submit_at_once=3)
    assert left(cut) == left(whole)
    interrupted = App(BUSY, start=from_us(0))
    for day in range(3):
        first, last = to_us(START) + day * DAY_US, min(to_us(START) + (day + 1) * DAY_US - 1, end)
        due = [(stamp, record) for stamp, record in records if first <= stamp <= last]
        interrupted.engine.submit([r for _, r in due], [s for s, _ in due])
        interrupted.restart()
        interrupted.run(from_us(last))
        interrupted.restart()
    interrupted.run(from_us(end))
    assert left(interrupted) == left(whole)
    assert verify(whole.store, BUSY).equal


# --- the mailbox ------------------------------------------------------------------------------------------------------


def test_a_running_engine_takes_what_is_posted_before_its_next_micro_batch() -> None:
    app = App()
    app.submit(at(1), person())
    app.store.post([encode(plan({"ann": 2}, at(2))), encode(told("c1", created=at(2)))])
    app.clock.set(to_us(at(2)))
    app.run(at(3))
    assert k_of(app)[0] == 2
    assert [d.candidate_id for d in app.of("send")] == ["c1"] or app.row()["c_len"] == 1
    assert app.store.posted() == 0
    assert [line.log_ts_us for line in app.store.read(0, 9)] == [to_us(at(2))] * 2


def test_what_was_posted_while_nobody_ran_is_taken_on_opening() -> None:
    app = App()
    app.submit(at(1), person())
    app.store.post([encode(plan({"ann": 2}, at(2)))])
    app.restart()
    assert app.store.posted() == 0
    app.run(at(3))
    assert k_of(app)[0] == 2


def test_a_letter_that_cannot_be_taken_is_kept_with_its_reason_and_holds_nobody_up() -> None:
    app = App()
    app.submit(at(1), person())
    broken = encode(plan({"ann": 2}, at(2), "p0", budgets=b""))
    unknown = encode(told("c0", created=at(2), payload={}))
    app.store.post([b"no record", broken, unknown, encode(plan({"ann": 2}, at(2)))])
    app.run(at(3))
    assert k_of(app)[0] == 2
    reasons = {reject.data: reject.reason for reject in app.store.rejects(9)}
    assert set(reasons) == {b"no record", broken, unknown}
    assert "no input" in reasons[b"no record"]
    assert "8 bytes of users and 0 of budgets" in reasons[broken]
    assert app.engine.telemetry.snapshot()["engine.inputs.rejected"] == 3


def test_another_process_posts_budgets_into_the_file_of_a_running_engine(tmp_path: Path) -> None:
    app = App(store=SqliteStore(tmp_path / "app.db"))
    app.submit(at(1), person())
    program = (
        "import sys; import numpy as np; from pathlib import Path; from datetime import datetime\n"
        "from tactful import draws; from tactful.stores.sqlite import SqliteStore\n"
        "from tactful.events.budget_plan import budget_plan; from tactful.events.records import encode\n"
        "made = budget_plan('w1', 0, np.array([draws.key('ann')], dtype=np.uint64), np.array([6], dtype=np.uint8),\n"
        f"    datetime.fromisoformat('{at(2).isoformat()}'), 'm')\n"
        f"store = SqliteStore(Path({str(tmp_path / 'app.db')!r}))\n"
        "store.post([encode(p) for p in made]); store.close()\n"
    )
    posted = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert posted.returncode == 0, posted.stderr
    app.run(at(26))
    assert k_of(app) == (6, 6)
    app.engine.close()


class Died(Exception):
    """What ends a life in these tests."""


class MortalStore(SqliteStore):
    """A store whose process dies at a transaction's boundary: just before a commit, or right after it."""

    def __init__(self, path: Path, boundaries: int) -> None:
        self._left = boundaries
        super().__init__(path, synchronous="normal")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            self._live_on()
        self._live_on()

    def _live_on(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Died


def life(path: Path, boundaries: int) -> bool:
    """Opens the file, takes the post and decides; returns whether it lived to its end."""
    store = MortalStore(path, boundaries)
    try:
        engine = Engine(store, CALM, clock=SimulatedClock(to_us(at(2))))
        engine.advance(at(30))
        return True
    except Died:
        return False
    finally:
        store.close()


def posted(path: Path) -> Path:
    """A store that knows 20 people, with a plan in 20 long parts in its box: more than are taken at once."""
    app = App(store=SqliteStore(path))
    users = [f"u{i:02d}" for i in range(20)]
    app.submit(at(1), *map(person, users))
    keys = np.array([draws.key(user) for user in users], dtype=np.uint64)
    parts = budget_plan("w1", 0, keys, np.arange(20, dtype=np.uint8), at(1), most_users=1)
    app.store.post([encode(msgspec.structs.replace(part, model_version="m" * 60_000)) for part in parts])
    app.store.close()
    return path


def found(path: Path) -> tuple[list[LoggedInput], int, dict[str, bytes], list[bytes]]:
    app = App(store=SqliteStore(path))
    left = app.store.read(-1, 100), app.store.posted(), app.rows(), plan_bytes(app)
    app.store.close()
    return left


def test_a_death_at_any_transaction_loses_no_letter_and_takes_none_twice(tmp_path: Path) -> None:
    assert life(posted(tmp_path / "whole.db"), 1000)
    whole = found(tmp_path / "whole.db")
    assert len(whole[0]) == 40
    for boundaries in range(100):
        path = posted(tmp_path / f"{boundaries}.db")
        if life(path, boundaries):
            break
        assert life(path, 1000)
        assert found(path) == whole
    assert boundaries == 6  # twice the post is taken, once a micro-batch is committed: before and after each
