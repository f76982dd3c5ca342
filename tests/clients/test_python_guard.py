"""The guard of Python backends: the examples of its page, and a few more, in front of a real Latch."""

from collections.abc import Iterator

import pytest

from tests.clients.backends import LATCH, PATIENT, Backend, Program, examples, serving
from tests.clients.guard_facts import FACTS, OF_EACH_WAY, OF_LIMITS, Fact, each_of
from tests.processes import ROOT, Service

pytestmark = pytest.mark.slow

PAGE = examples(ROOT / "clients/python/README.md")
ASYNC_FLASK = {"app.py": PAGE["flask"]["app.py"].replace("def orders", "async def orders")}
DECORATED = {
    "settings.py": PAGE["django"]["settings.py"].split("\n", 1)[1],
    "urls.py": "from latch_guard.django import latch_required\n"
    + PAGE["django"]["urls.py"].replace("def orders", "@latch_required\ndef orders"),
}
ASYNC_DECORATED = {**DECORATED, "urls.py": DECORATED["urls.py"].replace("def orders", "async def orders")}


def instead_of_the_address(guard: str) -> dict[str, str]:
    """The patience of programs whose guard takes its option by itself."""
    return {
        "app = ": f"from latch_guard import {guard}\n\napp = ",
        f'"{LATCH}"': f'{guard}("{LATCH}", timeout={PATIENT})',
    }


ASYNC, BLOCKING = instead_of_the_address("AsyncGuard"), instead_of_the_address("Guard")
DJANGO = {"LATCH_URL": f"LATCH_TIMEOUT = {PATIENT}\nLATCH_URL"}
ALL = {"sanic", "starlette", "fastapi", "flask", "django-wsgi", "django-asgi"}
PROGRAMS = [
    Program("sanic", PAGE["sanic"], "sanic", ASYNC),
    Program("starlette", PAGE["starlette"], "asgi", ASYNC),
    Program("fastapi", PAGE["fastapi"], "asgi", ASYNC, is_whole=False),
    Program("flask", PAGE["flask"], "wsgi", BLOCKING),
    Program("flask-async", ASYNC_FLASK, "wsgi", BLOCKING),
    Program("django-wsgi", PAGE["django"], "django-wsgi", DJANGO),
    Program("django-asgi", PAGE["django"], "django-asgi", DJANGO),
    Program("django-wsgi-decorated", DECORATED, "django-wsgi", DJANGO, is_whole=False),
    Program("django-asgi-decorated", DECORATED, "django-asgi", DJANGO, is_whole=False),
    Program("django-wsgi-async-view", ASYNC_DECORATED, "django-wsgi", DJANGO, is_whole=False),
    Program("django-asgi-async-view", ASYNC_DECORATED, "django-asgi", DJANGO, is_whole=False),
]
WHOLE = [program for program in PROGRAMS if program.name in ALL]
PATIENT_WHOLE = [program.patient() for program in WHOLE]
PATIENT_VARIANTS = [program.patient() for program in PROGRAMS if program.name not in ALL]


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with serving(request.param) as backend:
        yield backend


@each_of(FACTS, PATIENT_WHOLE)
def test_of_every_framework(fact: Fact, backend: Backend, latch: Service, mobile: str) -> None:
    fact(backend, latch, mobile)


@each_of(OF_LIMITS, WHOLE)
def test_limits_as_they_ship(fact: Fact, backend: Backend, latch: Service, mobile: str) -> None:
    fact(backend, latch, mobile)


@each_of(OF_EACH_WAY, PATIENT_VARIANTS)
def test_what_a_difference_within_a_framework_could_touch(
    fact: Fact, backend: Backend, latch: Service, mobile: str
) -> None:
    fact(backend, latch, mobile)


def test_every_example_of_the_page_is_run() -> None:
    assert {program.name.split("-")[0] for program in PROGRAMS} == set(PAGE)
