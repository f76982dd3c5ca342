"""Every line of docs/operators.md, run as it stands there, against a running service with a private listener."""

import itertools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import orjson
import pytest

from tests.client import BASE, MOBILE, error
from tests.commands.test_admin import Watched
from tests.processes import PATIENCE, ROOT, environment, run_here
from tests.programs import needs
from tests.test_stopping import until

PAGE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
NEW_MOBILE, USER_ID, SESSION_ID, FILE = "13900139000", r"\b42\b", "9f86d081884c7d65", "/tmp/case.json"
REASON = re.compile(r"(?:X-Reason: |--reason ')(.*?)'")

pytestmark = [
    pytest.mark.slow,
    needs("curl", "docs/operators.md, whose lines are typed as they stand"),
]


def lines_of(section: str) -> list[str]:
    return re.findall(r"^\$ (.*)$", "".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL)), re.MULTILINE)


FIRST, *SECTIONS = PAGE.split("\n## ")
MAKING, NAMING = lines_of(FIRST)
SITUATIONS = {
    heading: lines for section in SECTIONS for heading in section.splitlines()[:1] if (lines := lines_of(section))
}

KEYS = "Keys and roles"  # at the end of which the key is removed that all other lines are typed with


class Person:
    """A user with two devices, whom a line is about."""

    _numbers = itertools.count()

    def __init__(self, service: Watched) -> None:
        self.service = service
        number = next(self._numbers)
        self.mobile, self.new = f"138{number:08}", f"139{number:08}"
        self.lost, self.other = service.log_in_on("phone", self.mobile), service.log_in_on("tablet", self.mobile)
        self.id = self.lost["user_id"]
        self.file = service.data_dir.parent / f"case-{number}.json"

    @property
    def live(self) -> tuple[bool, bool]:
        return self.service.is_live(self.lost["token"]), self.service.is_live(self.other["token"])

    def own(self, line: str) -> str:
        """The line with this person in place of the page's."""
        line = line.replace(MOBILE, self.mobile).replace(NEW_MOBILE, self.new).replace(FILE, str(self.file))
        return re.sub(USER_ID, str(self.id), line).replace(SESSION_ID, self.lost["session_id"])

    def logs_in(self, mobile: str) -> int:
        """Returns the status of the answer."""
        body = {"mobile": mobile, "code": self.service.code(mobile)}
        return self.service.http.post(f"{BASE}/authorizations", json=body).status_code


class Shell:
    """A shell on a machine that has the settings, where the page's first two lines were typed."""

    def __init__(self, service: Watched) -> None:
        self.service = service
        self.key = ""
        self.key = self.types(f"{MAKING}; echo $KEY").strip()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def types(self, line: str, standard_input: str = "", **variables: str) -> str:
        """Returns what the line prints."""
        script = f"{NAMING}\n{line}".replace(":8001", f":{self.service.admin_port}")
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=ROOT,
            env={
                **environment(self.service.data_dir),
                "ADMIN_PORT": str(self.service.admin_port),
                "KEY": self.key,
                **variables,
            },
            input=standard_input,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)
        if "curl" in line and done.stdout:
            assert orjson.loads(done.stdout)["message"] == "ok", (line, done.stdout)
        return done.stdout

    def about(self, line: str) -> tuple[Person, str]:
        """Whom a line is about, and what it prints, typed when that person is as the page says."""
        person = Person(self.service)
        variables = {"TOKEN": person.lost["token"], **self._before(line, person)}
        return person, self.types(person.own(line), f"{person.lost['token']}\n", **variables)

    def _before(self, line: str, person: Person) -> dict[str, str]:
        """Bring about what a line is for. Returns further variables."""
        private, user = self.service.private, f"/admin/v1/users/{person.id}"
        if "enable" in line or "active" in line:
            private.patch(user, json={"status": "disabled"}, headers=self.headers).raise_for_status()
        if "take" in line:
            assert self.service.log_in(person.new)["user_id"] != person.id
        if "unlock" in line:
            assert self.service.code(person.mobile)
        if "events" in line or "search" in line:
            url = f"/admin/v1/events?kind=login&user_id={person.id}"
            until(lambda: len(private.get(url, headers=self.headers).json()["data"]["events"]) == 2, self.service)
        if "$ID" in line:
            begun = private.post("/admin/v1/revocations", json={"users": [person.id]}, headers=self.headers)
            return {"ID": begun.json()["data"]["id"]}
        return {}


Check = Callable[[Person, str], object]


def prints(*texts: str) -> Check:
    def check(_: Person, printed: str) -> None:
        assert all(text in re.sub(r'[\s"]', "", printed) for text in texts), (texts, printed)

    return check


def names_the_person(person: Person, printed: str) -> None:
    assert re.search(rf"\b{person.id}\b", printed), printed


def names_the_session(person: Person, printed: str) -> None:
    names_the_person(person, printed)
    assert person.lost["session_id"] in printed
    assert person.live == (True, True)


def ends_one(person: Person, _: str) -> None:
    assert person.live == (False, True)


def ends_all(person: Person, _: str) -> None:
    until(lambda: person.live == (False, False), person.service)  # soon, where it is a job
    assert person.service.log_in(person.mobile)["user_id"] == person.id


def locks(person: Person, _: str) -> None:
    assert person.live == (False, False)
    assert person.logs_in(person.mobile) == 403


def lets_in(person: Person, _: str) -> None:
    assert person.logs_in(person.mobile) == 200


def gives_the_number(person: Person, _: str) -> None:
    assert person.live == (False, False)
    assert person.service.log_in(person.new)["user_id"] == person.id
    assert person.service.log_in(person.mobile)["is_new_user"]


def unlocks(person: Person, _: str) -> None:
    body = {"mobile": person.mobile, "code": person.service.last_code(person.mobile)}
    answer = person.service.http.post(f"{BASE}/authorizations", json=body)
    assert error(answer) == (400, "invalid_code")  # it was forgotten


def hands_out_all(person: Person, printed: str) -> None:
    kept = orjson.loads(printed)["data"] if printed else orjson.loads(person.file.read_bytes())
    assert kept["user"]["mobile"] == person.mobile
    assert {session["device"] for session in kept["sessions"]} == {"phone", "tablet"}


def erases(person: Person, _: str) -> None:
    assert person.live == (False, False)
    assert person.service.log_in(person.mobile)["is_new_user"]


def reveals(person: Person, printed: str) -> None:
    assert orjson.loads(printed)["data"]["mobile"] == person.mobile


def only_counts(person: Person, printed: str) -> None:
    assert orjson.loads(printed)["data"].keys() >= {"id", "state", "matched", "ended"}
    assert person.live == (True, True)


def removes(noun: str, name: str) -> Check:
    def check(person: Person, _: str) -> None:
        listed = orjson.loads(run_here(f"{noun} list --json", person.service.data_dir).stdout)[noun]
        assert name not in {one["name"] for one in listed}

    return check


LISTS, LINKS = prints("phone", "tablet"), prints("/enrol#li.")
SAYS: dict[str, list[Check]] = {
    "A lost phone": [LISTS, ends_one, LISTS, ends_one],
    "A leaked token": [names_the_session, names_the_session],
    "A stolen account": [ends_all, ends_all, locks, lets_in, locks, lets_in],
    "The number is now somebody else's": [gives_the_number] * 4,
    "Log out the world": [ends_all, ends_all],
    "No SMS arrives": [prints("redis:ok", "database:ok"), prints("redis:ok", "database:ok"), unlocks, unlocks],
    "A court asks for an export": [hands_out_all, hands_out_all],
    "Somebody asks to be forgotten": [erases, erases],
    "Who did that": [names_the_person, prints("support", "number_unlocked"), prints("operator:support")],
    "Whose session is this": [names_the_person, reveals],
    "The job of a revocation": [only_counts, prints("state:"), prints("state:")],
    "Keys and roles": [
        prints("supportact"),
        removes("keys", "support"),
        LINKS,
        LINKS,
        prints("liact"),
        removes("operators", "li"),
    ],
}


def test_what_is_said_of_every_line_of_the_page_is_looked_at() -> None:
    assert {heading: len(lines) for heading, lines in SITUATIONS.items()} == {
        heading: len(checks) for heading, checks in SAYS.items()
    }
    assert len(re.findall("^```", PAGE, re.MULTILINE)) == 2 * len(re.findall("^```console$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("part", [slice(5), slice(5, None)], ids=["first", "rest"])  # each line is a process: slow
def test_each_line_does_what_the_page_says_and_the_trail_has_why(folder: Path, part: slice) -> None:
    headings = list(SITUATIONS)[part]
    with Watched(folder) as service:
        shell = Shell(service)
        for heading in headings:
            for line, check in zip(SITUATIONS[heading], SAYS[heading], strict=True):
                check(*shell.about(line))
        is_gone = KEYS in headings
        status = service.private.get("/admin/v1/users/1", headers=shell.headers).status_code
        assert (status == 401) is is_gone
        events = run_here("events --limit 1000 --json", folder).stdout
        why = {event["reason"] for event in orjson.loads(events)["events"]}
    given = {unquote(reason) for heading in headings for reason in REASON.findall("\n".join(SITUATIONS[heading]))}
    assert {reason for reason in given if not any(str(told).startswith(reason) for told in why)} == set()
