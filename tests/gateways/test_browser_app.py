"""A browser app on another origin, behind the shipped nginx configuration, in a real Chromium.

Its token expires, its session is deleted, Latch goes away: each time the app hears what it is; no page is blank.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import chromium, needs_chromium, site
from tests.gateways.programs import NGINX, Gateway, running
from tests.programs import needs

FOLDER = Path(__file__).parent
PAGE = (FOLDER / "browser_app.html").read_text(encoding="utf-8")
SHIPPED = 'content="http://127.0.0.1:8080"'
MOBILE = "13800138000"
ACCESS_TTL = 3  # seconds
ANSWERS = "Number(document.body.dataset.answers || 0)"
PATIENCE = 20_000  # milliseconds

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    needs("nginx", "browser apps behind it"),
]


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        yield page


@pytest.fixture
def gateway(page: Page) -> Iterator[Gateway]:
    """One whose Latch lets in the app that the page shows."""
    with site(FOLDER) as shown, running(NGINX, origins=shown.origin, access_ttl=ACCESS_TTL) as gateway:
        shown.page = PAGE.replace(SHIPPED, f'content="{str(gateway.http.base_url).rstrip("/")}"')
        page.goto(shown.origin)
        yield gateway


def log_in(page: Page, gateway: Gateway) -> None:
    page.fill("#mobile", MOBILE)
    page.click("#send")
    page.wait_for_function("document.getElementById('told').textContent === 'sent'")
    page.fill("#code", gateway.latch.last_code(MOBILE))
    page.click("text=Log in")
    page.wait_for_selector("#app:not(.away)")


def orders(page: Page) -> str:
    """What the page shows after a click, and what it tells of it."""
    before = page.evaluate(ANSWERS)
    page.click("#show")
    page.wait_for_function(f"before => {ANSWERS} > before", arg=before)
    return f"{page.text_content('#orders')}|{page.text_content('#told')}"


def test_the_token_expires_and_is_refreshed_and_a_deleted_session_leads_to_the_login(
    page: Page, gateway: Gateway
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


def test_a_latch_that_is_away_is_told_and_logs_nobody_out(page: Page, gateway: Gateway) -> None:
    log_in(page, gateway)
    gateway.latch.stop()
    assert orders(page) == "|service_unavailable: again in 1 s (true)"
    assert page.is_visible("#app")
