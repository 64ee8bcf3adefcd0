"""A new event type comes into a running engine by one file, moves no other, and holds from one place of the log on."""

import re
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

import tactful.events
from stage import CALM, App, act, at, codes, person, told
from tactful.clock import HOUR_US, SimulatedClock, to_us
from tactful.errors import InvalidEventType
from tactful.events.records import Candidate, Control, Decision, decode, encode
from tactful.events.registry import Registry
from tactful.runtime import event_types
from tactful.runtime.embedded import Engine
from tactful.runtime.evidence import gather
from tactful.runtime.replaying import compare, verify
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore

SHIPPED = Path(tactful.events.__file__).parent / "types"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SHIPPED, tmp_path / "types")


def types_in(folder: Path, settings: Settings = CALM) -> Settings:
    return msgspec.structs.replace(settings, event_types=str(folder))


def add(folder: Path, name: str, text: str = "") -> None:
    """A type like `new_follower`, whose candidates wake a decision."""
    (folder / f"{name}.toml").write_text(text or (SHIPPED / "new_follower.toml").read_text())


def edit(file: Path, pattern: str, line: str) -> None:
    text = file.read_text()
    file.write_text(re.sub(pattern, line, text, flags=re.MULTILINE))
    assert file.read_text() != text


def offer(candidate_id: str, kind: str, hour: float, user_id: str = "ann") -> Candidate:
    return msgspec.structs.replace(told(candidate_id, created=at(hour), user_id=user_id), type=kind)


def lived(folder: Path) -> App:
    """An app into which a type whose name sorts first came at noon of the first day."""
    app = App(types_in(folder))
    app.submit(at(9), person("ann"), person("bob", type_opt_out=("win_back",)))
    app.submit(at(10), told("c1", created=at(10)))
    app.run(at(12))
    add(folder, "a_first")
    app.submit(at(13), offer("n1", "a_first", 13), told("w1", "win_back", "bob", created=at(13)))
    app.submit(at(16), offer("n2", "a_first", 16, user_id="bob"), act("e1", "session", at(16)))
    app.run(at(30))
    return app


def declarations(store: Store) -> list[tuple[int, Control]]:
    records = [(line.log_ts_us, decode(line.data)) for line in store.read(-1, 10_000)]
    return [(when, r) for when, r in records if isinstance(r, Control) and event_types.declares(r)]


def test_a_candidate_of_a_type_whose_file_was_just_added_is_told(folder: Path) -> None:
    app = lived(folder)
    assert {"n1", "n2"} <= {d.candidate_id for d in app.of("send", "ann") + app.of("send", "bob")}
    assert [d.type for d in app.of("send", "ann")][:2] == ["new_follower", "a_first"]


def test_a_new_type_moves_no_other(folder: Path) -> None:
    before = App(types_in(folder)).engine.registry
    after = lived(folder).engine.registry
    assert after.names == (*before.names, "a_first")


def test_an_opt_out_keeps_its_type_when_another_is_added(folder: Path) -> None:
    app = lived(folder)
    assert "w1" not in {d.candidate_id for d in app.of("send", "bob")}


def test_the_log_says_once_and_before_its_candidates_what_the_new_type_is(folder: Path) -> None:
    app = lived(folder)
    ((when, control),) = declarations(app.store)
    assert when == to_us(at(13))
    assert [each["name"] for each in control.value["declared"]] == ["a_first"]
    kinds = [type(decode(line.data)).__name__ for line in app.store.read(-1, 100) if line.log_ts_us == when]
    assert kinds == ["Control", "Candidate", "Candidate"]


def test_a_receipt_counts_what_was_submitted_and_not_what_the_engine_added(folder: Path) -> None:
    app = App(types_in(folder))
    app.submit(at(9), person())
    add(folder, "a_first")
    receipt = app.submit(at(13), offer("n1", "a_first", 13))
    assert (receipt.accepted, receipt.duplicates, receipt.rejected) == (1, 0, ())


def test_a_letter_of_a_new_type_is_taken_too(folder: Path) -> None:
    app = App(types_in(folder))
    app.submit(at(9), person())
    add(folder, "a_first")
    app.clock.set(to_us(at(12)))
    app.store.post([encode(offer("n1", "a_first", 12))])
    app.run(at(14))
    assert [d.type for d in app.of("send")] == ["a_first"]


def test_a_replay_of_the_log_decides_the_same_without_the_files(folder: Path) -> None:
    app = lived(folder)
    shutil.rmtree(folder)
    found = verify(app.store, app.settings)
    assert found.equal, found.difference
    assert found.decisions == len(app.decisions)


def test_a_crash_before_the_states_were_saved_again_is_recovered_from_the_log(folder: Path) -> None:
    app = lived(folder)
    count = app.store.count_decisions()
    app.restart()
    assert app.engine.registry.names[-1] == "a_first"
    app.submit(at(34), offer("n3", "a_first", 34))
    app.run(at(40))
    assert app.store.count_decisions() > count
    assert verify(app.store, app.settings).equal


def test_saved_states_carry_the_types_that_they_refer_to(folder: Path) -> None:
    app = lived(folder)
    app.engine.close()
    add(folder, "b_second")
    app.restart()
    assert app.engine.registry.names[-2:] == ("a_first", "b_second")
    assert verify(app.store, app.settings).equal


def test_types_that_come_in_one_batch_with_inputs_before_them_hold_from_their_place_on(folder: Path) -> None:
    """Recovery reads what was accepted in many calls at once, and must read each candidate by its own types."""
    app = App(types_in(folder))
    app.submit(at(22.5), person())
    app.engine.submit([told("c1", "recommendation", created=at(22.5))])
    edit(folder / "recommendation.toml", r'^lifetime = "\w+"', 'lifetime = "5h"')
    assert app.engine.reload_types() is not None
    app.engine.submit([told("c2", "recommendation", created=at(22.5))])
    app.run(at(23))
    live = app.row()["c_expires"][: int(app.row()["c_len"])].copy()
    shipped = next(each.lifetime for each in Registry.shipped().types if each.name == "recommendation")
    assert sorted(live - to_us(at(22.5))) == [5 * HOUR_US, shipped // timedelta(microseconds=1)]
    app.restart()
    assert app.row()["c_expires"][: int(app.row()["c_len"])].tolist() == live.tolist()


def test_an_edited_file_holds_from_the_reload_on_and_a_replay_knows(folder: Path) -> None:
    app = App(types_in(folder))
    app.submit(at(8), person())
    app.submit(at(12), told("c1", created=at(12)))
    app.run(at(13))
    edit(folder / "new_follower.toml", "^caps = .*$", "caps = { daily = 1 }")
    change = app.engine.reload_types()
    assert change is not None
    assert [each.name for each in change.declared] == ["new_follower"]
    assert app.engine.reload_types() is None
    app.submit(at(16), told("c2", created=at(16)))
    app.run(at(17))
    assert [d.candidate_id for d in app.of("send")] == ["c1"]
    assert "type_daily_cap" in codes(app.of("hold")[-1])
    assert verify(app.store, app.settings).equal


def test_a_broken_file_is_refused_with_its_reason_and_the_engine_keeps_its_types(folder: Path) -> None:
    app = App(types_in(folder))
    app.submit(at(9), person())
    add(folder, "a_first", 'channels = ["sms"]')
    with pytest.raises(InvalidEventType, match=r"a_first\.toml: channels"):
        app.engine.reload_types()
    receipt = app.submit(at(12), offer("n1", "a_first", 12), told("c1", created=at(12)))
    assert receipt.accepted == 1
    assert "a_first.toml: channels" in receipt.rejected[0].reason
    app.run(at(13))
    assert [d.candidate_id for d in app.of("send")] == ["c1"]
    assert declarations(app.store) == []
    add(folder, "a_first")
    assert app.submit(at(15), offer("n1", "a_first", 15)).accepted == 1


def test_a_type_whose_file_is_gone_takes_nothing_new_and_what_is_open_goes_on(folder: Path) -> None:
    app = App(types_in(folder))
    app.submit(at(9), person())
    app.submit(at(22.5), told("c1", created=at(22.5)))
    (folder / "new_follower.toml").unlink()
    change = app.engine.reload_types()
    assert change is not None
    assert change.retired == ("new_follower",)
    receipt = app.submit(at(23), told("c2", created=at(23)))
    assert "new_follower.toml back" in receipt.rejected[0].reason
    app.run(at(48))
    assert [d.candidate_id for d in app.of("send")] == ["c1"]
    app.restart()
    assert verify(app.store, app.settings).equal
    add(folder, "new_follower")
    assert app.submit(at(50), told("c3", created=at(50))).accepted == 1


def test_a_file_keeps_what_came_by_letter_and_by_call_when_its_engine_is_killed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    app = App(types_in(folder), store=SqliteStore(path))
    app.submit(at(9), person())
    add(folder, "a_first")
    SqliteStore(path).post([encode(offer("n1", "a_first", 12))])
    app.clock.set(to_us(at(12)))
    app.run(at(13))
    add(folder, "b_second")
    app.submit(at(16), offer("n2", "b_second", 16))
    del app.engine
    again = App(types_in(folder), store=SqliteStore(path), start=at(17))
    again.run(at(18))
    assert [d.type for d in again.of("send")] == ["b_second"]
    assert again.engine.registry.names[-2:] == ("a_first", "b_second")
    assert verify(again.store, again.settings).equal


def test_a_type_that_loses_a_channel_while_a_candidate_waits_does_not_use_it(folder: Path) -> None:
    app = App(types_in(folder))
    app.submit(at(9), person("ann", "push", "email"))
    app.submit(at(23), told("c1", created=at(23)))
    text = (folder / "new_follower.toml").read_text()
    start = text.index("[templates.push.")
    kept = re.sub(r"\[templates\.push\.\w+\]\n(.+\n)+", "", text[start:])
    head = text[:start].replace('channels = ["push", "in_app", "email"]', 'channels = ["email", "in_app"]')
    (folder / "new_follower.toml").write_text(head + kept)
    assert app.engine.reload_types() is not None
    app.run(at(47))
    assert [d.channel for d in app.of("send")] == ["email"]


def test_an_opt_out_of_a_type_that_is_yet_to_come_holds_when_it_comes(folder: Path) -> None:
    app = App(types_in(folder))
    app.submit(at(8), person("ann", type_opt_out=("a_first",)), person("bob", type_opt_out=("a_first",)))
    app.submit(at(9), person("bob"))
    app.run(at(10))
    app.engine.close()
    app.restart()
    add(folder, "a_first")
    app.submit(at(12), offer("n1", "a_first", 12), offer("n2", "a_first", 12, user_id="bob"))
    app.run(at(40))
    assert app.of("send", "ann") == []
    assert [d.candidate_id for d in app.of("send", "bob")] == ["n2"]
    assert verify(app.store, app.settings).equal


def test_other_settings_may_bring_types_of_their_own_to_a_comparison(folder: Path, tmp_path: Path) -> None:
    app = lived(folder)
    quieter = shutil.copytree(folder, tmp_path / "other")
    text = (quieter / "a_first.toml").read_text()
    (quieter / "a_first.toml").write_text(text.replace('wake = "now"', 'wake = "slot"'))
    found = compare(app.store, types_in(quieter))
    assert found.changed > 0
    assert found.replayed.by_type.get("a_first", 0) > 0


def test_an_explanation_knows_a_type_that_came_later(folder: Path) -> None:
    app = lived(folder)
    shutil.rmtree(folder)
    assert "a_first" in gather(app.store, app.settings, "ann").registry.names


def test_micro_batches_do_not_shift_the_place_of_a_new_type(folder: Path) -> None:
    """However the engine cuts its work, a timer before the change has the old types, and one after it the new."""
    made: list[list[Decision]] = []
    for until in ((30.0,), (12.5, 13.0, 14.0, 30.0)):
        store = MemoryStore()
        engine = Engine(store, types_in(SHIPPED), clock=SimulatedClock(to_us(at(8))))
        known = lived(shutil.copytree(SHIPPED, folder.parent / f"again{len(made)}"))
        lines = known.store.read(-1, 1_000)
        engine.submit([decode(line.data) for line in lines], [line.log_ts_us for line in lines])
        made.append([d for hour in until for d in engine.advance(at(0) + timedelta(hours=hour))])
    assert made[0] == made[1]
    assert "a_first" in {d.type for d in made[0]}
