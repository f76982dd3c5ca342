"""A browser app on another origin, behind the shipped nginx configuration, in a real Chromium.

Its token expires, its session is deleted, Latch goes away: each time the app hears what it is; no page is blank.
"""

import shutil
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.gateways.programs import NGINX, Gateway, program, running

PAGE = (Path(__file__).parent / "browser_app.html").read_text(encoding="utf-8")
SHIPPED = 'content="http://127.0.0.1:8080"'
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["no-sandbox", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update"]
MOBILE = "13800138000"
ACCESS_TTL = 3  # seconds
ANSWERS = "Number(document.body.dataset.answers || 0)"
PATIENCE = 20_000  # milliseconds

# Programs of the system, which a newcomer without root cannot install: their absence is told, and fails nothing.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed: no browser app is tested here"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: no browser app is tested here"),
]


class Site(SimpleHTTPRequestHandler):
    """The page, told where its gateway is."""

    gateway = ""

    def do_GET(self) -> None:
        body = PAGE.replace(SHIPPED, f'content="{self.gateway}"').encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """The origin of the app."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page() -> Iterator[Any]:
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: no browser app is tested here"
    )
    with api.sync_playwright() as playwright:
        arguments = [f"--{argument}" for argument in (*ARGUMENTS, "disable-sync")]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


@pytest.fixture
def gateway(page: Any, site: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """One whose Latch lets in the app that the page shows."""
    with running(NGINX, origins=site, access_ttl=ACCESS_TTL) as gateway:
        monkeypatch.setattr(Site, "gateway", str(gateway.http.base_url).rstrip("/"))
        page.goto(f"{site}/")
        yield gateway


def log_in(page: Any, gateway: Gateway) -> None:
    page.fill("#mobile", MOBILE)
    page.click("#send")
    page.wait_for_function("document.getElementById('told').textContent === 'sent'")
    page.fill("#code", gateway.latch.last_code(MOBILE))
    page.click("text=Log in")
    page.wait_for_selector("#app:not(.away)")


def orders(page: Any) -> str:
    """What the page shows after a click, and what it tells of it."""
    before = page.evaluate(ANSWERS)
    page.click("#show")
    page.wait_for_function(f"before => {ANSWERS} > before", arg=before)
    shown: str = page.text_content("#orders") + "|" + page.text_content("#told")
    return shown


def test_the_token_expires_and_is_refreshed_and_a_deleted_session_leads_to_the_login(
    page: Any, gateway: Gateway
) -> None:
    log_in(page, gateway)
    assert orders(page) == "Orders of user 1|"
    page.wait_for_timeout(ACCESS_TTL * 1000)
    assert orders(page) == "Orders of user 1|refreshed"
    with gateway.redis as redis:
        [session] = redis.keys("session:{1}:*")
        assert redis.delete(session) == 1
    assert orders(page) == "|Please log in again (invalid_refresh_token)."
    assert page.is_visible("#login")
    assert not page.is_visible("#app")
    log_in(page, gateway)
    assert orders(page) == "Orders of user 1|"


def test_a_latch_that_is_away_is_told_and_logs_nobody_out(page: Any, gateway: Gateway) -> None:
    log_in(page, gateway)
    gateway.latch.stop()
    assert orders(page) == "|service_unavailable: again in 1 s (true)"
    assert page.is_visible("#app")
