"""The language that a request is answered in, and how templates come to speak it.

The console knows it from the start of each request. The public API asks for it where it has something to say, which a
good check has not.
"""

from functools import lru_cache
from typing import Any

from jinja2 import Environment
from sanic import HTTPResponse

from service import languages
from service.http.head import RequestHead
from service.http.requests import App, Request
from service.languages import LANGUAGE, LONGEST, Language, chosen

COOKIE = "latch-language"  # what somebody has chosen; not `__Host-`: nothing hangs on it
KEPT = 365 * 86_400  # seconds
LETTING_TRIM = "ext.i18n.trimmed"  # Jinja's policy: how a text is laid out in a template is no part of it


def attach(app: App) -> None:
    """Have every request answered in its language."""
    app.on_request(speak)


async def speak(request: Request) -> None:
    """Set the language for what is said from here on; one connection brings requests of several."""
    LANGUAGE.set(language_of(request))


def language_of(request: Request) -> Language:
    """The language that was chosen by cookie, or else that of Accept-Language, or else DEFAULT_LANGUAGE."""
    accepted = request.raw.head.header(b"accept-language")
    return chosen(accepted, request.cookies.get(COOKIE), Language(request.app.ctx.settings.default_language))


def asked_for(app: App, head: RequestHead | None) -> Language:
    """The language that Accept-Language asks for, or else DEFAULT_LANGUAGE, also where no head could be read."""
    accepted = head.header(b"accept-language") if head else ""
    return _asked_for(accepted[: LONGEST + 1], app.ctx.settings.default_language)  # one longer is passed over, too


@lru_cache(maxsize=256)
def _asked_for(accepted: str, default: str) -> Language:
    """Browsers send few headers, again and again; gateways often send none."""
    return chosen(accepted, None, Language(default))


def remember(response: HTTPResponse, language: Language) -> None:
    """Have the browser ask for this language from now on."""
    response.add_cookie(COOKIE, str(language), max_age=KEPT, httponly=True, secure=True, samesite="Lax")


def install(environment: Environment) -> None:
    """Give templates `_`, `ngettext`, `pgettext` and `{% trans %}` in the language of the request, and `language()`.

    What they are given is filled in, and escaped: `_("Hello %(name)s", name=name)`. So a per cent sign is written `%%`
    there, but not in `{% trans %}`.
    """
    environment.policies[LETTING_TRIM] = True
    environment.add_extension("jinja2.ext.i18n")
    extended: Any = environment  # the extension has added a method
    extended.install_gettext_callables(
        languages.gettext,
        languages.ngettext,
        newstyle=True,
        pgettext=languages.pgettext,
        npgettext=languages.npgettext,
    )
    environment.globals["language"] = LANGUAGE.get
