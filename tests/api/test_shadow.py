"""A service that only listens: what another sender sent is durable, nothing of ours goes out, and both are compared."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from http_peer import Http1Peer
from ingest import ask, service_over
from stage import CALM, App, at, person, told
from tactful.api.service import Service
from tactful.clock import from_us, to_us
from tactful.delivery import channels, stops
from tactful.delivery.send import Sender
from tactful.delivery.settings import Channels, Webhook
from tactful.events.registry import Registry
from tactful.events.switches import Switch
from tactful.runtime import erasing
from tactful.runtime.shadowing.beside import decide_beside
from tactful.runtime.shadowing.report import report
from tactful.runtime.shadowing.sends import kept_sends
from tactful.runtime.shadowing.sent import kept
from tactful.stores.sqlite import SqliteStore

URL = "/v1/shadow/sends"
SENT = {"user_id": "ann", "type": "new_follower", "channel": "push", "candidate_id": "c1"}
NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = service_over(tmp_path / "app.db")
    yield made
    made.close()


def on_record(service: Service) -> list[tuple[str, str, int]]:
    store = SqliteStore(service.path, read_only=True)
    found = [(one.user_id, one.candidate_id, one.at_us) for one in kept(store)]
    store.close()
    return found


def test_a_message_is_on_record_when_it_is_acknowledged_once_however_often_it_is_told(service: Service) -> None:
    when = from_us(service.clock.now_us()) - timedelta(minutes=5)
    for _ in range(2):
        answer = ask(service, "POST", URL, json={**SENT, "at": when.isoformat()})
        assert (answer.status_code, answer.json()["ids"]) == (202, ["c1"])
    assert on_record(service) == [("ann", "c1", to_us(when))]


def test_a_bad_row_of_a_batch_is_refused_alone_and_a_message_without_an_event_is_given_a_name(service: Service) -> None:
    rows = [{**SENT, "candidate_id": None}, {**SENT, "type": "newsletter"}, {**SENT, "channel": "pigeon"}, "ann"]
    answer = ask(service, "POST", URL, content="\n".join(map(json.dumps, rows)), headers=NDJSON)
    assert answer.status_code == 202
    assert [one["row"] for one in answer.json()["rejected"]] == [2, 3, 4]
    ((user, name, at_us),) = on_record(service)
    assert (user, name.startswith("shadow-"), at_us) == ("ann", True, service.clock.now_us())


def test_a_request_of_which_nothing_fits_is_a_problem(service: Service) -> None:
    assert ask(service, "POST", URL, json={**SENT, "type": "newsletter"}).status_code == 422
    assert ask(service, "POST", URL, content=b"", headers=NDJSON).status_code == 400
    assert ask(service, "POST", URL, content=b"user=ann", headers={"content-type": "text/plain"}).status_code == 415
    assert on_record(service) == []


def test_nothing_is_kept_of_a_person_who_was_erased(service: Service) -> None:
    store = SqliteStore(service.path)
    with store.transaction():
        erasing.erase(store, [erasing.Wish("ann", 1)], 2)
    store.close()
    ask(service, "POST", URL, json=SENT)
    assert on_record(service) == []


def test_with_everything_stopped_nothing_goes_out_and_the_shadow_says_what_would_have(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with Http1Peer() as peer:
        hook = Webhook(url=f"{peer.url}/hook", secrets_env="HOOK_SECRET", allow_private=True)
        settings = msgspec.structs.replace(CALM, channels=Channels(push=hook))
        app = App(settings, SqliteStore(path, synchronous="normal"))
        with app.store.transaction():
            stops.turn(app.store, Switch("all", "", True, at(0), "a test"))
        app.submit(at(1), person("ann"), person("bob"))
        app.submit(at(7), told("c1", created=at(7)), told("c2", user_id="bob", created=at(7)))
        app.run(at(30))
        assert app.decisions
        assert not [one for one in app.decisions if one.action == "send"]
        assert app.store.outbox_stock() == {}
        through = channels.build(settings.channels, {"HOOK_SECRET": "whsec_" + "QUJD" * 8}, app.clock, path)
        Sender(app.store, through, Registry.shipped()).run(to_us(at(30)), 10)
        channels.close(through)
        assert (peer.asked, peer.connections) == ([], 0)
    service = service_over(path)
    ask(service, "POST", URL, json={**SENT, "at": at(9).isoformat()})
    service.close()
    store = SqliteStore(path, read_only=True)
    found = report(decide_beside(store, settings, kept_sends(store).messages))
    store.close()
    assert (found.people, found.they, found.we) == (2, 1, 2)
    assert found.agreement.candidates.both == 1
    assert found.read is None
