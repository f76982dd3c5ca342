"""The page for app developers: the statuses that it tells are Latch's, and its code runs, in a browser."""

import re
from pathlib import Path

import pytest

from service.http.errors import STATUS
from tests.browser import chromium, needs_chromium, site
from tests.client import MOBILE
from tests.clients.node import CLIENT
from tests.processes import ROOT, Service

TEXT = (ROOT / "docs" / "app-developers.md").read_text(encoding="utf-8")
CODE = "246810"
# What an app has: a field for the code, what it shows, and a browser that reads messages.
APP = """<!DOCTYPE html><title>App</title><input id="field">
<script type="module">
const field = document.getElementById("field"), shown = window.shown = [];
const showLogin = (reason) => shown.push(reason), showSeconds = (seconds) => shown.push(seconds);
navigator.credentials.get = async ({ otp }) => otp.transport[0] === "sms" && { code: "CODE" };
const mobile = "MOBILE", code = "CODE";
PROGRAM
window.outcome = [field.value, (await orders.json()).data.mobile, shown[0]];
</script>"""


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_statuses_of_the_table_are_those_of_the_api() -> None:
    told = [(code, int(status)) for status, code in re.findall(r"^\| (\d{3}) `(\w+)`", TEXT, re.MULTILINE)]
    assert len(told) > 4
    assert [(code, STATUS[code]) for code, _ in told] == told


@needs_chromium
@pytest.mark.slow
def test_its_code_logs_in(tmp_path: Path) -> None:
    with site(CLIENT / "dist") as page:
        settings = {"CORS_ORIGINS": page.origin, "TEST_CODES": f"{MOBILE}={CODE}"}
        with Service(tmp_path / "data", **settings) as latch, chromium() as browser:
            login = block("ts").replace('"latch-client"', '"./latch.js"')
            login = login.replace("https://api.example.com/orders", "https://api.example.com/app/v1_0/user")
            login = login.replace("https://api.example.com", f"http://127.0.0.1:{latch.port}")
            program = APP.replace("PROGRAM", f"{block('js')}\n{login}")
            page.page = program.replace("MOBILE", MOBILE).replace("CODE", CODE)
            tab = browser.new_page()
            tab.goto(page.origin)
            tab.wait_for_function("window.outcome")
            assert tab.evaluate("window.outcome") == [
                CODE,
                MOBILE,
                0,
            ]  # to a number of TEST_CODES nothing is sent, so it need not wait
