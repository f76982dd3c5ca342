"""What stands before every page: a session, a form of ours, a role; and what every page carries."""

import re

import pytest

from tests.admin.console.conftest import Visitor, text_of


async def test_without_a_session_one_is_led_to_the_log_in(stranger: Visitor) -> None:
    response = await stranger.get("/")
    assert (response.status_code, response.headers["location"]) == (303, "/log-in?next=/")
    assert "Log in" in await stranger.shown("/log-in")


async def test_a_part_of_a_page_leads_there_with_the_whole_page(stranger: Visitor) -> None:
    response = await stranger.get("/", **{"HX-Request": "true"})
    assert (response.status_code, response.headers["hx-redirect"]) == (403, "/log-in?next=/")


async def test_a_link_of_another_site_is_asked_again_with_the_cookie(stranger: Visitor) -> None:
    response = await stranger.get("/", **{"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/"' in response.text


async def test_the_api_takes_no_cookie_and_answers_in_its_envelope(owner: Visitor) -> None:
    response = await owner.get("/admin/v1/operators")
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_token"


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({"csrf": ""}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": "\u00e4"}, {}),
        ({}, {"Origin": "http://localhost:8000"}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": ""}),
    ],
)
async def test_a_form_that_is_not_ours_is_refused(
    looker: Visitor, form: dict[str, str], headers: dict[str, str]
) -> None:
    response = await looker.post("/", form, **headers)
    assert response.status_code == 403
    assert "Not allowed" in text_of(response)


async def test_every_page_keeps_to_itself(owner: Visitor, stranger: Visitor) -> None:
    for visitor, path in ((owner, "/"), (owner, "/none"), (stranger, "/log-in"), (stranger, "/enrol")):
        headers = (await visitor.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_what_is_not_there_is_told_by_a_page(owner: Visitor) -> None:
    response = await owner.get("/none")
    assert response.status_code == 404
    assert "Not found" in text_of(response)


async def test_log_out_ends_the_session(looker: Visitor) -> None:
    response = await looker.post("/log-out")
    assert (response.status_code, response.headers["location"]) == (303, "/log-in")
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert (await looker.get("/")).headers["location"] == "/log-in?next=/"


async def test_the_language_is_chosen_by_header_and_by_button(stranger: Visitor) -> None:
    assert '<html lang="zh-CN">' in (await stranger.get("/log-in", **{"Accept-Language": "zh-CN,zh;q=0.9"})).text
    response = await stranger.post("/language", {"language": "zh-CN", "back": "/log-in"})
    assert (response.status_code, response.headers["location"]) == (303, "/log-in")
    assert response.headers["set-cookie"].startswith("latch-language=zh-CN;")
    for back in ("//evil.example", "https://evil.example", "/\\evil.example", ""):
        assert (await stranger.post("/language", {"back": back})).headers["location"] == "/"


async def test_every_form_of_a_page_bears_its_token(looker: Visitor) -> None:
    page = (await looker.get("/")).text
    tokens = re.findall('name="csrf" value="([^"]*)"', page)
    assert tokens == [looker.csrf] * 2  # that of the search, and that of the log-out
