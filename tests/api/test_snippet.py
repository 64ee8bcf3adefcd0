"""The web snippet in a real browser: a visit, permission, a message's receipt, click and dismissal reach the log."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import uvicorn

from served import SECRET, Served
from tactful.api import tokens
from tactful.api.app import create_app
from tactful.api.client import ENDPOINTS
from tactful.events.records import Engagement

CHROMIUM = shutil.which("chromium")
T = TypeVar("T")
PAGE = '<!doctype html><title>App</title><script src="/static/tactful.js"></script>'


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    made = Served(tmp_path, ENDPOINTS)
    yield made
    made.close()


@pytest.fixture
def address(served: Served) -> Iterator[str]:
    config = uvicorn.Config(create_app(served.service, ENDPOINTS), "127.0.0.1", 0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    started = threading.Event()
    while not server.started:
        started.wait(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def until(found: Callable[[], T], timeout_s: float = 20.0) -> T:
    """Asks until the answer is something, a few times a second."""
    over, pause = time.monotonic() + timeout_s, threading.Event()
    while not (value := found()) and time.monotonic() < over:
        pause.wait(0.05)
    return value


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_what_happens_in_a_browser_reaches_the_log(served: Served, address: str) -> None:
    from playwright.sync_api import sync_playwright

    token = tokens.issue(SECRET.encode(), "client", "ann", served.app.clock.now_us())
    decision_id = served.sent.decision_id
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context()
        context.grant_permissions(["notifications"], origin=address)
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.route("**/app", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.goto(f"{address}/app")
        page.evaluate(
            "([url, token]) => tactful.start({url, token, serviceWorker: '/static/tactful-sw.js'})", [address, token]
        )
        page.evaluate("() => navigator.serviceWorker.register('/static/tactful-sw.js')")
        page.wait_for_function(
            "async () => (await navigator.serviceWorker.getRegistration('/static/'))?.active != null"
        )
        worker = context.service_workers[0]
        worker.evaluate(
            """(id) => {
              const message = JSON.stringify({title: "News", body: "x", decision_id: id, link: "javascript:alert(1)"});
              self.dispatchEvent(new PushEvent("push", {data: message}));
            }""",
            decision_id,
        )
        shown = "async () => (await self.registration.getNotifications()).map((one) => one.title + one.tag)"
        assert until(lambda: worker.evaluate(shown)) == ["News" + decision_id]
        for name in ("notificationclose", "notificationclick"):
            worker.evaluate(
                """async (name) => {
                  const [notification] = await self.registration.getNotifications();
                  self.dispatchEvent(new NotificationEvent(name, {notification}));
                }""",
                name,
            )
        until(lambda: served.app.store.posted() >= 4)
        kinds = sorted(one.kind for one in served.taken() if isinstance(one, Engagement))
        assert page.evaluate("() => localStorage.getItem('tactful.permission')") == "granted"
        assert faults == []
        browser.close()
    assert kinds == ["click", "dismiss", "receipt", "session"]
