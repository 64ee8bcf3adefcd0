"""Bad input, from the edge to the channel: a clear error, and nothing else lost."""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import objectives_store
from stage import PAYLOADS, App, act, at, codes, person, told, with_rules
from tactful.clock import to_us
from tactful.decision.rules import Rules
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.send import Sender
from tactful.errors import InvalidScores, StoreError
from tactful.events.records import CHANNELS, Cancel, Candidate, Decision, Engagement, Input, Item, User, decode
from tactful.models.click_rate import ClickRate
from tactful.models.protocol import ClickModel, Parameters
from tactful.runtime.embedded import Engine
from tactful.runtime.intake import candidate_key
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore


def naive(when: datetime) -> datetime:
    return when.replace(tzinfo=None)


BAD: dict[str, tuple[Input, str]] = {
    "unknown event type": (
        Candidate(candidate_id="bad", user_id="ann", type="new_folower", created_at=at(9)),
        "new_folower",
    ),
    "unknown time zone": (User(user_id="ann", timezone="Europe/Berlim"), "Europe/Berlin"),
    "naive time of a candidate": (told("bad", created=naive(at(9))), "naive"),
    "naive time of an engagement": (
        Engagement(engagement_id="bad", user_id="ann", kind="session", at=naive(at(9))),
        "naive",
    ),
    "NaN value": (act("bad", "conversion", at(9), value=math.nan), "finite"),
    "infinite value": (act("bad", "conversion", at(9), value=math.inf), "finite"),
    "NaN attribute": (User(user_id="ann", attributes={"age": math.nan}), "finite"),
    "NaN in the payload": (told("bad", payload={**PAYLOADS["new_follower"], "n": math.nan}), "got nan"),
    "category beyond 32 bits": (act("bad", "view", at(9), category=2**31), "category"),
    "item's category beyond 32 bits": (told("bad", created=at(9), items=(Item("i", 2**40),)), "items[0].category"),
    "1 MB payload": (told("bad", payload={**PAYLOADS["new_follower"], "text": "x" * 1_000_000}), "bytes"),
    "payload against its schema": (told("bad", payload={"url": "https://app.example"}), "follower_name"),
    "cancel of nothing": (Cancel(cancel_id="bad", user_id="ann", at=at(9)), "exactly one"),
}


@pytest.mark.parametrize(("bad", "word"), BAD.values(), ids=BAD)
def test_a_bad_record_is_refused_with_its_reason_and_takes_no_good_one_with_it(bad: Input, word: str) -> None:
    app = App()
    receipt = app.submit(at(9), person(), bad, told("good", created=at(9)))
    assert receipt.accepted == 2
    ((position, reason),) = [(r.position, r.reason) for r in receipt.rejected]
    assert position == 1
    assert word in reason
    app.run(at(10))
    assert [d.candidate_id for d in app.of("send")] == ["good"]


def test_an_equal_id_with_equal_content_counts_once() -> None:
    app = App()
    app.submit(at(9), person())
    first = app.submit(at(12), told("c1", created=at(12)))
    again = app.submit(at(12.1), told("c1", created=at(12)))
    assert (first.accepted, again.accepted, again.duplicates, again.rejected) == (1, 0, 1, ())
    app.run(at(40))
    assert len(app.of("send")) == 1


def test_an_equal_id_with_other_content_is_refused_and_kept_for_a_person() -> None:
    app = App()
    app.submit(at(9), person())
    app.submit(at(12), told("c1", created=at(12)))
    receipt = app.submit(at(12.1), told("c1", created=at(12), payload={**PAYLOADS["new_follower"], "more": 1}))
    assert (receipt.accepted, receipt.duplicates) == (0, 0)
    assert "known with other content" in receipt.rejected[0].reason
    assert [reject.kind for reject in app.store.rejects(10)] == ["conflict"]


def test_of_equal_ids_in_one_batch_the_same_one_wins_in_either_order() -> None:
    one, two = act("e1", "session", at(9)), act("e1", "view", at(9))
    kept = []
    for pair in ((one, two), (two, one)):
        app = App()
        assert app.submit(at(10), *pair).accepted == 1
        kept.append(app.store.read(-1, 10)[0].data)
    assert kept[0] == kept[1]


def test_engagements_out_of_order_and_older_than_the_state_are_taken_with_their_own_time() -> None:
    app = App()
    app.submit(at(100), person())
    app.run(at(101))
    for i, hour in enumerate((50.0, 3.0, 70.0)):
        assert app.submit(at(102 + i), act(f"e{i}", "session", at(hour))).accepted == 1
    app.run(at(106))
    row = app.row()
    assert row["e_at"][: row["e_len"]].tolist() == [to_us(at(h)) for h in (3.0, 50.0, 70.0)]


def test_a_candidate_older_than_its_lifetime_is_dropped_as_expired() -> None:
    app = App()
    app.submit(at(100), person(), told("c1", created=at(3)))
    app.run(at(110))
    assert app.of("send") == []
    assert [codes(d) for d in app.of("drop")] == [["expired"]]


def test_a_clock_that_goes_back_loses_nothing() -> None:
    app = App()
    app.submit(at(9), person())
    app.run(at(12))
    app.clock.set(to_us(at(7)))
    assert app.engine.submit([told("c1", created=at(7))]).accepted == 1
    assert app.engine.advance(at(8)) == []
    app.run(at(12.1))
    (sent,) = app.of("send")
    assert to_us(sent.at) == to_us(at(12)) + 1


def run_sender(app: App, when: datetime) -> tuple[dict[str, Any], dict[str, int]]:
    channel = MemoryChannel()
    report = Sender(app.store, dict.fromkeys(CHANNELS, channel), app.engine.registry).run(to_us(when), 100)
    return dict(channel.arrived), {str(name): count for name, count in report.counts.items()}


def decided_for_two() -> App:
    app = App()
    app.submit(at(9), person("ann"), person("bob"))
    app.submit(at(12), told("c1", created=at(12)), told("c2", created=at(12), user_id="bob"))
    app.run(at(12))
    assert len(app.of("send", "ann")) == len(app.of("send", "bob")) == 1
    return app


def test_a_user_who_unsubscribed_between_decision_and_send_gets_nothing_and_the_other_does() -> None:
    app = decided_for_two()
    app.submit(at(12.1), act("e1", "unsubscribe", at(12.1), channel="push"))
    arrived, counts = run_sender(app, at(12.2))
    assert [message.address for message in arrived.values()] == ["push:bob"]
    assert counts == {"suppressed": 1, "delivered": 1}


def test_a_candidate_cancelled_between_decision_and_send_is_not_sent_and_the_other_is() -> None:
    app = decided_for_two()
    app.submit(at(12.1), Cancel(cancel_id="x1", user_id="ann", candidate_id="c1", at=at(12.1)))
    arrived, counts = run_sender(app, at(12.2))
    assert [message.address for message in arrived.values()] == ["push:bob"]
    assert counts == {"cancelled": 1, "delivered": 1}


@pytest.mark.parametrize("content", [b"not a store", b"SQLite format 3\0" + b"\xff" * 200], ids=["text", "cut"])
def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.db"):
        Engine.open(path, Settings())
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    engine = Engine.open(path, Settings())
    assert engine.submit([person()]).accepted == 1
    engine.close()


# --- what a policy may meet -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Nonsense:
    """A click model that fails quietly."""

    version = "nonsense"

    def parameters(self) -> Parameters:
        return {}

    def click(self, event_type: Any, match: Any, recency: Any, sends: Any, clicks: Any) -> Any:
        return np.full((*np.shape(event_type), len(CHANNELS)), np.nan)


def with_click_model(model: ClickModel) -> App:
    app = App()
    app.engine = Engine(app.store, app.settings, replace(simple_scorer(), click_model=model), app.clock)
    return app


def test_a_type_that_no_model_has_seen_is_decided_by_the_rates_of_the_others() -> None:
    first = np.zeros(500, dtype=np.int64)
    clicked = (np.arange(500) % 10 == 0).astype(np.int64)
    app = with_click_model(ClickRate.fit(first, first, first, first, first + 1, clicked, n_types=1))
    app.submit(at(9), person())
    app.submit(at(12), told("c1", "security_alert", created=at(12)), told("c2", created=at(12)))
    app.run(at(40))
    assert {d.candidate_id for d in app.of("send")} == {"c1", "c2"}
    assert all(0.0 < d.scores[0] < 1.0 for d in app.of("send"))


def test_a_model_that_says_nan_is_an_error_and_no_silent_hold() -> None:
    app = with_click_model(Nonsense())
    app.submit(at(9), person())
    app.submit(at(12), told("c1", created=at(12)))
    with pytest.raises(InvalidScores, match="utility nan for 1 of 1 feasible options"):
        app.run(at(13))
    assert app.store.count_decisions() == 0


def test_a_channel_that_vanishes_while_a_candidate_waits_is_not_used() -> None:
    app = App()
    app.submit(at(9), person("ann", "push", "email"))
    app.submit(at(23), told("c1", created=at(23)))
    app.submit(at(24), person("ann", "email"))
    app.run(at(47))
    assert [d.channel for d in app.of("send")] == ["email"]


def test_when_the_last_channel_vanishes_the_candidate_waits_and_expires_with_the_reason() -> None:
    app = App()
    app.submit(at(9), person())
    app.submit(at(23), told("c1", created=at(23)))
    app.submit(at(24), User(user_id="ann"))
    app.run(at(72))
    assert app.of("send") == []
    assert "unreachable" in {code for held in app.of("hold") for code in codes(held)}
    assert [codes(d) for d in app.of("drop")] == [["expired"]]


def test_a_clock_that_jumps_a_month_ahead_decides_what_fell_due_at_its_own_time() -> None:
    app = App()
    app.submit(at(9), person())
    app.submit(at(23), told("c1", created=at(23)))
    app.clock.set(to_us(at(24 * 30 + 12)))
    app.engine.submit([told("c2", created=at(24 * 30 + 12))])
    app.run(at(24 * 30 + 13))
    first, second = app.of("send")
    assert (first.candidate_id, second.candidate_id) == ("c1", "c2")
    assert at(32) <= first.at < at(46)
    assert second.at == at(24 * 30 + 12)


def test_a_job_whose_candidates_have_all_gone_finds_an_empty_pool() -> None:
    app = App()
    app.submit(at(1), person(), told("c1", "recommendation", created=at(1), expires_at=at(2)))
    app.run(at(30))
    assert [codes(d) for d in app.of("hold")] == [["empty_pool"]]
    assert [codes(d) for d in app.of("drop")] == [["expired"]]


def test_of_five_thousand_candidates_sixteen_are_kept_and_every_other_has_its_reason() -> None:
    app = App()
    app.submit(at(9), person())
    names = [f"c{i}" for i in range(5_000)]
    app.submit(at(23), *(told(name, created=at(23)) for name in names))
    app.run(at(23.5))
    dropped = app.of("drop")
    assert {tuple(codes(d)) for d in dropped} == {("pool_full",)}
    assert {d.reasons[0].limit for d in dropped} == {16.0}
    row = app.row()
    kept = set(row["c_key"][: int(row["c_len"])].tolist())
    assert len(kept) == 16
    assert kept == {candidate_key(name) for name in names} - {candidate_key(str(d.candidate_id)) for d in dropped}
    assert len(dropped) == 5_000 - 16


def test_weights_that_make_every_utility_negative_hold_everything_while_there_is_no_price() -> None:
    app = App(with_rules(weights={"click": -1.0, "unsubscribe": -5.0}, price="threshold"))
    app.submit(at(9), person())
    app.submit(at(9.5), told("c1", created=at(9.5)))
    app.run(at(10))
    (held,) = app.of("hold")
    assert codes(held) == ["below_threshold"]
    assert held.utility is not None
    assert held.utility < 0.0
    assert app.of("send") == []


def test_the_price_follows_utilities_below_zero_and_every_decision_goes_by_it() -> None:
    """The price is relative, so that the volume is kept: weights say what goes first, and not how much."""
    store = MemoryStore()
    rules = Rules(weights={"click": -1.0, "unsubscribe": -5.0})
    objectives_store.run(store, Settings(rules=rules), days=4)
    made = [d for d in (decode(row.data) for row in store.decisions_between(0, 2**62)) if isinstance(d, Decision)]
    by_price = [d for d in made if d.reasons[-1].code in ("above_threshold", "below_threshold")]
    assert {d.action for d in by_price} == {"send", "hold"}
    for decision in by_price:
        reason = decision.reasons[-1]
        assert math.isfinite(reason.number)
        assert reason.number < 0.0
        assert (reason.number > reason.limit) == (decision.action == "send")
    assert min(d.reasons[-1].limit for d in by_price) < 0.0
