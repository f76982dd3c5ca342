"""The page for whoever comes from the tutorial's back end: its code is run, its lines for nginx are nginx' own."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.client import BASE, MOBILE, error
from tests.clients.node import NODE
from tests.gateways.programs import NGINX, Gateway, running
from tests.processes import ROOT, Service
from tests.programs import needs

PAGE = (ROOT / "docs" / "moving-in.md").read_text(encoding="utf-8")
CODE = "246810"
OWN = "    # The protected backends."

pytestmark = pytest.mark.slow


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_what_was_read_out_of_the_token_is_in_the_answer(tmp_path: Path) -> None:
    with Service(tmp_path / "data", TEST_CODES=f"{MOBILE}={CODE}") as service:
        known = json.dumps({"base": f"http://127.0.0.1:{service.port}", "mobile": MOBILE, "code": CODE})
        script = (
            f"const {{ base, mobile, code }} = {known};\n{block('js')}\nconsole.log(userId, refreshAt - Date.now());"
        )
        done = subprocess.run(
            [NODE, "--input-type=module"], input=script, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    user_id, refresh_in = done.stdout.split()
    assert user_id == "1"
    assert 3_000_000 < int(refresh_in) <= 3_240_000  # milliseconds, nine tenths of ACCESS_TTL less its 5 %


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    [rewrite] = re.findall(r"`(rewrite [^`]*)`", PAGE)
    added = f"    {rewrite}\n{block('nginx')}\n"
    with running(replace(NGINX, replaced=((OWN, re.sub(r"([{}])", r"\1\1", added) + OWN),))) as gateway:
        yield gateway


needs_nginx = needs("nginx", "its lines of the page")


@needs_nginx
def test_routes_of_the_app_stand_beside_latch_s_own(gateway: Gateway) -> None:
    login = gateway.latch.log_in()
    assert gateway.heard(f"{BASE}/articles/1", login["token"])["x-user-id"] == [str(login["user_id"])]
    assert error(gateway.get(f"{BASE}/articles/1")) == (401, "invalid_token")
    assert gateway.get(f"{BASE}/user", login["token"]).json()["data"]["id"] == login["user_id"]


@needs_nginx
def test_what_may_be_read_without_logging_in_hears_nobody_s_word_for_who_it_is(gateway: Gateway) -> None:
    heard = gateway.get(f"{BASE}/channels", **{"X-User-Id": "1", "Authorization": "Bearer x"})
    assert heard.status_code == 200
    assert not [value for name, value in heard.json() if name in ("x-user-id", "authorization") and value]


@needs_nginx
def test_a_shorter_base_path_is_rewritten(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    assert gateway.get("/v1_0/user", token).status_code == 200
    assert error(gateway.get("/v1_0/articles/1")) == (401, "invalid_token")
