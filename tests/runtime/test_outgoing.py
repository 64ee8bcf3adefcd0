"""What the outbox says, and what the engine counts."""

from stage import App, act, at, person, told
from tactful.delivery.outbox import decode
from tactful.events.records import Item


def test_items_are_shown_by_her_interest_then_by_quality() -> None:
    app = App()
    app.submit(at(8), person(), act("e1", "view", at(7), category=3), act("e2", "view", at(7), category=3))
    items = (Item("plain", 1, 0.2), Item("good", 1, 0.9), Item("hers", 3, 0.1))
    app.submit(at(9), told("c", "security_alert", created=at(9), items=items))
    app.run(at(10))
    (row,) = app.store.pending(10, app.clock.now_us())
    assert decode(row.message).items == ("hers", "good", "plain")


def test_the_engine_counts_what_it_takes_and_decides() -> None:
    app = App()
    app.submit(at(8), person(), act("e1", "view", at(7)), act("e1", "view", at(7)))
    app.submit(at(9), told("c", "security_alert", created=at(9)))
    app.run(at(10))
    counts = app.engine.telemetry.snapshot()
    assert counts["engine.inputs.accepted"] == 3
    assert counts["engine.inputs.duplicate"] == 1
    assert counts["engine.decisions.send"] == 1
