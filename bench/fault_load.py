"""People who log in, check, refresh and log out while something is broken, and what each of them has been promised."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import httpx

from bench.fault_ledger import Ledger, Phones, Session
from tests.client import BASE, bearer

PEOPLE = 24
PACE = 0.25  # seconds between two requests of a person, on average
PATIENCE = 20.0  # seconds after which a request counts as not answered
CODE, LOGIN, CHECK, REFRESH, LOGOUT, WHO = "code", "login", "check", "refresh", "log-out", "who"
NONE = 0  # stands for the status of a request whose connection broke


class Person:
    """Owns a number. Knows of each session whether it was promised to live or to be dead; forgets the uncertain."""

    def __init__(self, mobile: str, client: httpx.AsyncClient, phones: Phones, ledger: Ledger) -> None:
        self._mobile = mobile
        self._client = client
        self._phones = phones
        self.ledger = ledger
        self.live: list[Session] = []
        self.ended: list[Session] = []
        self._code = ""

    async def step(self) -> None:
        """One request, or the two of a login."""
        if not self.live:
            await self.log_in()
            return
        session = random.choice(self.live)
        chance = random.random()
        if chance < 0.55:
            await self.check(session)
        elif chance < 0.70:
            await self.refresh(session)
        elif chance < 0.80:
            await self.log_out(session)
        elif chance < 0.90:
            self._judge(session, await self.ask(WHO, "GET", "/user", headers=bearer(session.token)))
        elif self.ended:
            await self.check_ended(random.choice(self.ended))

    async def log_in(self) -> None:
        """Ask for a code unless one is still good, and type it."""
        if not self._code:
            response = await self.ask(CODE, "POST", "/sms/codes", json={"mobile": self._mobile})
            if response is None or response.status_code != 200:
                return
            self._code = self._phones.code(self._mobile)
        response = await self.ask(LOGIN, "POST", "/authorizations", json={"mobile": self._mobile, "code": self._code})
        if response is None or response.status_code != 503:
            self._code = ""
        if response is not None and response.status_code == 200:
            self.live.append(_session(response))

    async def check(self, session: Session) -> None:
        response = await self.ask(CHECK, "GET", "/authorizations", headers=bearer(session.token))
        self._judge(session, response)

    async def refresh(self, session: Session) -> None:
        response = await self.ask(REFRESH, "PUT", "/authorizations", headers=bearer(session.refresh_token))
        if self._judge(session, response) and response is not None and response.status_code == 200:
            fresh = _session(response)
            session.token, session.refresh_token = fresh.token, fresh.refresh_token

    async def log_out(self, session: Session) -> None:
        """Whatever is not answered 204 may have been done or not."""
        response = await self.ask(LOGOUT, "DELETE", "/authorizations", headers=bearer(session.token))
        if session in self.live:
            self.live.remove(session)
        if response is not None and response.status_code == 204:
            self.ended.append(session)

    async def check_ended(self, session: Session) -> None:
        response = await self.ask(CHECK, "GET", "/authorizations", headers=bearer(session.token), expected=401)
        if response is not None and response.status_code == 200:
            self.ledger.risen += 1
            self.ended.remove(session)

    async def ask(
        self, kind: str, method: str, path: str, *, expected: int = 0, **options: Any
    ) -> httpx.Response | None:
        """The answer, or None where the connection broke. What was `expected` is not counted as a failure."""
        start = time.monotonic()
        try:
            response = await self._client.request(method, BASE + path, **options)
        except httpx.TransportError:
            self.ledger.note(kind, NONE, time.monotonic() - start)
            return None
        status = 200 if response.status_code in {expected, 204} else response.status_code
        self.ledger.note(kind, status, time.monotonic() - start)
        return response

    def _judge(self, session: Session, response: httpx.Response | None) -> bool:
        if response is None or response.status_code not in {401, 403}:
            return True
        if session in self.live:
            self.ledger.lost += 1
            self.live.remove(session)
        return False


class Load:
    """Some people, at a modest rate, until they are told to stop."""

    def __init__(self, port: int, messages: Path) -> None:
        limits = httpx.Limits(max_connections=4 * PEOPLE)
        address = f"http://127.0.0.1:{port}"
        self.client = httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits, trust_env=False)
        self.ledger = Ledger()
        phones = Phones(messages)
        self.people = [Person(f"150{n:08}", self.client, phones, self.ledger) for n in range(PEOPLE)]
        self._going = True

    def forget_answers(self) -> None:
        """Count anew from here on."""
        self.ledger = Ledger()
        for person in self.people:
            person.ledger = self.ledger

    async def run(self) -> None:
        await asyncio.gather(*(self._live(person) for person in self.people))

    def stop(self) -> None:
        self._going = False

    async def _live(self, person: Person) -> None:
        await asyncio.sleep(random.uniform(0, PACE))
        while self._going:
            await person.step()
            await asyncio.sleep(random.uniform(0.5, 1.5) * PACE)

    async def audit(self) -> None:
        """Look at every session that was promised to live or to be dead."""
        for person in self.people:
            for session in list(person.live):
                await person.check(session)
                if session in person.live:
                    await person.refresh(session)
            for session in list(person.ended):
                await person.check_ended(session)


def _session(response: httpx.Response) -> Session:
    data = response.json()["data"]
    return Session(data["token"], data["refresh_token"])
