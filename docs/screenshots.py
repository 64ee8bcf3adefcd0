"""Writes docs/explanation/dashboard-*.png: `python docs/screenshots.py STORE [NAME...]`, with chromium on the path.

Without names all pictures, else those named: a store may have no experiment to show. The dashboard is served from the
store as it was at the end of its log, on this machine only. Nothing of the store is changed: give a copy all the same
if an engine uses it.
"""

import shutil
import sys
import threading
from pathlib import Path
from typing import Literal

import uvicorn
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tactful.api.app import create_app
from tactful.api.dashboard import ENDPOINTS
from tactful.api.intake import Intake
from tactful.api.service import Service
from tactful.clock import SimulatedClock
from tactful.runtime import event_types
from tactful.runtime.settings import noted
from tactful.stores.sqlite import SqliteStore

HERE = Path(__file__).parent / "explanation"
SIZE: ViewportSize = {"width": 1280, "height": 800}
PICTURES: tuple[tuple[str, str, Literal["light", "dark"]], ...] = (
    ("now", "/dashboard", "light"),
    ("decisions", "/dashboard/decisions?action=send", "light"),
    ("decision", "", "dark"),
    ("person", "/dashboard/person?user=u003", "light"),
    ("timeline", "/dashboard/person?user=u003#timeline", "dark"),
    ("volume", "/dashboard/volume", "light"),
    ("frontier", "/dashboard/volume#frontier", "dark"),
    ("timing", "/dashboard/timing", "light"),
    ("models", "/dashboard/models", "dark"),
    ("experiment", "/dashboard/experiments/evening", "light"),
    ("channels", "/dashboard/channels", "dark"),
    ("switches", "/dashboard/switches", "light"),
)


def service_of(path: Path) -> Service:
    """Returns a service over a store whose clock stands at the end of the log."""
    store = SqliteStore(path, read_only=True)
    settings, registry, last_us = noted(store), event_types.by_now(store, noted(store)), store.last()[1]
    store.close()
    return Service(path, settings, SimulatedClock(last_us), registry, Intake(path))


def take(page: Page, address: str, names: list[str]) -> None:
    """Takes the pictures; the one of a decision is that of the first in the list, which is taken before it."""
    for name, url, scheme in (one for one in PICTURES if not names or one[0] in names):
        page.emulate_media(color_scheme=scheme)
        if url:
            page.goto(address + url)
        else:
            page.locator("tbody a").first.click()
            page.locator("#reasons").wait_for()
        page.wait_for_function("() => !document.querySelector('meta[http-equiv]')")  # else it is still counting
        page.screenshot(path=HERE / f"dashboard-{name}.png")


def main(path: Path, names: list[str]) -> None:
    """Serves, takes the pictures, stops."""
    service = service_of(path)
    server = uvicorn.Server(uvicorn.Config(create_app(service, ENDPOINTS), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_context(viewport=SIZE).new_page()
            take(page, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", names)
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
        service.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
