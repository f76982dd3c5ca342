"""Who may end a session as theft (section 2 of the contract): whoever presents a dead refresh token of ours, alone."""

import logging
import secrets
from typing import Any

import pytest

from service import rotation, tokens
from service.tokens import Kind, Token, TokenKeys
from tests.client import MOBILE, Api, error
from tests.conftest import Clock, Start

OLD, NEW = "the token key of yesterday", "the token key of today"


def made_up(of: dict[str, Any]) -> str:
    """A token that anybody can make who knows the two ids."""
    return Token(of["user_id"], of["session_id"], secrets.token_bytes(32)).text


async def stale_and_live(api: Api, clock: Clock, tokens: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A refresh token that has been replaced long ago, and what the device holds now."""
    mine = (await api.refresh(tokens["refresh_token"])).json()["data"]
    clock.wait(3600)
    mine = (await api.refresh(mine["refresh_token"])).json()["data"]
    clock.wait(61)
    return tokens["refresh_token"], mine


async def test_a_made_up_token_ends_nothing_and_is_no_theft(
    api: Api, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    _, mine = await stale_and_live(api, clock, await api.log_in())
    for _ in range(3):
        assert error(await api.refresh(made_up(mine))) == (403, "invalid_refresh_token")
        assert error(await api.check(made_up(mine))) == (401, "invalid_token")
        assert (await api.log_out(made_up(mine))).status_code == 204
    assert await api.is_live(mine["token"])
    assert (await api.refresh(mine["refresh_token"])).status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_an_access_token_that_has_expired_ends_nothing_when_it_is_sent_as_a_refresh_token(
    api: Api, clock: Clock
) -> None:
    tokens = await api.log_in()
    clock.wait(3601)
    assert error(await api.check(tokens["token"])) == (401, "invalid_token")
    assert error(await api.refresh(tokens["token"])) == (403, "invalid_refresh_token")
    assert (await api.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_refresh_token_of_another_session_ends_neither(api: Api) -> None:
    one, other = await api.log_in(), await api.log_in()
    secret = tokens.parse(other["refresh_token"])
    assert secret
    moved = secret._replace(session_id=one["session_id"]).text
    assert error(await api.refresh(moved)) == (403, "invalid_refresh_token")
    assert await api.is_live(one["token"])
    assert await api.is_live(other["token"])


async def without_tag(redis: Any, of: dict[str, Any]) -> str:
    """The refresh token of a session, as it would be had it been made before there were tags."""
    token = Token(of["user_id"], of["session_id"], secrets.token_bytes(32))
    tagged = tokens.parse(of["refresh_token"])
    assert tagged
    key = f"session:{{{of['user_id']}}}:{of['session_id']}"
    record = (await redis.get(key)).replace(tokens.digest(tagged.secret).encode(), tokens.digest(token.secret).encode())
    await redis.set(key, record, keepttl=True)
    return token.text


async def test_a_refresh_token_without_a_tag_works_and_using_it_long_after_ends_nothing(
    api: Api, redis: Any, clock: Clock
) -> None:
    logged_in = await api.log_in()
    untagged = await without_tag(redis, logged_in)
    _, mine = await stale_and_live(api, clock, {**logged_in, "refresh_token": untagged})
    assert error(await api.refresh(untagged)) == (403, "invalid_refresh_token")
    assert await api.is_live(mine["token"])
    stale = mine["refresh_token"]
    _, mine = await stale_and_live(api, clock, mine)
    assert (await api.refresh(stale)).json()["reason"] == "reused"  # what was handed out since has a tag


async def test_a_pending_successor_of_before_there_were_tags_is_served_again(api: Api, clock: Clock) -> None:
    mine = await api.log_in()
    with pytest.MonkeyPatch.context() as before:
        before.setattr(TokenKeys, "seals", lambda *_: [rotation.unsealed])
        first = (await api.refresh(mine["refresh_token"])).json()["data"]["refresh_token"]
    clock.wait(30)
    assert (await api.refresh(mine["refresh_token"])).json()["data"]["refresh_token"] == first
    clock.wait(61)
    assert (await api.refresh(first)).status_code == 200


async def test_while_a_key_is_changed_successors_stay_the_same_and_thieves_are_caught(
    start: Start, clock: Clock
) -> None:
    api = await start(token_key=OLD)
    stale, mine = await stale_and_live(api, clock, await api.log_in())
    successor = (await api.refresh(mine["refresh_token"])).json()["data"]["refresh_token"]
    api = await start(token_key=f"{NEW},{OLD}")
    assert (await api.refresh(mine["refresh_token"])).json()["data"]["refresh_token"] == successor
    assert (await api.refresh(stale)).json()["reason"] == "reused"


async def test_a_key_that_is_lost_logs_nobody_out_and_takes_the_judgement_with_it(start: Start, clock: Clock) -> None:
    api = await start(token_key=OLD)
    stale, mine = await stale_and_live(api, clock, await api.log_in())
    successor = (await api.refresh(mine["refresh_token"])).json()["data"]["refresh_token"]
    api = await start(token_key=NEW)
    another = (await api.refresh(mine["refresh_token"])).json()["data"]["refresh_token"]
    assert another != successor
    assert error(await api.refresh(stale)) == (403, "invalid_refresh_token")
    for token in (successor, another, mine["refresh_token"]):
        assert (await api.refresh(token)).status_code == 200
    assert await api.is_live(mine["token"])


async def test_what_previous_is_answered_survives_a_lost_key(start: Start, clock: Clock) -> None:
    api = await start(token_key=OLD)
    first = (await api.log_in())["refresh_token"]
    second = (await api.refresh(first)).json()["data"]["refresh_token"]
    clock.wait(60)
    await api.refresh(second)  # it is current, and the first is previous
    api = await start(token_key=NEW)
    third = (await api.refresh(first)).json()["data"]["refresh_token"]
    assert (await api.refresh(first)).json()["data"]["refresh_token"] == third
    assert (await api.refresh(third)).status_code == 200


async def test_both_tokens_of_a_login_and_of_a_refresh_bear_their_tags(start: Start) -> None:
    api = await start(token_key=f"{NEW},{OLD}")
    logged_in = await api.log_in(MOBILE)
    refreshed = (await api.refresh(logged_in["refresh_token"])).json()["data"]
    keys = TokenKeys([NEW.encode()])
    for data in (logged_in, refreshed):
        for name, kind in (("token", Kind.ACCESS), ("refresh_token", Kind.REFRESH)):
            token = tokens.parse(data[name])
            assert token
            assert [keys.have_made(one, token) for one in Kind] == [one is kind for one in Kind]
