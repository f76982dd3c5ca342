"""A walk through section 8 of the contract as two programs on duty take it, over two workers; then the trail of it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from redis import Redis

from service.roles import Role
from service.webhooks import receivers_of
from tests.admin.conftest import ADMIN
from tests.admin.test_roles import REASON_DUE, ROUTES, filled
from tests.client import MOBILE, bearer, error
from tests.commands.test_admin import Watched
from tests.test_stopping import until

pytestmark = pytest.mark.slow

ADA, BOB, NEW, NOBODY = MOBILE, "13900139000", "15912345678", 999_999
USER = {"id", "name", "mobile", "status", "created_at", "last_login", "sessions"}
JOB = {"id", "what", "by", "started_at", "dry_run", "state", "matched", "ended", "why"}
EVENT = {
    "id",
    "at",
    "kind",
    "user_id",
    "session_id",
    "mobile",
    "ip",
    "device",
    "operator",
    "reason",
    "request_id",
}
WEBHOOKS = {"WEBHOOK_URLS": "http://127.0.0.1:1/hook", "WEBHOOK_SECRET": "whsec_" + "A" * 44}
HOLDER = {"name", "role", "created_at", "last_used_at"}


class Walk:
    """Asks with a key of each role, and notes which routes were gone through."""

    def __init__(self, service: Watched) -> None:
        self.service = service
        self.keys = {role: service.key(role.value, role.value) for role in Role}
        self.done: set[tuple[str, str]] = set()

    def ask(self, role: Role, method: str, path: str, reason: str = "", **options: Any) -> httpx.Response:
        headers = self.keys[role] | ({"X-Reason": reason} if reason else {})
        return self.service.private.request(method, f"{ADMIN}{path}", headers=headers, **options)

    def goes(self, method: str, route: str, *ids: object, reason: str = "", **options: Any) -> Any:
        """What the least role that reaches is answered, after the one below it was refused. Returns the data."""
        self.done.add((method, route))
        path, needed = route, ROUTES[method, route]
        for one in ids:
            path = path.replace(path[path.index("<") : path.index(">") + 1], str(one), 1)
        if needed is not Role.LOOK:
            below = Role.LOOK if needed is Role.ACT else Role.ACT
            assert error(self.ask(below, method, path, reason, **options)) == (403, "forbidden"), (method, path)
        if (method, route) in REASON_DUE:
            refused = self.ask(needed, method, path, **options)
            assert error(refused) == (400, "invalid_request"), (method, path)
            assert set(refused.json()["fields"]) == {"X-Reason"}
        answer = self.ask(needed, method, path, reason, **options)
        assert answer.status_code == expected(method, route), (method, path, answer.text)
        if answer.headers.get("content-type") == "application/json":
            return answer.json()["data"]
        return answer.text or None


def expected(method: str, route: str) -> int:
    """The status of a success."""
    if method == "POST" and route.startswith(("/operators", "/keys")):
        return 201
    if method == "DELETE" and route.endswith(("<session_id>", "<name>", "<letter_id>")):
        return 204
    return 202 if (method, route) == ("POST", "/revocations") else 200


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with TemporaryDirectory(prefix="latch-") as name, Watched(Path(name) / "data", WORKERS=2, **WEBHOOKS) as service:
        yield Walk(service)


def sees(walk: Walk, ada: dict[str, Any]) -> None:
    """What the role look is there for."""
    ada_id = ada["user_id"]
    found = walk.goes("POST", "/users/search", json={"q": ADA})
    assert found.keys() == {"by", "users", "next", "explained"}
    [user] = found["users"]
    assert (user.keys(), user["id"], user["name"], user["mobile"], user["sessions"]) == (
        USER,
        ada_id,
        "138****8000",
        "138****8000",
        2,
    )
    assert error(walk.ask(Role.LOOK, "POST", "/users/search", json={"q": ada["session_id"]})) == (403, "forbidden")
    for wanted in (ada["session_id"], str(ada_id), ADA, ada["token"]):
        by_any = walk.ask(Role.ACT, "POST", "/users/search", json={"q": wanted}).json()["data"]["users"]
        assert by_any == [user], wanted
    assert walk.goes("GET", "/users/<user_id>", ada_id) == user
    [one, _] = walk.goes("GET", "/users/<user_id>/sessions", ada_id)["sessions"]
    assert one.keys() == {"id", "device", "ip", "created_at", "refreshed_at", "expires_at"}
    explained = walk.goes("POST", "/explain", json={"token": ada["token"]})
    assert explained == {
        "live": True,
        "kind": "access token",
        "user_id": ada_id,
        "session_id": ada["session_id"],
        "why": "",
    }
    now = walk.goes("GET", "/now")
    assert now.keys() == {"active", "sessions", "by_minute", "stores", "outages", "senders", "codes"}
    assert now["active"].keys() == {"last_5_minutes", "last_hour", "last_day"}
    assert now["stores"] == {"redis": "ok", "database": "ok"}
    assert walk.goes("GET", "/messages").keys() == {"senders", "guard", "overall", "prefixes", "others"}
    assert now["by_minute"][0].keys() == {"at", "logins", "codes_sent", "codes_used", "shed", "refused"}


def acts(walk: Walk, ada: dict[str, Any], bob: dict[str, Any]) -> None:
    """From a name to a number that changes hands, to an erased account."""
    service, ada_id, bob_id = walk.service, ada["user_id"], bob["user_id"]
    renamed = walk.goes("PATCH", "/users/<user_id>", ada_id, reason="asked to", json={"name": "Ada"})
    assert (renamed.keys(), renamed["name"]) == (USER, "Ada")
    assert walk.goes("POST", "/users/<user_id>/reveal", ada_id, reason="calls back") == {"name": "Ada", "mobile": ADA}
    assert walk.goes("POST", "/users/<user_id>/unlock", ada_id, reason="no code came").keys() == USER
    session = ada["session_id"]
    walk.goes("DELETE", "/users/<user_id>/sessions/<session_id>", ada_id, session, reason="lost phone")
    assert not service.is_live(ada["token"])
    ended = walk.goes("DELETE", "/users/<user_id>/sessions", ada_id, reason="stolen account")
    assert ended == {"ended": 1}
    for status, reason in (("disabled", "stolen number"), ("active", "is back")):
        changed = walk.goes("PATCH", "/users/<user_id>", ada_id, reason=reason, json={"status": status})
        assert changed["status"] == status
    taken = walk.ask(Role.ACT, "PUT", f"/users/{ada_id}/mobile", "has it now", json={"mobile": BOB})
    assert error(taken) == (409, "mobile_taken")
    moved = walk.goes("PUT", "/users/<user_id>/mobile", ada_id, reason="has it now", json={"mobile": BOB, "take": True})
    assert (moved.keys(), moved["mobile"], moved["told"]) == (USER | {"told"}, "139****9000", True)
    left = walk.goes("GET", "/users/<user_id>", bob_id)
    assert (left["mobile"], left["sessions"]) == (None, 0)
    kept = walk.goes("GET", "/users/<user_id>/export", ada_id, reason="court order")
    assert kept.keys() == {"user_id", "user", "sessions", "codes", "limits", "devices", "events"}
    assert kept["user"]["mobile"] == BOB
    gone = walk.goes("DELETE", "/users/<user_id>", bob_id, reason="asked by letter")
    assert gone.keys() == {"erased"}
    assert all(isinstance(number, int) for number in gone["erased"].values())
    assert error(walk.ask(Role.LOOK, "GET", f"/users/{bob_id}")) == (404, "not_found")


def revokes(walk: Walk) -> None:
    """Many at once: counted, refused without a reason for all, done, watched, stopped when it is over."""
    service = walk.service
    token = service.log_in(NEW)["token"]
    counted = walk.goes("POST", "/revocations", json={"prefix": "159", "dry_run": True})
    assert (counted.keys(), counted["dry_run"]) == (JOB, True)
    assert over(walk, counted["id"])["matched"] == 1
    assert service.is_live(token)
    for body in ({}, {"ip": ""}, {"everyone": True}):
        assert error(walk.ask(Role.ACT, "POST", "/revocations", json=body)) == (400, "invalid_request"), body
    job = walk.goes("POST", "/revocations", reason="in a public log", json={"everyone": True})
    done = over(walk, job["id"])
    assert (done.keys(), done["state"], done["matched"], done["ended"], done["by"]) == (JOB, "done", 1, 1, "act")
    assert not service.is_live(token)
    assert walk.goes("DELETE", "/revocations/<revocation_id>", job["id"]) == done


def resends(walk: Walk) -> None:
    """Events that another system has not taken."""
    [receiver] = walk.goes("GET", "/webhooks")["receivers"]
    assert (receiver["number"], receiver["name"], receiver["dead_letters"]) == (1, "1 127.0.0.1:1", 0)
    with Redis(unix_socket_path=str(walk.service.data_dir / "redis.sock")) as redis:
        for n in range(3):
            told = {"type": "login", "user": n, "at": 1, "data": "{}", "id": f"evt_{n}-0", "tries": 1, "problem": "x"}
            redis.xadd("{outbox}:dead", {**told, "receiver": receivers_of([WEBHOOKS["WEBHOOK_URLS"]])[0].key})
    letters = walk.goes("GET", "/dead-letters")["dead_letters"]
    assert walk.goes("GET", "/dead-letters/<letter_id>", letters[0]["id"]) == letters[0]
    path = "/dead-letters/<letter_id>/resend"
    assert walk.goes("POST", path, letters[0]["id"], reason="mended") == {"resent": 1}
    walk.goes("DELETE", "/dead-letters/<letter_id>", letters[1]["id"], reason="junk")
    left = walk.goes("POST", "/dead-letters/resend", reason="mended too", json={"receiver": 1})
    assert left == {"resent": 1}


def over(walk: Walk, job_id: str) -> Any:
    def look() -> Any:
        return walk.goes("GET", "/revocations/<revocation_id>", job_id)

    until(lambda: look()["state"] != "running", walk.service)
    return look()


def owns(walk: Walk) -> None:
    """Who may ask: for owners."""
    entry = {"name": "li", "role": "act"}
    added = walk.goes("POST", "/operators", reason="joins", json=entry)
    assert (added.keys(), added["expires_in"]) == ({"name", "role", "link", "expires_in"}, 600)
    assert walk.goes("POST", "/operators/<name>/link", "li", reason="lost it").keys() == {"link", "expires_in"}
    [li] = walk.goes("GET", "/operators")["operators"]
    assert (li.keys(), li["name"], li["role"]) == (HOLDER, "li", "act")
    assert walk.goes("GET", "/operators/<name>/sessions", "li") == {"sessions": []}
    assert walk.goes("DELETE", "/operators/<name>/sessions", "li", reason="left a screen open") == {"ended": 0}
    one = "/operators/li/sessions/9f86d081884c7d65"
    assert error(walk.ask(Role.OWNER, "DELETE", one, reason="as before")) == (404, "not_found")
    walk.done.add(("DELETE", "/operators/<name>/sessions/<session_id>"))
    walk.goes("DELETE", "/operators/<name>", "li", reason="leaves")
    made = walk.goes("POST", "/keys", reason="for the shop", json={"name": "shop", "role": "look"})
    assert made.keys() == {"name", "role", "key"}
    as_shop = walk.service.private.get(f"{ADMIN}/now", headers=bearer(made["key"]))
    assert as_shop.status_code == 200
    listed = walk.goes("GET", "/keys")["keys"]
    assert (listed[0].keys(), {one["name"] for one in listed}) == (HOLDER, {"shop", *Role})
    walk.goes("DELETE", "/keys/<name>", "shop", reason="no more")


# What was done with a reason, each once: by whom, what it is in the trail, and why.
ACTS = Counter(
    {
        ("act", "name_changed", "asked to"): 1,
        ("act", "number_revealed", "calls back"): 1,
        ("act", "number_unlocked", "no code came"): 1,
        ("act", "session_revoked", "lost phone"): 1,
        ("act", "session_revoked", "stolen account"): 1,
        ("act", "user_disabled", "stolen number"): 1,
        ("act", "user_enabled", "is back"): 1,
        ("act", "mobile_changed", "has it now"): 1,
        ("act", "number_taken", "has it now"): 1,
        ("act", "session_revoked", "has it now"): 1,  # of whoever had the number
        ("act", "user_exported", "court order"): 1,
        ("act", "user_erased", "asked by letter"): 1,
        ("act", "session_revoked", "in a public log"): 1,
        ("act", "revocation_started", "in a public log"): 1,
        ("act", "revocation_ended", "in a public log"): 1,
        ("act", "dead_letter_resent", "mended"): 1,
        ("act", "dead_letter_deleted", "junk"): 1,
        ("act", "dead_letter_resent", "mended too"): 1,
        ("owner", "operator_added", "joins"): 1,
        ("owner", "operator_linked", "joins"): 1,
        ("owner", "operator_linked", "lost it"): 1,
        ("owner", "operator_removed", "leaves"): 1,
        ("owner", "key_added", "for the shop"): 1,
        ("owner", "key_removed", "no more"): 1,
    }
)


def trail(walk: Walk, **wanted: str) -> list[dict[str, Any]]:
    """All events that fit, over all pages."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = walk.goes("GET", "/events", params={**wanted, **cursor})
        assert page.keys() == {"events", "next"}
        found += page["events"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def acts_in(walk: Walk) -> Counter[tuple[str, str, str]]:
    """What the trail has of those who had a reason; refusals apart, which name none."""
    told = [event for event in trail(walk) if event["operator"] in set(Role) and event["kind"] != "operator_refused"]
    return Counter((event["operator"], event["kind"], event["reason"].split("; ")[0]) for event in told)


def test_all_of_section_8_is_walked_through_and_the_trail_has_each_act_once(walk: Walk) -> None:
    service = walk.service
    service.log_in_on("tablet", ADA)
    ada, bob = service.log_in_on("phone", ADA), service.log_in_on("phone", BOB)
    until(lambda: len(trail(walk, kind="login")) == 3, service)  # by which sessions are found
    sees(walk, ada)
    acts(walk, ada, bob)
    revokes(walk)
    resends(walk)
    owns(walk)
    assert walk.goes("GET", "/events.csv", params={"kind": "login", "user_id": ada["user_id"]}).count("login,") == 2
    assert walk.done == set(ROUTES)
    until(lambda: acts_in(walk).total() >= ACTS.total(), service)
    assert acts_in(walk) == ACTS
    events = trail(walk)
    assert all(event.keys() == EVENT for event in events)
    assert len({event["id"] for event in events}) == len(events)
    assert [event["at"] for event in events] == sorted((event["at"] for event in events), reverse=True)
    refused = Counter(event["operator"] for event in events if event["kind"] == "operator_refused")
    assert refused.keys() == {"look", "act"}


def test_whoever_is_not_there_is_not_found(walk: Walk) -> None:
    bodies: dict[tuple[str, str], Any] = {
        ("PATCH", "/users/<user_id>"): {"status": "active"},
        ("PUT", "/users/<user_id>/mobile"): {"mobile": NEW},
    }
    for method, route in ROUTES:
        if "<" in route:
            path = filled(route).replace("/users/1", f"/users/{NOBODY}")
            answer = walk.ask(Role.OWNER, method, path, "why not", json=bodies.get((method, route)))
            assert error(answer) == (404, "not_found"), (method, route, answer.text)
