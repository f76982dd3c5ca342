"""The page of the API in a real browser, behind nginx, TLS and a path prefix, with nothing but ours to be reached."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from service.http.requests import BASE_PATH
from tests import certificates
from tests.browser import chromium, needs_chromium
from tests.processes import PATIENCE, Service, free_port
from tests.programs import needs, program

NGINX = program("nginx")
pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    needs("nginx", "the page behind a prefix"),
]

PREFIX = "/login"
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location {prefix}/ {{
            proxy_pass http://127.0.0.1:{latch}/;
        }}
    }}
}}
"""


class Shown:
    """The page in a browser, and all that was asked for and said while it was open."""

    def __init__(self, page: Page, address: str, latch: Service) -> None:
        self.page = page
        self.latch = latch
        self.strange: list[str] = []
        self.wrong: list[str] = []
        host = urlsplit(address).netloc

        def judge(route: Route) -> None:
            if urlsplit(route.request.url).netloc == host or route.request.url.startswith("data:"):
                route.continue_()
            else:
                self.strange.append(route.request.url)
                route.abort()

        page.context.route("**/*", judge)
        page.context.on("weberror", lambda error: self.wrong.append(str(error.error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(address)
        expect(page.locator(".opblock").first).to_be_visible(timeout=PATIENCE * 1000)

    def operation(self, name: str) -> Locator:
        """The part of the page of an operation, opened for trying."""
        part = self.page.locator(f"[id$='-{name}']")
        part.locator(".opblock-summary-control").click()
        part.get_by_role("button", name="Try it out").click()
        return part

    def executed(self, part: Locator) -> tuple[str, Any]:
        """Where a request went, and what was answered."""
        with self.page.expect_response(lambda answer: BASE_PATH in answer.url) as waiting:
            part.get_by_role("button", name="Execute").click()
        answer = waiting.value
        expect(part.locator(".live-responses-table tbody .response-col_status").first).to_contain_text(
            str(answer.status)
        )
        return urlsplit(answer.url).path, answer.json()


@contextmanager
def behind_nginx(latch: int) -> Iterator[str]:
    """The address of nginx with a certificate, and the service below a prefix there."""
    with TemporaryDirectory(prefix="latch-") as name:
        folder, port = Path(name), free_port()
        made = certificates.make(folder)
        text = CONFIGURATION.format(
            folder=folder, port=port, prefix=PREFIX, latch=latch, certificate=made.certificate, key=made.key
        )
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        process = subprocess.Popen([str(NGINX), "-p", name, "-c", "nginx.conf", "-e", "error.log"], cwd=name)
        try:
            yield f"https://127.0.0.1:{port}{PREFIX}"
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(latch: Service) -> Iterator[str]:
    with behind_nginx(latch.port) as address:
        yield address


@pytest.fixture(params=["light", "dark"])
def shown(request: pytest.FixtureRequest, browser: Browser, address: str, latch: Service) -> Iterator[Shown]:
    with browser.new_context(ignore_https_errors=True, color_scheme=request.param) as context:
        shown = Shown(context.new_page(), f"{address}/docs", latch)
        yield shown
        assert shown.strange == []
        assert shown.wrong == []


def test_somebody_logs_in_with_nothing_but_the_page(shown: Shown, mobile: str) -> None:
    asking = shown.operation("requestCode")
    asking.locator("textarea.body-param__text").fill(f'{{"mobile": "{mobile}"}}')
    path, answer = shown.executed(asking)
    assert path == f"{PREFIX}{BASE_PATH}/sms/codes"
    assert answer["data"]["mobile"] == mobile
    logging_in = shown.operation("logIn")
    code = shown.latch.last_code(mobile)
    logging_in.locator("textarea.body-param__text").fill(f'{{"mobile": "{mobile}", "code": "{code}"}}')
    _, answer = shown.executed(logging_in)
    token = answer["data"]["token"]
    shown.page.get_by_role("button", name="Authorize").first.click()
    scheme = shown.page.locator(".auth-container", has_text=re.compile("^access_token"))
    scheme.locator("input").fill(token)
    scheme.get_by_role("button", name="Apply credentials").click()
    shown.page.get_by_role("button", name="Close").last.click()
    _, answer = shown.executed(shown.operation("getUser"))
    assert answer["data"]["mobile"] == mobile
    expect(shown.page.locator(".errors-wrapper")).to_have_count(0)
