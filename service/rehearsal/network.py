"""The network that misbehaves: carries one request of a client to Latch or to the backend, as the script has it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import orjson

from service.http.head import RawRequest
from service.http.requests import BASE_PATH, bearer
from service.rehearsal.answers import FOREIGN, Answer, of_json
from service.rehearsal.plans import Do, Treatment
from service.rehearsal.runs import Run, digest
from service.rehearsal.sessions import SessionDeeds
from service.rehearsal.upstream import Upstream
from service.rehearsal.wire import Deed, Exchange, Kind, Said

AUTHORIZATIONS = f"{BASE_PATH}/authorizations"
WORK = "/work"
OF_AUTHORIZATIONS = {"POST": Kind.LOGIN, "PUT": Kind.REFRESH, "DELETE": Kind.LOG_OUT}
NO_LATCH = of_json(503, {"error": "service_unavailable", "message": "The Latch of the rehearsal is away."})
GOOD = 200
SLUGGISH = 0.2  # seconds by which a run is slowed down of which enough has been seen
ENOUGH = 600  # requests of one kind

Ask = Callable[[], Awaitable[Answer]]


class Client(Protocol):
    """The client's end of a connection. Each tells whether it has got the answer whole."""

    async def send(self, answer: Answer) -> bool:
        """All of it at once."""
        ...

    async def drip(self, answer: Answer, seconds: float) -> bool:
        """All of it, within so many seconds."""
        ...

    def cut(self, answer: Answer | None = None) -> bool:
        """Hang up; after half of an answer, where there is one."""
        ...


class _Asked(NamedTuple):
    """A request of a run: what it asks for, where at Latch, and with which token."""

    kind: Kind
    raw: RawRequest
    token: str


def kind_of(method: str, path: str) -> Kind:
    """What a request asks for, by its path below the run."""
    if path == WORK:
        return Kind.WORK
    if path.rstrip("/") == AUTHORIZATIONS:
        return OF_AUTHORIZATIONS.get(method, Kind.OTHER)
    return Kind.CODE if path.startswith(f"{BASE_PATH}/sms/codes") else Kind.OTHER


class Network:
    """Between the clients and one Latch."""

    def __init__(self, latch: Upstream, sessions: SessionDeeds) -> None:
        self._latch = latch
        self._sessions = sessions

    async def carry(self, run: Run, raw: RawRequest, client: Client) -> None:
        """Treat one request as the run's script has it, and remember what passed."""
        asked = _asked(run, raw)
        ordinal = run.ordinal(asked.kind)
        run.in_flight += 1
        try:
            if ordinal > ENOUGH:
                await asyncio.sleep(SLUGGISH)
            at = run.now
            await self._do_deeds(run, asked, run.plan.deeds(asked.kind, ordinal))
            await self._treat(run, asked, run.plan.treatment(asked.kind, ordinal), client, at)
        finally:
            run.in_flight -= 1

    async def _do_deeds(self, run: Run, asked: _Asked, deeds: list[Deed]) -> None:
        """Those that are due, and what has waited for a moment when nothing else is in flight. What comes waits."""
        async with run.turn:
            run.waiting |= set(deeds)
            session = run.session_of(digest(asked.token))
            if not session or run.is_ended(session):
                return
            due = [
                deed for deed in Deed if deed in run.waiting and (run.in_flight == 1 or deed is not Deed.TIME_PASSES)
            ]
            run.waiting -= set(due)
            for deed in due:
                if await self._sessions.do(deed, asked.token):
                    run.note_deed(deed, session)

    async def _treat(self, run: Run, asked: _Asked, treatment: Treatment, client: Client, at: float) -> None:
        latch: list[Answer] = []

        async def ask() -> Answer:
            latch.append(await self._ask(asked))
            _learn(run, latch[-1])
            return latch[-1]

        answer = await _answer(treatment, ask)
        is_told = await _deliver(treatment, answer, client)
        said = _said(latch[-1]) if latch else Said()
        run.note(
            Exchange(
                at=at,
                kind=asked.kind,
                token=digest(asked.token),
                session=run.session_of(digest(asked.token)),
                own_id=digest(asked.raw.head.header(b"x-request-id")) if asked.kind is Kind.LOGIN else "",
                network=str(treatment),
                latch=said,
                told=_said(answer) if answer and is_told else Said(),
                told_at=run.now,
                is_latchs=is_told and bool(latch) and answer is latch[-1],
                opened=_tokens(latch[-1]).get("session_id", "") if latch else "",
            )
        )

    async def _ask(self, asked: _Asked) -> Answer:
        head = asked.raw.head
        if asked.kind is Kind.WORK:  # the backend asks Latch whose the token is, and passes a refusal on
            head = head._replace(method=b"GET", target=AUTHORIZATIONS.encode(), length=0)
        try:
            answer = await self._latch.ask(head, b"" if asked.kind is Kind.WORK else asked.raw.body)
        except (OSError, TimeoutError, EOFError):
            return NO_LATCH
        if asked.kind is Kind.WORK and answer.status == GOOD:
            return of_json(GOOD, {"message": "ok", "data": {"done": True}})
        return answer


def _asked(run: Run, raw: RawRequest) -> _Asked:
    """The request as Latch gets it: without the run's part of the path."""
    prefix = f"/run/{run.name}".encode()
    head = raw.head._replace(target=re.sub(rb"^(?:https?://[^/]+)?%b" % re.escape(prefix), b"", raw.head.target))
    kind = kind_of(head.method.decode(errors="replace"), head.path)
    return _Asked(kind, raw._replace(head=head), bearer(raw) or "")


async def _answer(treatment: Treatment, ask: Ask) -> Answer | None:
    """What is to reach the client; None: nothing."""
    do = treatment.do
    if do is Do.REQUEST_LOST:
        return None
    if do is Do.INSTEAD:
        return FOREIGN[treatment.answer]
    if do is Do.REQUEST_LATE:
        await asyncio.sleep(treatment.seconds)
    answer = await ask()
    if do is Do.DOUBLED:
        answer = await ask()
    if do is Do.ANSWER_LATE:
        await asyncio.sleep(treatment.seconds)
    if do is Do.AFTERWARDS:
        return FOREIGN[treatment.answer]
    return None if do is Do.ANSWER_LOST else answer


async def _deliver(treatment: Treatment, answer: Answer | None, client: Client) -> bool:
    if answer is None or treatment.do is Do.CUT_SHORT:
        return client.cut(answer)
    if treatment.do is Do.IN_DROPS:
        return await client.drip(answer, treatment.seconds)
    return await client.send(answer)


def _learn(run: Run, answer: Answer) -> None:
    tokens = _tokens(answer)
    if session := tokens.get("session_id", ""):
        run.learn(session, digest(tokens["token"]), digest(tokens["refresh_token"]))


def _tokens(answer: Answer) -> dict[str, str]:
    """The tokens that are in an answer, and their session."""
    data = _object(answer.body).get("data")
    return data if answer.status == GOOD and isinstance(data, dict) and "refresh_token" in data else {}


def _said(answer: Answer) -> Said:
    body = _object(answer.body)
    return Said(answer.status, str(body.get("error", "")), str(body.get("reason", "")))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
