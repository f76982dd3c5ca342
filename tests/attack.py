"""Attacks on a running Latch with two workers: what an attacker with any number of addresses gets, in figures.

`python -m tests.attack` starts services of its own, attacks them and prints a table. tests/test_attack.py holds
docs/abuse.md to it. An attacker here never waits and never tires; what is counted is what reached a phone and what
was judged, not what was asked for.
"""

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from tests.client import BASE
from tests.processes import AS_SHIPPED, Service

Request = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]

MANY = 160  # requests of one attack
AT_ONCE = 40
VICTIM = "13800138000"
COMPRESSED = {"CODE_TTL": 1, "LIMIT_CODE_COOLDOWN": "off", "LIMIT_CODES_PER_NUMBER": "off"}  # a day in seconds


@dataclass(frozen=True, slots=True)
class Result:
    """What one attack got."""

    attack: str
    asked: int
    got: int
    unit: str

    def __str__(self) -> str:
        """A row of the table in docs/abuse.md."""
        return f"| {self.attack} | {self.asked} | {self.got} {self.unit} |"


class Attacker:
    """Speaks to the service, behind the proxy that it trusts, from as many addresses as it likes, or from one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._random = random.Random(4)
        self.address = ""  # the one that the proxy sees; empty: another one each time

    def forget(self) -> None:
        """Let one attack not profit from what another has spent."""
        with self._redis() as redis:
            redis.flushall()

    async def all_at_once(self, requests: list[Request]) -> Counter[str]:
        """The outcomes of many requests: `ok`, or the error code."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(request: Request) -> str:
            async with places:
                response = await request(client)
            return "ok" if response.status_code == 200 else str(response.json()["error"])

        address = f"http://127.0.0.1:{self._service.port}"
        async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client:
            return Counter(await asyncio.gather(*(one(request) for request in requests)))

    def code(self, mobile: str) -> Request:
        """Ask for a code to this number."""
        headers = self._headers()
        return lambda client: client.post(f"{BASE}/sms/codes", json={"mobile": mobile}, headers=headers)

    def guess(self, mobile: str, code: str) -> Request:
        """Try a code for this number."""
        body, headers = {"mobile": mobile, "code": code}, self._headers()
        return lambda client: client.post(f"{BASE}/authorizations", json=body, headers=headers)

    def wrong(self, mobile: str) -> Request:
        """Try a code that is certain to be wrong, as most guesses are, so that the figures are the same every time."""
        right = self.read(mobile)
        return self.guess(
            mobile, f"{(int(right) + self._random.randrange(1, 10**6)) % 10**6:06}" if right else "000000"
        )

    def read(self, mobile: str) -> str:
        """The last code sent to a number."""
        lines = (self._service.data_dir / "sms.jsonl").read_text(encoding="utf-8").splitlines()
        return [str(message["code"]) for message in map(json.loads, lines) if message["mobile"] == mobile][-1]

    def judged(self) -> int:
        """How many wrong tries at the victim's codes were judged today."""
        victim = self._service.names.of(VICTIM)
        with self._redis() as redis:
            counts = [redis.llen(key) for key in redis.keys(f"limit:tries_per_number/{{{victim}}}/*")]
            return max(counts, default=0)  # each window counts them all

    def _redis(self) -> Redis:
        return Redis(unix_socket_path=str(self._service.data_dir / "redis.sock"))

    def _headers(self) -> dict[str, str]:
        """What the client claims, and behind it what the proxy has seen."""
        claimed, seen = (".".join(str(self._random.randrange(1, 255)) for _ in range(4)) for _ in range(2))
        return {"X-Forwarded-For": f"{claimed}, {self.address or seen}"}


async def guess_a_code(attacker: Attacker) -> Result:
    """One code, guessed at from many addresses at once."""
    await attacker.all_at_once([attacker.code(VICTIM)])
    outcomes = await attacker.all_at_once([attacker.wrong(VICTIM) for _ in range(MANY)])
    assert outcomes.keys() <= {"invalid_code", "too_many_requests"}
    tries = attacker.judged()
    return Result("guess one code", MANY, tries, "tries judged")


async def flood_one_number(attacker: Attacker) -> Result:
    """Codes to one number, from many addresses."""
    outcomes = await attacker.all_at_once([attacker.code("13900139000") for _ in range(MANY)])
    return Result("flood one number", MANY, outcomes["ok"], "messages")


async def walk_a_prefix(attacker: Attacker) -> Result:
    """One code to each number of a range."""
    outcomes = await attacker.all_at_once([attacker.code(f"1700000{n:04}") for n in range(MANY)])
    return Result("walk a prefix", MANY, outcomes["ok"], "messages")


async def walk_many_prefixes(attacker: Attacker) -> Result:
    """One code to a number of each of many ranges."""
    outcomes = await attacker.all_at_once([attacker.code(f"15{n:05}0000") for n in range(MANY)])
    return Result("walk many prefixes", MANY, outcomes["ok"], "messages")


async def spoof_addresses(attacker: Attacker) -> Result:
    """Codes from one address that claims to be many."""
    attacker.address = "198.51.100.7"
    outcomes = await attacker.all_at_once([attacker.code(f"18{n:05}0000") for n in range(MANY)])
    return Result("spoof addresses", MANY, outcomes["ok"], "messages")


async def guess_code_after_code(attacker: Attacker) -> Result:
    """As many codes as it takes, each guessed at until it is dead: only the tries of a day end this."""
    judged = asked = 0
    while asked < MANY:
        await attacker.all_at_once([attacker.code(VICTIM)])
        outcomes = await attacker.all_at_once([attacker.wrong(VICTIM) for _ in range(10)])
        asked += 10
        judged = attacker.judged()
        if outcomes["too_many_requests"] == 10:
            break
        await asyncio.sleep(1.05)  # the life of a code, here
    return Result("guess code after code", asked, judged, "tries judged")


async def burn_a_victims_code(attacker: Attacker) -> Result:
    """Wrong tries at a code that its owner is about to type, from many addresses."""
    await attacker.all_at_once([attacker.code("13700137000")])
    await attacker.all_at_once([attacker.wrong("13700137000") for _ in range(10)])
    right = await attacker.all_at_once([attacker.guess("13700137000", attacker.read("13700137000"))])
    return Result("burn a victim's code", 10, right["invalid_code"], "code burnt")


async def attack() -> list[Result]:
    """Every attack, on two services: with the settings as they ship, and with codes that live for a second."""
    each = (guess_a_code, flood_one_number, burn_a_victims_code, walk_a_prefix, walk_many_prefixes, spoof_addresses)
    return [*await _attack(each, {}), *await _attack((guess_code_after_code,), COMPRESSED)]


async def _attack(attacks: Sequence[Callable[[Attacker], Awaitable[Result]]], settings: dict[str, Any]) -> list[Result]:
    results = []
    chosen = {**AS_SHIPPED, "WORKERS": 2, "TRUSTED_PROXIES": 1, **settings}
    with tempfile.TemporaryDirectory(prefix="latch-") as folder, Service(Path(folder) / "data", **chosen) as service:
        for one in attacks:
            attacker = Attacker(service)
            attacker.forget()
            results.append(await one(attacker))
    return results


if __name__ == "__main__":
    sys.stdout.write("".join(f"{result}\n" for result in asyncio.run(attack())))
