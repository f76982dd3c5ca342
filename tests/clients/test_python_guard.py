"""The guard of Python backends: the examples of its page, and a few more, in front of a real Latch."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.client import bearer
from tests.clients.backends import Backend, Program, examples, serving
from tests.clients.guard_facts import FACTS, Fact, assert_unavailable, get
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
ALL = {"sanic", "starlette", "fastapi", "flask", "django-wsgi", "django-asgi"}
PROGRAMS = [
    Program("sanic", PAGE["sanic"], "sanic"),
    Program("starlette", PAGE["starlette"], "asgi"),
    Program("fastapi", PAGE["fastapi"], "asgi", is_whole=False),
    Program("flask", PAGE["flask"], "wsgi"),
    Program("flask-async", ASYNC_FLASK, "wsgi"),
    Program("django-wsgi", PAGE["django"], "django-wsgi"),
    Program("django-asgi", PAGE["django"], "django-asgi"),
    Program("django-wsgi-decorated", DECORATED, "django-wsgi", is_whole=False),
    Program("django-asgi-decorated", DECORATED, "django-asgi", is_whole=False),
    Program("django-wsgi-async-view", ASYNC_DECORATED, "django-wsgi", is_whole=False),
    Program("django-asgi-async-view", ASYNC_DECORATED, "django-asgi", is_whole=False),
]


WHOLE = [program for program in PROGRAMS if program.name in ALL]
VARIANTS = [program for program in PROGRAMS if program.name not in ALL]


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with serving(request.param) as backend:
        yield backend


@pytest.fixture
def backend(running: Backend, latch: Service) -> Backend:
    running.gate.reset(latch.port)
    return running


# Two decorators each, and not one for both: pytest starts a backend once for all its facts only then.
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
@pytest.mark.parametrize("running", WHOLE, indirect=True, ids=lambda program: program.name)
def test_of_every_framework(fact: Fact, backend: Backend, latch: Service, mobile: str) -> None:
    fact(backend, latch, mobile)


@pytest.mark.parametrize("fact", [*FACTS[:6], *FACTS[11:13]], ids=lambda fact: fact.__name__)
@pytest.mark.parametrize("running", VARIANTS, indirect=True, ids=lambda program: program.name)
def test_what_a_difference_within_a_framework_could_touch(
    fact: Fact, backend: Backend, latch: Service, mobile: str
) -> None:
    fact(backend, latch, mobile)


def test_a_latch_that_is_down_is_503_and_never_a_log_out(folder: Path) -> None:
    with Service(folder) as latch, ExitStack() as stack:
        token = latch.log_in()["token"]
        backends = [stack.enter_context(serving(program)) for program in WHOLE]
        for backend in backends:
            backend.gate.reset(latch.port)
            assert backend.http.get("/orders", headers=bearer(token)).status_code == 200
        latch.stop()
        for backend in backends:
            for sent in (token, None, "A" * 64):
                assert_unavailable(get(backend, sent))
            assert get(backend, path="/healthz").status_code == 200


def test_every_example_of_the_page_is_run() -> None:
    assert {program.name.split("-")[0] for program in PROGRAMS} == set(PAGE)
