"""Clicks and opens: a person's are engagements of the decision, a machine's teach nothing, and no link leads astray."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from served import SECRET, Served
from tactful.api.tracking import ENDPOINTS
from tactful.delivery.links import Redirects
from tactful.events.records import Engagement, MachineTouch

SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15"
)
HERE, THERE = "https://app.example/1", "https://app.example/2"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    made = Served(tmp_path, ENDPOINTS, link_hosts=("app.example",))
    yield made
    made.close()


def link(served: Served, url: str = HERE, hosts: tuple[str, ...] = ("app.example",)) -> str:
    return Redirects("", SECRET.encode(), hosts).click(served.sent.decision_id, url)


def image(served: Served) -> str:
    return Redirects("", SECRET.encode(), ()).image(served.sent.decision_id)


def get(served: Served, path: str, agent: str = SAFARI, method: str = "GET", **headers: str) -> httpx.Response:
    return served.call(method, path, headers={"user-agent": agent, **headers})


def test_a_click_leads_on_and_is_an_engagement_of_its_decision(served: Served) -> None:
    answer = get(served, link(served))
    assert (answer.status_code, answer.headers["location"]) == (302, HERE)
    assert get(served, link(served)).status_code == 302
    (click,) = served.taken()
    assert isinstance(click, Engagement)
    assert (click.kind, click.user_id, click.decision_id, click.channel) == (
        "click", "ann", served.sent.decision_id, "email",
    )  # fmt: skip
    assert int(served.app.row()["n_clicks"][0]) == 1


def test_an_open_is_an_empty_image(served: Served) -> None:
    answer = get(served, image(served))
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    (opened,) = served.taken()
    assert isinstance(opened, Engagement)
    assert opened.kind == "open"


@pytest.mark.parametrize(
    ("agent", "method", "headers"),
    [
        ("Mozilla/5.0", "GET", {}),
        ("", "GET", {}),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "GET", {}),
        ("Mozilla/5.0 (compatible; Barracuda Sentinel)", "GET", {}),
        (SAFARI, "HEAD", {}),
        (SAFARI, "GET", {"sec-purpose": "prefetch;prerender"}),
    ],
)
def test_machines_are_on_record_and_teach_nothing(
    served: Served, agent: str, method: str, headers: dict[str, str]
) -> None:
    before = served.app.row().tobytes()
    assert get(served, image(served), agent, method, **headers).status_code == 200
    assert get(served, link(served), agent, method, **headers).status_code == 302
    touches = served.taken()
    assert [(one.kind, one.user_id) for one in touches if isinstance(one, MachineTouch)] == [
        ("open", "ann"),
        ("click", "ann"),
    ]
    assert len(touches) == 2
    assert served.app.row().tobytes() == before


def test_who_comes_with_the_mail_is_a_machine(served: Served) -> None:
    row = served.app.store.pending(1, served.app.clock.now_us())[0]
    served.app.store.begin_attempt(row.decision_key, served.app.clock.now_us())
    served.wait(seconds=3)
    get(served, link(served))
    served.wait(minutes=1)
    get(served, link(served))
    assert [type(one) for one in served.taken()] == [MachineTouch, Engagement]


def test_a_second_link_within_two_seconds_is_a_machine_s(served: Served) -> None:
    for url in (HERE, THERE):
        get(served, link(served, url))
    served.wait(minutes=2)
    get(served, link(served, THERE))
    first, second, third = served.taken()
    assert (type(first), type(second), type(third)) == (Engagement, MachineTouch, Engagement)


def test_a_forged_link_and_one_to_an_unlisted_host_lead_nowhere(served: Served) -> None:
    elsewhere = link(served, "https://evil.example/", ("evil.example",))
    other = Redirects("", b"another secret of 20", ("app.example",)).click(served.sent.decision_id, HERE)
    for path in (elsewhere, other, "/r/x", "/o/x", "/r/%2F%2Fevil.example"):
        answer = get(served, path)
        assert answer.status_code in (400, 404)
        assert "location" not in answer.headers
    assert served.taken() == []


def test_a_link_of_a_message_that_is_not_on_record_leads_on_and_tells_nothing(served: Served) -> None:
    path = Redirects("", SECRET.encode(), ("app.example",)).click("0123456789abcdef", HERE)
    assert get(served, path).status_code == 302
    assert served.taken() == []
