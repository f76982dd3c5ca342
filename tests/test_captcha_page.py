"""The page of examples/captcha, in a real browser: altcha's own widget solves what Latch gives.

Neither a browser nor the widget's code is in the lock files. To run this one: a Chromium of the system (or `playwright
install chromium`), and `npm install` in examples/captcha. As root on Debian `.ci/programs` gets both.
"""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from tests.client import BASE
from tests.processes import PATIENCE, ROOT, Service

FOLDER = ROOT / "examples" / "captcha"
PAGE = (FOLDER / "index.html").read_text(encoding="utf-8")
META = re.compile(r'<meta name="latch" content="[^"]*">')
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page(SimpleHTTPRequestHandler):
    """The folder as it is, but that the page calls the Latch of this test."""

    latch = ""

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        body = META.sub(f'<meta name="latch" content="{self.latch}">', PAGE).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not (FOLDER / "node_modules/altcha").exists():
        pytest.skip("altcha's widget is not in examples/captcha/node_modules: the page is NOT tested here")
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        except Error:
            pytest.skip("there is no Chromium: the page is NOT tested here")
        yield chromium
        chromium.close()


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Page, directory=str(FOLDER)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("captcha", ["altcha", "off"])
def test_a_person_logs_in_by_the_page_and_the_widget_solves_the_captcha_unasked(
    browser: Browser, site: ThreadingHTTPServer, folder: Path, monkeypatch: pytest.MonkeyPatch, captcha: str
) -> None:
    origin = f"http://localhost:{site.server_port}"
    with Service(folder, CAPTCHA=captcha, CORS_ORIGINS=origin) as latch:
        monkeypatch.setattr(Page, "latch", f"http://127.0.0.1:{latch.port}{BASE}")
        page = browser.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(f"{request.method} {request.url.partition(BASE)[2]}"))
        page.goto(origin)
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
