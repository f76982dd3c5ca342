"""Every command of docs/revoking-sessions.md, run as it stands there, against a running service."""

import re
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.mobiles import mask
from tests.client import BASE, MOBILE, bearer, error
from tests.processes import AS_SHIPPED, ROOT, Service, run_here

PAGE = (ROOT / "docs" / "revoking-sessions.md").read_text(encoding="utf-8")
USER_ID, LOST, OTHER = "42", "9f86d081884c7d65", "6f1d2c3b4a596877"
NAME = "4f2b8c0d6e1a93755ab0c1d2e3f40617"  # of the number in Redis
PIPED = " | xargs "


def blocks(heading: str) -> list[list[tuple[str, str]]]:
    """The console blocks under a heading: commands, each with what the page says that it prints."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL):
        steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
        found.append([(command, printed) for command, printed in steps])
    return found


class Number:
    """A number, and the page's commands with it and its name in place of those that they show."""

    def __init__(self, service: Service, mobile: str) -> None:
        self.service = service
        self.mobile = mobile

    def own(self, text: str) -> str:
        text = text.replace(MOBILE, self.mobile).replace(mask(MOBILE), mask(self.mobile))
        return text.replace(NAME, self.service.names.of(self.mobile))

    def types(self, command: str, standard_input: str = "") -> str:
        if PIPED in command:
            first, then = command.split(PIPED)
            command = f"{then} {shlex.join(self.types(first).split())}"
        words = shlex.split(self.own(command))
        if words[0] == "redis-cli":
            with Redis(unix_socket_path=str(self.service.data_dir / "redis.sock"), decode_responses=True) as redis:
                answer = redis.execute_command(*words[1:])
                return f"{'OK' if answer is True else answer}\n"
        assert words[0] == "./latch"
        result = run_here(shlex.join(words[1:]), self.service.data_dir, standard_input)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def follows(self, steps: list[tuple[str, str]], standard_input: str = "") -> None:
        for command, printed in steps:
            said = self.types(command, standard_input)
            assert shape(said) == shape(self.own(printed)), command


class Person(Number):
    """A user with two devices, and the page's commands with this user's ids as well."""

    def __init__(self, service: Service, mobile: str) -> None:
        super().__init__(service, mobile)
        self.lost, self.other = self.log_in_on("Ada's phone"), self.log_in_on("Ada's tablet")

    def log_in_on(self, device: str) -> dict[str, Any]:
        return self.service.log_in_on(device, self.mobile)

    def own(self, text: str) -> str:
        text = super().own(text)
        text = text.replace(LOST, self.lost["session_id"]).replace(OTHER, self.other["session_id"])
        return re.sub(rf"\b{USER_ID}\b", str(self.lost["user_id"]), text)

    def is_live(self) -> tuple[bool, bool]:
        return self.service.is_live(self.lost["token"]), self.service.is_live(self.other["token"])


def shape(printed: str) -> list[list[str]]:
    """The words of each line, in any order of ids and with any time."""
    timeless = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", printed)
    return [sorted(re.split(r"[\s,]+", line.strip())) for line in timeless.splitlines()]


@pytest.fixture
def person(latch: Service, mobile: str) -> Person:
    return Person(latch, mobile)


def test_a_lost_phone(person: Person) -> None:
    by_command, by_redis = blocks("A lost phone")
    person.follows(by_command)
    assert person.is_live() == (False, True)
    person.lost = person.log_in_on("Ada's phone")
    person.follows(by_redis)
    assert person.is_live() == (False, True)


def test_a_leaked_token(person: Person) -> None:
    [steps] = blocks("A leaked token")
    person.follows(steps, standard_input=f"{person.lost['token']}\n")
    assert person.is_live() == (False, True)


def test_a_stolen_account(person: Person) -> None:
    revoke, by_redis, disable = blocks("A stolen account")
    person.follows(revoke)
    assert person.is_live() == (False, False)
    person = Person(person.service, person.mobile)
    person.follows(by_redis)
    assert person.is_live() == (False, False)
    person = Person(person.service, person.mobile)
    person.follows(disable)
    assert person.is_live() == (False, False)
    assert person.service.is_live(person.service.log_in(person.mobile)["token"])


@pytest.fixture
def alone(folder: Path, mobile: str) -> Iterator[Person]:
    """The only user of a service, which takes a proxy's word for addresses."""
    with Service(folder, TRUSTED_PROXIES=1) as service:
        service.http.headers["X-Forwarded-For"] = "203.0.113.7"
        yield Person(service, mobile)


def from_now_on(steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The steps with a moment that has just been in place of the page's."""
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    time.sleep((now - datetime.now(UTC)).total_seconds())
    moments = {"2026-01-31T12:00:00Z": f"{now:%FT%TZ}", "2026-01-31T12:00:00+00:00": f"{now:%FT%T}+00:00"}

    def own(text: str) -> str:
        return reduce(lambda text, pair: text.replace(*pair), moments.items(), text)

    return [(own(command), own(printed)) for command, printed in steps]


@pytest.mark.slow
def test_many_at_once(alone: Person) -> None:
    [steps] = blocks("Many at once")
    alone.follows(from_now_on(steps))
    assert alone.is_live() == (False, False)


@pytest.mark.slow
def test_an_outage_of_trust(alone: Person) -> None:
    everyone, restored = blocks("An outage of trust: log everyone out")
    alone.follows(everyone)
    assert alone.is_live() == (False, False)
    person = Person(alone.service, alone.mobile)
    person.follows(from_now_on(restored))
    assert person.is_live() == (False, False)
    again = person.service.log_in(person.mobile)
    assert again["user_id"] == person.lost["user_id"]
    response = person.service.http.get("/app/v1_0/user", headers=bearer(again["token"]))
    assert response.json()["data"]["mobile"] == person.mobile


@pytest.mark.slow
def test_a_number_that_is_locked_out(folder: Path) -> None:
    with Service(folder, **AS_SHIPPED) as service:
        for steps in blocks("A number that is locked out"):
            code = service.code()
            for n in range(5):
                wrong = {"mobile": MOBILE, "code": f"{(int(code) + 1 + n) % 10**6:06}"}
                assert error(service.http.post(f"{BASE}/authorizations", json=wrong)) == (400, "invalid_code")
            assert error(service.http.post(f"{BASE}/sms/codes", json={"mobile": MOBILE})) == (429, "too_many_requests")
            Number(service, MOBILE).follows(steps)
        assert service.log_in()["is_new_user"]


def test_every_command_of_the_page_is_run_by_a_test_above() -> None:
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    with_commands = [heading for heading in headings if blocks(heading)]
    assert with_commands == [
        "A lost phone",
        "A leaked token",
        "A stolen account",
        "Many at once",
        "An outage of trust: log everyone out",
        "A number that is locked out",
    ]
