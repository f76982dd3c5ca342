"""The page of examples/captcha, in a real browser: altcha's own widget solves what Latch gives.

Neither a browser nor the widget's code is in the lock files. To run this one: a Chromium of the system (or `playwright
install chromium`), and `npm install` in examples/captcha. As root on Debian `.ci/programs` gets both.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import chromium, needs_chromium, site
from tests.client import BASE
from tests.processes import PATIENCE, ROOT, Service
from tests.programs import skip_without

FOLDER = ROOT / "examples" / "captcha"
PAGE = (FOLDER / "index.html").read_text(encoding="utf-8")
WIDGET = FOLDER / "node_modules" / "altcha"
META = re.compile(r'<meta name="latch" content="[^"]*">')


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        yield page


@pytest.mark.slow
@needs_chromium
@skip_without("altcha's widget (examples/captcha/node_modules)", "its page", is_there=WIDGET.exists())
@pytest.mark.parametrize("captcha", ["altcha", "off"])
def test_a_person_logs_in_by_the_page_and_the_widget_solves_the_captcha_unasked(
    page: Page, folder: Path, captcha: str
) -> None:
    with site(FOLDER) as shown, Service(folder, CAPTCHA=captcha, CORS_ORIGINS=shown.origin) as latch:
        shown.page = META.sub(f'<meta name="latch" content="http://127.0.0.1:{latch.port}{BASE}">', PAGE)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(f"{request.method} {request.url.partition(BASE)[2]}"))
        page.goto(shown.origin)
        page.fill("[name=mobile]", "138 0013 8000")
        page.click("text=Send a code")
        page.wait_for_selector("[name=code]", state="visible")
        [line] = (folder / "sms.jsonl").read_text(encoding="utf-8").splitlines()
        page.fill("[name=code]", json.loads(line)["code"])
        page.click("button:has-text('Log in')")
        page.wait_for_function("document.getElementById('told').textContent.startsWith('Logged in as user')")
    assert ("GET /captcha" in asked) is (captcha == "altcha")


def test_the_page_asks_the_addresses_that_latch_has() -> None:
    for path in ("/captcha", "/sms/codes", "/authorizations"):
        assert path in PAGE
    assert META.search(PAGE)
    assert "captcha_required" in PAGE
