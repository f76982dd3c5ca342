"""What each treatment and each deed does, on the wire and to the session: the real app, and a client that just asks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from service.rehearsal import scripts
from service.rehearsal.answers import FOREIGN
from service.rehearsal.plans import Do, Script, Step, Treatment
from service.rehearsal.runs import Run, Runs
from service.rehearsal.wire import Deed, Exchange, Kind, Said
from tests.client import BASE, bearer

pytestmark = pytest.mark.slow

AUTHORIZATIONS = f"{BASE}/authorizations"
REFRESH, WORK = Kind.REFRESH, Kind.WORK


class Rehearsed:
    """One run of a script made for the test, and a client of it that keeps no rules."""

    def __init__(self, http: httpx.AsyncClient, run: Run, task: dict[str, Any]) -> None:
        self.http = http
        self.run = run
        self.task = task

    async def log_in(self) -> dict[str, Any]:
        body = {"mobile": self.task["mobile"], "code": self.task["code"]}
        tokens: dict[str, Any] = (await self.http.post(AUTHORIZATIONS, json=body)).json()["data"]
        return tokens

    async def refresh(self, tokens: dict[str, Any]) -> httpx.Response:
        return await self.http.put(AUTHORIZATIONS, headers=bearer(tokens["refresh_token"]))

    async def work(self, tokens: dict[str, Any]) -> int:
        return (await self.http.get("/work", headers=bearer(tokens["token"]))).status_code

    def passed(self, kind: Kind) -> list[Exchange]:
        return [exchange for exchange in self.run.record().exchanges if exchange.kind is kind]


Rehearsing = Callable[..., Awaitable[Rehearsed]]


@pytest.fixture
async def rehearsing(
    serve: Callable[[Runs], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rehearsing]:
    """Begin a run of these steps."""
    clients: list[httpx.AsyncClient] = []

    async def begin(*steps: Step) -> Rehearsed:
        monkeypatch.setitem(scripts.SCRIPTS, "this", Script("this", "", steps))
        runs = Runs(1, 2, ("this",))
        address = await serve(runs)
        clients.append(httpx.AsyncClient(trust_env=False))
        task = (await clients[-1].post(f"{address}/next")).json()
        clients[-1].base_url = httpx.URL(task["url"])
        run = runs.find("0")
        assert run
        return Rehearsed(clients[-1], run, task)

    yield begin
    for client in clients:
        await client.aclose()


def once(do: Do, kind: Kind = REFRESH, **more: Any) -> Step:
    return Step(kind, Treatment(do, **more), 0, 0)


async def test_what_the_network_leaves_alone_is_the_api_as_it_is(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing()
    sent = await rehearsed.http.post(f"{BASE}/sms/codes", json={"mobile": rehearsed.task["mobile"]})
    assert sent.json()["data"]["mobile"] == rehearsed.task["mobile"]
    tokens = await rehearsed.log_in()
    assert await rehearsed.work(tokens) == 200
    assert (await rehearsed.http.get(f"{BASE}/user", headers=bearer(tokens["token"]))).json()["data"]["id"]
    assert (await rehearsed.refresh(tokens)).headers["cache-control"] == "no-store"
    assert (await rehearsed.http.delete(AUTHORIZATIONS, headers=bearer(tokens["token"]))).status_code == 204
    assert await rehearsed.work(tokens) == 401
    kinds = [exchange.kind for exchange in rehearsed.run.record().exchanges]
    assert kinds == [Kind.CODE, Kind.LOGIN, WORK, Kind.OTHER, REFRESH, Kind.LOG_OUT, WORK]


@pytest.mark.parametrize(("do", "latch"), [(Do.REQUEST_LOST, 0), (Do.ANSWER_LOST, 200), (Do.CUT_SHORT, 200)])
async def test_a_cut_connection_tells_the_client_nothing(rehearsing: Rehearsing, do: Do, latch: int) -> None:
    rehearsed = await rehearsing(once(do))
    tokens = await rehearsed.log_in()
    with pytest.raises(httpx.TransportError):
        await rehearsed.refresh(tokens)
    [lost] = rehearsed.passed(REFRESH)
    assert (lost.latch.status, lost.told, lost.got_tokens) == (latch, Said(), False)
    assert (await rehearsed.refresh(tokens)).status_code == 200


@pytest.mark.parametrize(("do", "latch"), [(Do.INSTEAD, 0), (Do.AFTERWARDS, 200)])
async def test_somebody_else_answers(rehearsing: Rehearsing, do: Do, latch: int) -> None:
    names = enumerate(FOREIGN)
    rehearsed = await rehearsing(*(Step(REFRESH, Treatment(do, answer=name), turn, turn) for turn, name in names))
    tokens = await rehearsed.log_in()
    for answer in FOREIGN.values():
        heard = await rehearsed.refresh(tokens)
        assert (heard.status_code, heard.content) == (answer.status, answer.body)
    foreign = [(passed.latch.status, passed.is_latchs, passed.got_tokens) for passed in rehearsed.passed(REFRESH)]
    assert foreign == [(latch, False, False)] * len(FOREIGN)


async def test_a_doubled_request_reaches_latch_twice(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing(once(Do.DOUBLED))
    tokens = await rehearsed.log_in()
    assert (await rehearsed.refresh(tokens)).status_code == 200
    assert len(rehearsed.passed(REFRESH)) == 1


@pytest.mark.parametrize("do", [Do.ANSWER_LATE, Do.REQUEST_LATE, Do.IN_DROPS])
async def test_what_comes_late_comes_whole(rehearsing: Rehearsing, do: Do) -> None:
    rehearsed = await rehearsing(once(do, seconds=0.06))
    tokens = await rehearsed.log_in()
    began = time.monotonic()
    assert (await rehearsed.refresh(tokens)).json()["data"]["session_id"] == tokens["session_id"]
    assert time.monotonic() - began > 0.05
    assert [exchange.got_tokens for exchange in rehearsed.passed(REFRESH)] == [True]


async def test_of_refreshes_in_parallel_the_first_ones_answer_comes_last(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing(once(Do.ANSWER_LATE, seconds=0.1))
    tokens = await rehearsed.log_in()
    await asyncio.gather(rehearsed.refresh(tokens), rehearsed.refresh(tokens))
    first, second = rehearsed.passed(REFRESH)
    assert first.told_at > second.told_at


async def test_who_has_hung_up_has_got_nothing(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing(once(Do.ANSWER_LATE, seconds=0.15))
    tokens = await rehearsed.log_in()
    with pytest.raises(httpx.ReadTimeout):
        await rehearsed.http.put(AUTHORIZATIONS, headers=bearer(tokens["refresh_token"]), timeout=0.05)
    while not rehearsed.passed(REFRESH):  # noqa: ASYNC110 - it is the network that goes on by itself
        await asyncio.sleep(0.01)
    [late] = rehearsed.passed(REFRESH)
    assert (late.latch.status, late.told.status) == (200, 0)


@pytest.mark.parametrize(
    ("deed", "refusal"),
    [
        (Deed.REVOKED, Said(403, "session_ended", "revoked")),
        (Deed.REPLACED, Said(403, "session_ended", "replaced")),
        (Deed.SESSION_DELETED, Said(403, "invalid_refresh_token")),
        (Deed.LIST_DELETED, Said(403, "invalid_refresh_token")),
    ],
)
async def test_a_session_ends_in_the_middle(rehearsing: Rehearsing, deed: Deed, refusal: Said) -> None:
    rehearsed = await rehearsing(Step(WORK, deed, 1, 1))
    tokens = await rehearsed.log_in()
    assert [await rehearsed.work(tokens), await rehearsed.work(tokens)] == [200, 401]
    assert (await rehearsed.refresh(tokens)).status_code == 403
    assert [exchange.told for exchange in rehearsed.passed(REFRESH)] == [refusal]
    assert [(one.deed, one.session) for one in rehearsed.run.record().happenings] == [(deed, tokens["session_id"])]
    assert await rehearsed.work(await rehearsed.log_in()) == 200


async def test_a_dead_access_token_is_no_dead_session(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing(Step(WORK, Deed.TOKEN_DELETED, 0, 0))
    tokens = await rehearsed.log_in()
    assert await rehearsed.work(tokens) == 401
    fresh = (await rehearsed.refresh(tokens)).json()["data"]
    assert (fresh["session_id"], await rehearsed.work(fresh)) == (tokens["session_id"], 200)


async def test_minutes_pass_so_that_a_token_from_long_ago_is_taken_for_stolen(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing(Step(WORK, Deed.TIME_PASSES))
    first = await rehearsed.log_in()
    second = (await rehearsed.refresh(first)).json()["data"]
    await rehearsed.work(second)
    third = (await rehearsed.refresh(second)).json()["data"]  # which confirms it, and retires the first
    await rehearsed.work(third)
    assert (await rehearsed.refresh(third)).status_code == 200
    refused = await rehearsed.refresh(first)
    assert (refused.status_code, refused.json()["reason"]) == (403, "reused")


async def test_no_time_passes_while_a_request_of_the_run_is_in_flight(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing(Step(WORK, Deed.TIME_PASSES, 0, 0), once(Do.ANSWER_LATE, seconds=0.1))
    tokens = await rehearsed.log_in()
    await asyncio.gather(rehearsed.refresh(tokens), rehearsed.work(tokens))
    assert rehearsed.run.record().happenings == []
    await rehearsed.work(tokens)
    assert [one.deed for one in rehearsed.run.record().happenings] == [Deed.TIME_PASSES]


async def test_a_record_holds_no_token_and_no_id_in_clear(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing()
    tokens = await rehearsed.log_in()
    await rehearsed.refresh(tokens)
    text = repr(rehearsed.run.record())
    assert tokens["token"] not in text
    assert tokens["refresh_token"] not in text


async def test_addresses_that_are_none_are_told(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing()
    address = rehearsed.task["url"].removesuffix("/run/0")
    for path in ("/", "/run", "/run/1/work", "/run/x/done", "/next/more"):
        assert (await rehearsed.http.get(f"{address}{path}")).status_code == 404
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(address).port)
    writer.write(b"nothing that HTTP knows\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_pages_of_other_origins_may_rehearse(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing()
    asked = await rehearsed.http.options("/work", headers={"Access-Control-Request-Headers": "authorization"})
    assert "authorization" in asked.headers["access-control-allow-headers"]
    assert (await rehearsed.http.get("/work")).headers["access-control-allow-origin"] == "*"


async def test_a_driver_is_told_when_there_are_no_more_runs(rehearsing: Rehearsing) -> None:
    rehearsed = await rehearsing()
    address = rehearsed.task["url"].removesuffix("/run/0")
    answers = [await rehearsed.http.post(f"{address}/next") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 204]
    assert answers[0].json()["mobile"] != rehearsed.task["mobile"]
