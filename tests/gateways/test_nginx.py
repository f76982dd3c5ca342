"""What is nginx' alone: the ids of requests, its internal addresses, apps' own addresses, preflights without Latch."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.routes import BLUEPRINTS
from tests.client import BASE, error
from tests.gateways.programs import APP, BACKENDS, NGINX, Gateway, running
from tests.programs import needs

pytestmark = [
    pytest.mark.slow,
    needs("nginx", "forward-auth"),
]
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-request-id"}
OWN = "    # The protected backends."
# What an app adds for itself, as the file says.
ADDED = """
    location /app/v1_0/articles/ {
        proxy_pass http://orders;
    }

    location = /app.js {
        auth_request off;
        proxy_pass http://profiles;
    }

"""
WITH_AN_APP = replace(NGINX, replaced=((OWN, ADDED.replace("{", "{{").replace("}", "}}") + OWN),))


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running(WITH_AN_APP, origins=APP) as gateway:
        yield gateway


def test_the_caller_s_id_is_kept_all_the_way(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    assert gateway.heard("/orders/1", token, {"X-Request-ID": "abc-1"})["x-request-id"] == ["abc-1"]
    for path in BACKENDS:
        refused = gateway.get(path, **{"X-User-Id": "1", "X-Request-ID": "abc-2"})
        assert error(refused) == (401, "invalid_token")
        assert refused.headers["x-request-id"] == "abc-2"


def test_its_own_addresses_are_nobody_s(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    for path in ("check", "refusal", "preflight"):
        assert gateway.get(f"/_latch/{path}", token).status_code == 404


def test_apps_have_addresses_beside_ours(gateway: Gateway) -> None:
    login = gateway.latch.log_in()
    own = f"{BASE}/articles/1"
    assert gateway.heard(own, login["token"])["x-user-id"] == [str(login["user_id"])]
    assert error(gateway.get(own)) == (401, "invalid_token")
    public = gateway.get("/app.js")
    assert public.status_code == 200
    assert not [value for name, value in public.json() if name == "x-user-id" and value]
    assert gateway.get(f"{BASE}/user/channels", login["token"]).status_code == 404


def test_every_address_of_latch_s_api_is_passed_on() -> None:
    ours = re.search(r"location ~ (\S+) {", (NGINX.folder / "latch.conf").read_text(encoding="utf-8"))
    assert ours
    prefixes = [blueprint.url_prefix for blueprint in BLUEPRINTS if blueprint.url_prefix]
    assert len(prefixes) > 5
    for path in (*prefixes, f"{BASE}/sms/codes/13800138000", f"{BASE}/sessions/b1946ac92492d234", f"{BASE}/user/"):
        assert re.match(ours[1], path), path


def test_without_latch_a_page_still_hears_503(gateway: Gateway) -> None:
    """The last one here: nothing starts it again."""
    token = gateway.latch.log_in()["token"]
    gateway.latch.stop()
    for path in (*BACKENDS, f"{BASE}/user"):
        preflight = gateway.send("OPTIONS", path, headers=PREFLIGHT)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == APP
        assert preflight.headers["access-control-allow-headers"] == "x-request-id"
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        for sent in (token, None):
            response = gateway.get(path, sent, Origin=APP, **{"X-Request-ID": 'a"b'})
            assert error(response) == (503, "service_unavailable")
            assert response.headers.get_list("access-control-allow-origin") == [APP]
            assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
