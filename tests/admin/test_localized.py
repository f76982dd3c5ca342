"""The language of a request, from its cookie, its Accept-Language or the setting; and templates that speak it."""

from typing import Any

import httpx
import pytest
from babel.messages import Catalog
from jinja2 import Environment
from sanic import HTTPResponse, text

from service import languages
from service.http import localized
from service.http.requests import App, Request
from service.languages import LANGUAGE, Language
from tests.admin.conftest import Console, StartConsole
from tests.texts import compiled

pytestmark = pytest.mark.slow

ENGLISH, CHINESE = Language


@pytest.fixture
def start_speaking(start_console: StartConsole) -> StartConsole:
    async def spoken(_request: Request) -> HTTPResponse:
        return text(LANGUAGE.get())

    async def choose(_request: Request, tag: str) -> HTTPResponse:
        response = text("")
        localized.remember(response, Language(tag))
        return response

    def prepare(app: App) -> None:
        localized.attach(app)
        app.add_route(spoken, "/spoken", ctx_open=True)
        app.add_route(choose, "/choose/<tag>", ctx_open=True)

    async def start(**settings: Any) -> Console:
        return await start_console(with_keys=False, prepare=prepare, **settings)

    return start


async def spoken(console: Console, accepted: str | None = None, cookie: str | None = None) -> str:
    headers = {"Accept-Language": accepted, "Cookie": cookie}
    sent = {name: value for name, value in headers.items() if value is not None}
    return (await console.ask("GET", "/spoken", None, headers=sent)).text


async def test_a_request_is_answered_in_its_language(start_speaking: StartConsole) -> None:
    console = await start_speaking(default_language="zh-CN")
    assert await spoken(console) == "zh-CN"
    assert await spoken(console, "en-GB") == "en"
    assert await spoken(console) == "zh-CN"
    assert await spoken(console, "fr") == "zh-CN"
    assert await spoken(console, "zh", "latch-language=en") == "en"
    assert await spoken(console, "en", "a=b; latch-language=zh-CN") == "zh-CN"
    assert await spoken(console, "en", "latch-language=klingon") == "en"


async def test_what_was_chosen_is_remembered_by_the_browser(start_speaking: StartConsole) -> None:
    console = await start_speaking()
    response: httpx.Response = await console.ask("GET", "/choose/zh-CN", None)
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("latch-language=zh-CN; Path=/; ")
    assert {"Max-Age=31536000", "SameSite=Lax", "Secure", "HttpOnly"} <= set(cookie.split("; "))
    assert await spoken(console) == "en"
    assert await spoken(console, None, cookie.partition(";")[0]) == "zh-CN"


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with these texts alone."""
    catalogue = Catalog("zh_CN")
    catalogue.add("Hello %(name)s, 50 %%", "您好，%(name)s，50%%")
    catalogue.add(("%(num)s device", "%(num)s devices"), ("%(num)s 台设备",))
    catalogue.add("End", "结束", context="verb")
    monkeypatch.setitem(languages.CATALOGUES, CHINESE, compiled(catalogue))


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("enable_async", [True, False])
async def test_one_template_speaks_every_language(enable_async: bool) -> None:  # noqa: FBT001 - a parameter of the test
    environment = Environment(autoescape=True, enable_async=enable_async)
    localized.install(environment)
    template = environment.from_string("""<html lang="{{ language() }}">
        {% trans %}
            Hello {{ name }},
            50 %
        {% endtrans %}
        {{ _("Hello %(name)s, 50 %%", name=name) }} {{ ngettext("%(num)s device", "%(num)s devices", 2) }}
        {% trans num=1 %}{{ num }} device{% pluralize %}{{ num }} devices{% endtrans %}
        {{ pgettext("verb", "End") }}""")

    async def rendered(language: Language) -> list[str]:
        LANGUAGE.set(language)
        page = await template.render_async(name="<Li>") if enable_async else template.render(name="<Li>")
        return [line.strip() for line in page.splitlines() if line.strip()]

    hello = "Hello &lt;Li&gt;, 50 %"
    assert await rendered(ENGLISH) == ['<html lang="en">', hello, f"{hello} 2 devices", "1 device", "End"]
    hello = "您好，&lt;Li&gt;，50%"
    assert await rendered(CHINESE) == ['<html lang="zh-CN">', hello, f"{hello} 2 台设备", "1 台设备", "结束"]
