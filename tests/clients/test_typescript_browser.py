"""The TypeScript client in Chromium: two tabs share one refresh and one log-out; the example logs in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request
from redis import Redis

from tests.browser import Site, chromium, needs_chromium, site
from tests.client import MOBILE
from tests.clients.node import CLIENT
from tests.processes import PATIENCE, Service

pytestmark = [pytest.mark.slow, needs_chromium]
REQUESTS = 20
MAKE = """async (url) => {
    const { createLatchClient, fetchTransport, webStorage } = await import("/dist/latch.js");
    window.reasons = [];
    window.url = url;
    window.latch = createLatchClient({
        url, transport: fetchTransport(), storage: webStorage(), onLoggedOut: (reason) => window.reasons.push(reason),
    });
    return latch.state();
}"""
BEGIN = """(times) => {
    const work = () => latch.request(`${url}/app/v1_0/authorizations`).then((answer) => answer.status);
    window.outcome = Promise.all(Array.from({ length: times }, work));
}"""


@pytest.fixture
def shown() -> Iterator[Site]:
    with site(CLIENT) as shown:
        shown.page = "<title>A tab</title>"
        yield shown


@pytest.fixture
def latch(tmp_path: Path, shown: Site) -> Iterator[Service]:
    with Service(tmp_path / "data", CORS_ORIGINS=shown.origin) as service:
        yield service


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with chromium() as browser:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE * 1000)
        yield context


@pytest.fixture
def tabs(context: BrowserContext, shown: Site, latch: Service) -> list[Page]:
    """Two, of which the first has logged in."""
    code = latch.code()
    pages = [context.new_page() for _ in range(2)]
    for page in pages:
        page.goto(shown.origin)
        page.evaluate(MAKE, f"http://127.0.0.1:{latch.port}")
    pages[0].evaluate("([mobile, code]) => latch.logIn(mobile, code)", [MOBILE, code])
    return pages


def test_two_tabs_that_are_refused_twenty_times_each_refresh_once(tabs: list[Page], latch: Service) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.method)

    for page in tabs:
        page.on("request", note)
    with Redis(unix_socket_path=str(latch.data_dir / "redis.sock")) as redis:
        redis.delete(*redis.keys("token:*"))
    for page in tabs:
        page.evaluate(BEGIN, REQUESTS)
    for page in tabs:
        assert page.evaluate("outcome") == [200] * REQUESTS
    assert asked.count("PUT") == 1
    assert asked.count("GET") >= 2 * REQUESTS


def test_a_log_out_in_one_tab_is_told_in_the_other_and_a_login_as_well(tabs: list[Page]) -> None:
    first, second = tabs
    assert second.evaluate("latch.state()")["loggedIn"]
    assert first.evaluate("latch.logOut()")
    second.wait_for_function("reasons.length > 0")
    assert [page.evaluate("reasons") for page in tabs] == [["logged_out"]] * 2
    assert second.evaluate("latch.state()") == {"loggedIn": False, "reason": "logged_out"}


def test_a_session_that_ends_is_told_in_both_tabs(tabs: list[Page], latch: Service) -> None:
    with Redis(unix_socket_path=str(latch.data_dir / "redis.sock")) as redis:
        redis.delete(*redis.keys("session:*"))
    tabs[0].evaluate(f"({BEGIN})(1), outcome.catch((error) => error.error)")
    for page in tabs:
        page.wait_for_function("reasons.length > 0")
        assert page.evaluate("reasons") == ["expired"]


def test_the_example_logs_in_counts_down_over_a_reload_and_logs_out(
    context: BrowserContext, shown: Site, latch: Service
) -> None:
    page = context.new_page()
    page.goto(f"{shown.origin}/example/index.html?latch=http://127.0.0.1:{latch.port}")
    page.fill("#mobile", MOBILE)
    page.click("#send")
    page.wait_for_function("told.textContent === 'A code is on its way.'")
    page.fill("#code", latch.last_code())
    page.click("text=Log in")
    page.wait_for_function("state.textContent.startsWith('Logged in as ')")
    page.reload()
    page.wait_for_function("state.textContent.startsWith('Logged in as ')")
    page.click("#who")
    page.wait_for_function(f"told.textContent.includes('{MOBILE}')")
    page.click("#leave")
    page.wait_for_function("state.textContent === 'Not logged in logged_out'")
