"""Kill switches of channels and types: within one micro-batch, in every replay, told in the reasons."""

from datetime import datetime

import pytest

from stage import App, at, codes, person, told
from tactful.clock import to_us
from tactful.delivery import stops
from tactful.events.records import Candidate, Control
from tactful.events.switches import Switch, What, control
from tactful.runtime.replaying import verify


def turn(what: What, name: str, on: bool, when: datetime) -> Control:
    return control(Switch(what, name, on, when, "test"), version=to_us(when))


def sent(app: App) -> dict[str | None, str | None]:
    return {d.candidate_id: d.channel for d in app.of("send")}


def alert(candidate_id: str, hour: float) -> Candidate:
    return told(candidate_id, "security_alert", created=at(hour))


@pytest.mark.parametrize(("what", "name"), [("channel", "push"), ("type", "security_alert")])
def test_a_stopped_part_gets_nothing_until_it_is_let_go(what: What, name: str) -> None:
    app = App()
    app.submit(at(8), person())
    app.submit(at(9), turn(what, name, True, at(9)))
    app.submit(at(10), alert("c1", 10))
    app.run(at(11))
    assert app.of("send") == []
    assert codes(app.of("hold")[-1]) == [f"{what}_stopped"]
    app.restart()
    app.submit(at(12), turn(what, name, False, at(12)))
    app.submit(at(12.5), alert("c2", 12.5))
    app.run(at(13))
    assert "c2" in sent(app)


def test_a_stopped_channel_leaves_the_others() -> None:
    app = App()
    app.submit(at(8), person("ann", "push", "email"))
    app.submit(at(9), turn("channel", "push", True, at(9)))
    app.submit(at(10), alert("c1", 10))
    app.run(at(10.1))
    assert sent(app) == {"c1": "email"}


def test_a_stopped_type_leaves_the_others() -> None:
    app = App()
    app.submit(at(8), person())
    app.submit(at(9), turn("type", "new_follower", True, at(9)))
    app.submit(at(10), told("c1", created=at(10)), alert("c2", 10))
    app.run(at(12))
    assert set(sent(app)) == {"c2"}


def test_a_switch_posted_by_another_process_holds_from_the_next_batch_on_and_is_on_record_once() -> None:
    app = App()
    app.submit(at(8), person())
    app.run(at(9))
    app.clock.set(to_us(at(9.5)))
    with app.store.transaction():
        stops.turn(app.store, Switch("channel", "push", True, at(9.5), "cli:eve"))
    app.submit(at(10), alert("c1", 10))
    app.run(at(11))
    assert app.of("send") == []
    assert stops.turned(app.store) == (Switch("channel", "push", True, at(9.5), "cli:eve"),)


def test_a_replay_meets_the_switches_where_the_run_met_them() -> None:
    app = App()
    app.submit(at(8), person("ann", "push", "email"), person("bob"))
    for i in range(12):
        hour = 9 + i / 4
        app.submit(at(hour), alert(f"a{i}", hour), told(f"b{i}", user_id="bob", created=at(hour)))
        on, when = i % 4 < 2, at(hour + 0.1)
        turned = turn("type", "security_alert", on, when) if i % 2 else turn("channel", "push", on, when)
        app.submit(when, turned)
    app.run(at(14))
    assert {"channel_stopped", "type_stopped"} <= {code for d in app.decisions for code in codes(d)}
    assert verify(app.store, app.settings).equal


@pytest.mark.parametrize("key", ["kill_switch.channel.pigeon", "kill_switch.colour", "kill_switch.type."])
def test_a_switch_of_nothing_is_refused(key: str) -> None:
    app = App()
    receipt = app.submit(at(8), Control(version=1, effective_at=at(8), key=key, value=True))
    assert "expected kill_switch" in receipt.rejected[0].reason
