"""Webhooks in a real browser: the screen follows what happens, and keeps the place of whoever works there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from playwright.sync_api import expect

from service.stores.dead_letters import DEAD
from service.webhooks import receivers_of
from tests.admin.console.test_browser import Desk
from tests.browser import chromium, needs_chromium
from tests.dispatch.conftest import SECRET
from tests.processes import Service, free_port

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def url() -> str:
    return f"http://127.0.0.1:{free_port()}/hook"  # nobody listens there


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, url: str) -> Iterator[Desk]:
    port = free_port()
    settings: dict[str, Any] = {"ADMIN_PORT": port, "WEBHOOK_URLS": url, "WEBHOOK_SECRET": SECRET}
    with Service(tmp_path_factory.mktemp("desk") / "data", **settings) as latch, chromium() as browser:
        yield Desk(latch, port, browser)


def give_up(desk: Desk, url: str, user: int) -> None:
    """A dead letter of this person."""
    [receiver] = receivers_of([url])
    letter = {"type": "login", "user": user, "at": "1767225600.250", "data": f'{{"user_id":{user}}}'}
    letter |= {"receiver": receiver.key, "id": f"evt_{user}-0", "tries": 33, "problem": "status 500"}
    with redis.Redis(unix_socket_path=str(desk.latch.data_dir / "redis.sock")) as store:
        store.xadd(DEAD, letter)


def test_letters_appear_by_themselves_and_whoever_is_at_a_button_stays_there(desk: Desk, url: str) -> None:
    with desk.operator("hedy", "act") as page:
        page.get_by_role("link", name="Webhooks").click()
        expect(page.get_by_text("There are none.")).to_be_visible()
        give_up(desk, url, 41)
        button = page.get_by_role("button", name="Send evt_41-0 once more")
        expect(button).to_be_visible()
        button.focus()
        give_up(desk, url, 42)
        expect(page.get_by_role("button", name=re.compile("^Send evt_"))).to_have_count(2)
        expect(button).to_be_focused()
        button.press("Enter")
        expect(page.get_by_text("The event is sent once more.")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^Send evt_"))).to_have_count(1)
        expect(page.get_by_role("cell", name="is failing")).to_be_visible()  # which a look some seconds later shows


def test_whoever_looks_sees_the_letters_come_and_no_button(desk: Desk, url: str) -> None:
    with desk.operator("iris", "look") as page:
        page.goto("/webhooks")
        give_up(desk, url, 43)
        letter = page.get_by_role("row", name=re.compile(" login 43 "))
        expect(letter).to_be_visible()
        expect(page.locator("main").locator("a.button, button")).to_have_count(0)
        letter.get_by_role("link").click()
        expect(page.get_by_text("evt_43-0")).to_be_visible()
        expect(page.locator("main").locator("a.button, button")).to_have_count(0)
