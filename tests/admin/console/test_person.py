"""The page of a person: who, on which devices, what has happened; and what operators do there."""

import pytest

from tests.admin.console.conftest import Visitor, text_of
from tests.client import Api

pytestmark = pytest.mark.slow


async def test_smoke(api: Api, actor: Visitor) -> None:
    tokens = await api.log_in()
    print(await actor.shown(f"/people/{tokens['user_id']}"))
    for act in (
        "end-all",
        "disable",
        "enable",
        "unlock",
        "rename",
        "number",
        "export",
        "erase",
        f"sessions/{tokens['session_id']}/end",
    ):
        print(await actor.shown(f"/people/{tokens['user_id']}/{act}"))
    r = await actor.post(f"/people/{tokens['user_id']}/reveal")
    print(text_of(r), r.status_code)
    r = await actor.post(f"/people/{tokens['user_id']}/export", {"reason": "x"})
    print(r.text, r.status_code, r.headers)
    r = await actor.post(f"/people/{tokens['user_id']}/number", {"reason": "x", "mobile": "12"})
    print(text_of(r), r.status_code)
    r = await actor.post(f"/people/{tokens['user_id']}/number", {"mobile": "12"})
    print(text_of(r), r.status_code)
    print(await actor.done(f"/people/{tokens['user_id']}/number", {"reason": "x", "mobile": "13900139000"}))
    r = await actor.post(f"/people/{tokens['user_id']}/erase", {"reason": "x", "confirm": tokens["user_id"]})
    print(text_of(r), r.status_code)
