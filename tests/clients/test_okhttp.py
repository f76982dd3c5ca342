"""The OkHttp client, compiled as Java 8 and run: its facts, its seeded runs, and 16 threads on a real Latch."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bench.fault_servers import APPEND_ONLY, servers
from tests.clients import jvm
from tests.clients.jvm import CHECKS, CLIENT, Program
from tests.processes import PATIENCE, Service

pytestmark = pytest.mark.slow

SOURCES = sorted((CLIENT / "latch" / "client").glob("*.java"))
PROGRAMS = [*sorted(CLIENT.glob("*.java")), *sorted(CHECKS.glob("*.java"))]
README = (CLIENT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"<!-- tests/clients/test_okhttp.py compiles this[^>]*-->\n```java\n(.*?)```", README, re.DOTALL)
# Of the packages that have grown since, the classes by name.
ANDROID_5 = re.compile(
    r"latch\.client\..*|okhttp3\..*|java\.(io|lang|nio\.channels|nio\.charset)\.\w+|java\.net\.URLEncoder|java\.util\.("
    r"ArrayList|Arrays|Collections?|HashSet|Iterator|LinkedHashMap|List|Locale|Map(\$Entry)?|Set|UUID|regex\.\w+|"
    r"concurrent\.(ConcurrentHashMap|CountDownLatch|ThreadLocalRandom|TimeUnit))"
)
THREADS = 16
DEATHS = 20
RUNS = 1000
AT_A_TIME = 100  # a test may take a minute, on a busy machine too
REFRESH = "PUT /app/v1_0/authorizations"


@pytest.fixture(scope="session", autouse=True)
def _jvm() -> None:
    jvm.skip_where_missing()


@pytest.fixture(scope="session", params=jvm.class_paths() or ["none"])
def okhttp(request: pytest.FixtureRequest) -> str:
    """The name of each OkHttp that is here."""
    return str(request.param)


@pytest.fixture(scope="session")
def classes(okhttp: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """The class path with the client, its programs and those of the tests, compiled."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent
    return jvm.compiled_once(folder / okhttp, jvm.class_paths()[okhttp], *SOURCES, *PROGRAMS)


def once_is_enough_for_others(okhttp: str) -> None:
    """All runs are of the first OkHttp; what is to be seen of another is that it does the same."""
    if okhttp != next(iter(jvm.class_paths())):
        pytest.skip("all runs are of another OkHttp")


def test_the_facts_hold(classes: str) -> None:
    result = jvm.java(classes, "Checks")
    found = dict(line.split(" ", maxsplit=1) for line in result.stdout.splitlines())
    assert {name: what.replace("\\n", "\n") for name, what in found.items() if what != "ok"} == {}
    assert set(found) == set(jvm.facts())
    assert len(found) > 30
    assert result.stderr == "", "the client, or OkHttp on its account, has logged something"


@pytest.mark.parametrize("seed", range(0, RUNS, AT_A_TIME))
def test_no_session_that_lives_is_lost_and_none_that_is_dead_is_used(classes: str, okhttp: str, seed: int) -> None:
    if seed:
        once_is_enough_for_others(okhttp)
    result = jvm.java(classes, "SeededRuns", str(seed), str(AT_A_TIME))
    *broken, figures = result.stdout.splitlines()
    assert broken == []
    counts = dict(zip(*[iter(figures.split())] * 2, strict=True))
    assert int(counts["runs"]) == AT_A_TIME
    assert min(int(counts[name]) for name in ("served", "refreshes", "faults", "ends")) > AT_A_TIME / 4
    assert result.stderr == ""


# --- a real Latch


def status(app: Program) -> dict[str, Any]:
    answered: dict[str, Any] = json.loads(app.ask("status"))
    return answered


def until(fact: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def everybody_goes_on(*apps: Program) -> None:
    """Wait until each thread of these has been served twice from now on: the second request began after now."""
    before = [status(app)["served"] for app in apps]
    until(
        lambda: all(
            now >= then + 2
            for app, counts in zip(apps, before, strict=True)
            for now, then in zip(status(app)["served"], counts, strict=True)
        ),
        "every thread is served",
    )


def kill_tokens(redis: Any) -> int:
    """Every access token there is; the sessions live. Returns how many there were."""
    keys = redis.keys("token:*")
    return int(redis.delete(*keys)) if keys else 0


def refreshes(service: Service) -> int:
    return service.text().count(REFRESH)


@pytest.fixture
def own_latch(folder: Path) -> Iterator[Service]:
    with Service(folder) as service:
        yield service


@pytest.fixture
def redis(own_latch: Service) -> Iterator[Any]:
    with Redis(unix_socket_path=str(own_latch.data_dir / "redis.sock")) as client:
        yield client


@pytest.fixture
def app(classes: str, own_latch: Service, tmp_path: Path) -> Iterator[Program]:
    """An app that has logged in, with a code that it has asked for."""
    url = f"http://127.0.0.1:{own_latch.port}"
    with Program(classes, "Probe", url, str(tmp_path / "tokens")) as program:
        log_in(program, own_latch)
        yield program


def log_in(app: Program, service: Service, mobile: str = "13800138000") -> None:
    assert re.fullmatch(rf"{mobile} 300 \d+ \d+", app.ask(f"code +86 {mobile}".replace(" +86 ", " +86")))
    assert app.ask(f"login {mobile} {service.last_code(mobile)}") == "1"


def test_sixteen_threads_refresh_once_for_each_death_of_their_token(
    app: Program, own_latch: Service, redis: Any
) -> None:
    assert app.ask(f"storm {THREADS}") == "begun"
    everybody_goes_on(app)
    for death in range(1, DEATHS + 1):
        assert kill_tokens(redis) >= 1
        everybody_goes_on(app)
        assert refreshes(own_latch) == death
    end = json.loads(app.ask("rest"))
    assert (end["refused"], end["unavailable"], end["otherwise"], end["told"]) == (0, 0, 0, "")
    [device] = own_latch.http.get("/app/v1_0/sessions", headers={"Authorization": f"Bearer {app.ask('kept')}"}).json()[
        "data"
    ]["sessions"]
    assert device["device"] == "手机"


def test_two_processes_with_one_store_refresh_once_for_each_death(
    app: Program, classes: str, own_latch: Service, redis: Any, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{own_latch.port}"
    with Program(classes, "Probe", url, str(tmp_path / "tokens")) as other:
        for process in (app, other):
            process.ask("storm 4")
        everybody_goes_on(app, other)
        for death in range(1, DEATHS + 1):
            assert kill_tokens(redis) >= 1
            everybody_goes_on(app, other)
            assert refreshes(own_latch) == death
        assert [json.loads(process.ask("rest"))["refused"] for process in (app, other)] == [0, 0]
        assert app.ask("logout") == "true"
        assert other.ask("kept") == "nobody"


def test_an_end_is_told_once_with_its_reason_and_all_threads_hear_of_it(app: Program, own_latch: Service) -> None:
    app.ask(f"storm {THREADS}")
    everybody_goes_on(app)
    token = {"Authorization": f"Bearer {app.ask('kept')}"}
    assert own_latch.http.delete("/app/v1_0/sessions", headers=token).status_code == 204
    until(lambda: status(app)["told"] != "", "the app is told")
    before = status(app)["served"]
    end = json.loads(app.ask("rest"))
    assert end["told"] == "session_ended:revoked"
    assert end["refused"] >= THREADS
    assert (end["served"], end["unavailable"], end["otherwise"]) == (before, 0, 0)
    assert app.ask("kept") == "nobody"
    assert refreshes(own_latch) == 1


def test_a_redis_that_is_killed_costs_no_token(classes: str, folder: Path, tmp_path: Path) -> None:
    with servers() as started:
        node = started.node(*APPEND_ONLY)
        with Service(folder, REDIS_URL=f"redis://127.0.0.1:{node.port}", CODE_PEPPER="of this test alone") as service:
            url = f"http://127.0.0.1:{service.port}"
            with Program(classes, "Probe", url, str(tmp_path / "tokens")) as app:
                log_in(app, service)
                app.ask(f"storm {THREADS}")
                everybody_goes_on(app)
                kill_tokens(node.client)  # so that refreshes meet it too
                node.kill()
                kept = app.ask("kept")
                until(lambda: status(app)["unavailable"] + status(app)["otherwise"] > THREADS, "Latch is in trouble")
                node.start()
                everybody_goes_on(app)
                end = json.loads(app.ask("rest"))
                assert (end["refused"], end["told"]) == (0, "")
                assert kept != "nobody"


def test_a_wrong_code_and_one_too_soon_are_told_as_latch_says_it(classes: str, folder: Path, tmp_path: Path) -> None:
    with Service(folder, LIMIT_CODE_COOLDOWN="60") as service:
        url = f"http://127.0.0.1:{service.port}"
        with Program(classes, "Probe", url, str(tmp_path / "tokens")) as app:
            assert app.ask("code 13800138000") == "13800138000 300 60 60"
            assert re.fullmatch(r"LatchException too_many_requests (5\d|60)", app.ask("code 13800138000"))
            assert app.ask("code 12800138000") == "LatchException invalid_request 0"
            wrong = f"{(int(service.last_code('13800138000')) + 1) % 1_000_000:06}"
            assert app.ask(f"login 13800138000 {wrong}") == "LatchException invalid_code 0"
            assert app.ask("kept") == "nobody"
            service.stop()
            assert app.ask("code 13800138000") == "Unavailable null 0"


def test_the_example_logs_in_and_stays_logged_in_and_logs_out(
    classes: str, latch: Service, mobile: str, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{latch.port}"
    home = f"-Duser.home={tmp_path}"
    words = (home, "-Dfile.encoding=UTF-8", "Example")
    first = jvm.java(classes, *words, typed=f"{mobile}\n{latch.code(mobile)}\n", LATCH_URL=url)
    assert "Hello, user " in first.stdout
    assert f'"mobile":"{mobile}"' in jvm.java(classes, *words, LATCH_URL=url).stdout
    assert jvm.java(classes, *words, "out", LATCH_URL=url).stdout == "Logged out.\n"
    refused = jvm.java(classes, *words, typed="1\n1\n", LATCH_URL=url)
    assert "Number?" in refused.stdout
    assert "Exception" not in refused.stdout + refused.stderr  # a sentence


# --- what an app developer copies


def test_the_snippets_of_the_readme_compile(classes: str, tmp_path: Path) -> None:
    assert len(SNIPPETS) == README.count("```java") - 1  # SMS Retriever is Google's
    [use, *calls] = [snippet for snippet in SNIPPETS if not snippet.startswith("class ")]
    [store] = [snippet for snippet in SNIPPETS if snippet.startswith("class ")]
    packages = ("android.content.SharedPreferences", "java.io.*", "latch.client.*", "okhttp3.*")
    imports = "".join(f"import {name};\n" for name in packages)
    methods = "".join(f"    void call{which}() throws IOException {{\n{call}}}\n" for which, call in enumerate(calls))
    fields = re.sub(r"^(LatchClient|OkHttpClient) ", r"final \1 ", use, flags=re.MULTILINE)
    source = tmp_path / "Snippets.java"
    source.write_text(f"{imports}class Snippets {{\n{fields}{methods}}}\n{store}", encoding="utf-8")
    stand_in = CHECKS / "android" / "content" / "SharedPreferences.java"
    result = jvm.compiled(tmp_path, classes, stand_in, source)
    assert result.returncode == 0, result.stderr


def test_it_asks_for_nothing_that_android_5_does_not_have(classes: str) -> None:
    needed = jvm.needs(classes, "latch.client")
    assert "okhttp3.Interceptor" in needed
    assert {name for name in needed if not ANDROID_5.fullmatch(name)} == set()
