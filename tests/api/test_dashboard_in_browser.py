"""The dashboard in a real browser: every page with data and with none, without a console error, by keyboard alone."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from served_app import decided, served, with_experiments
from tactful.api.app import create_app
from tactful.api.dashboard import ENDPOINTS
from tactful.delivery import stops
from tactful.stores.sqlite import SqliteStore

CHROMIUM = shutil.which("chromium")
PAGES = (
    "/dashboard",
    "/dashboard/decisions",
    "/dashboard/person",
    "/dashboard/volume",
    "/dashboard/timing",
    "/dashboard/timing?channel=push",
    "/dashboard/models",
    "/dashboard/experiments",
    "/dashboard/channels",
    "/dashboard/switches",
    "/dashboard/login",
)
OF_THE_APP = ("/dashboard/person?user=u003", "/dashboard/experiments/the%20same")
"""Pages that only the store with data has."""
FOCUS = "() => document.activeElement.outerHTML"
CONTROLS = """() => [...document.querySelectorAll('a, button, select, input:not([type=hidden]), [tabindex]')]
    .map(e => e.outerHTML)"""
COUNTED = "() => !document.querySelector('meta[http-equiv]')"
"""A page whose figures are being counted comes back by itself."""

BY_TAB = (
    *OF_THE_APP,
    "/dashboard/volume",
    "/dashboard/timing",
    "/dashboard/models",
    "/dashboard/channels",
    "/dashboard/switches",
)
"""Pages of which every control is looked for by keyboard."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


@contextmanager
def listening(path: Path) -> Iterator[str]:
    """The address of a service over a store."""
    service = served(path)
    config = uvicorn.Config(create_app(service, ENDPOINTS), "127.0.0.1", 0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    started = threading.Event()
    while not server.started:
        started.wait(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
    service.close()


def test_pages_render_with_data_and_with_none_and_a_switch_is_turned_by_keyboard(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    full, empty = with_experiments(decided(tmp_path / "full.db")), tmp_path / "empty.db"
    SqliteStore(empty).close()
    faults: list[str] = []
    with sync_playwright() as playwright, listening(full) as here, listening(empty) as there:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context().new_page()
        page.on("console", lambda said: faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        for address in (there, here):
            for url in (*PAGES, *(OF_THE_APP if address == here else ())):
                page.goto(address + url)
                assert page.locator("h1").count() == 1
                assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), url
        page.goto(here + "/dashboard/decisions")
        page.locator("tbody a").first.click()
        assert page.locator("#reasons").is_visible()

        for url in BY_TAB:
            page.goto(here + url)
            page.wait_for_function(COUNTED)
            reached = set()
            for _ in page.evaluate(CONTROLS):
                page.keyboard.press("Tab")
                reached.add(page.evaluate(FOCUS))
            assert set(page.evaluate(CONTROLS)) <= reached, url
        page.get_by_role("button", name="Stop email").press("Enter")
        page.get_by_role("button", name="Let go email").wait_for()

        papers = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            papers.append(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
        assert papers[0] != papers[1]
        browser.close()
    opened = SqliteStore(full, read_only=True)
    assert [(one.name, one.on) for one in stops.turned(opened)] == [("email", True)]
    opened.close()
    assert faults == []
