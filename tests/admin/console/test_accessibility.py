"""What axe-core says of every screen: light and dark, in both languages, wide and narrow; and the keyboard alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.admin.console.test_browser import Desk, enrol, with_authenticator
from tests.admin.console.test_browser import desk as desk  # noqa: PLC0414 - a fixture
from tests.browser import needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

WIDE, NARROW = {"width": 1200, "height": 800}, {"width": 390, "height": 800}
SCREENS = (
    *("/", "/people/1", "/people/1/end-all", "/people/1/disable", "/people/1/number", "/people/1/erase", "/now"),
    *("/events", "/messages", "/webhooks", "/revocations", "/operators", "/log-in", "/enrol", "/none"),
)


@pytest.fixture(scope="module")
def cookies(desk: Desk) -> Iterator[list[Any]]:
    """Those of an owner, whom several browsers share."""
    with desk.page() as page:
        with_authenticator(page)
        desk.latch.log_in("13800138077")
        enrol(page, desk.link("axel", "owner"))
        yield list(page.context.cookies())


@pytest.mark.parametrize(
    ("scheme", "language", "size"),
    [("light", "en-US", WIDE), ("dark", "zh-CN", WIDE), ("light", "zh-CN", NARROW), ("dark", "en-US", NARROW)],
)
def test_axe_finds_nothing_on_any_screen(
    desk: Desk, cookies: list[Any], scheme: str, language: str, size: dict[str, int]
) -> None:
    found: dict[str, list[str]] = {}
    with desk.page(color_scheme=scheme, locale=language, viewport=size, bypass_csp=True) as page:
        page.context.add_cookies(cookies)
        for path in SCREENS:
            page.goto(path)
            said = Axe().run(page).response
            assert said["passes"]
            if violations := said["violations"]:
                found[path] = [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in violations]
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                found.setdefault(path, []).append(f"is {width} wide")
    assert found == {}


def test_the_keyboard_alone_is_enough(desk: Desk, cookies: list[Any]) -> None:
    with desk.page() as page:
        page.context.add_cookies(cookies)
        page.goto("/now")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")
        page.goto("/")
        reaches(page, "Find")
        page.locator("main").focus()
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("13800138077")
        page.keyboard.press("Enter")
        expect(page.locator("#found tbody tr")).to_have_count(1)


def reaches(page: Page, text: str) -> None:
    """Tab comes to the link."""
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == text:
            return
    pytest.fail(f"Tab does not come to {text}")
