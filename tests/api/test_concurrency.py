"""Many at once: refreshes of one session, log-outs that race with refreshes."""

import asyncio

import pytest

from service.entities import TokenPair
from service.runtime import deadline
from tests.client import Api, error
from tests.conftest import Clock


async def test_parallel_refreshes_of_one_token_get_one_successor_and_fresh_access_tokens(api: Api) -> None:
    tokens = await api.log_in()
    answers = await asyncio.gather(*(api.refresh(tokens["refresh_token"]) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    fresh = [answer.json()["data"] for answer in answers]
    assert len({one["refresh_token"] for one in fresh}) == 1
    assert tokens["token"] not in {one["token"] for one in fresh}
    assert all(await asyncio.gather(*(api.is_live(one["token"]) for one in fresh)))


async def test_hundreds_of_refreshes_of_one_session_are_all_served_and_waiting_spends_no_deadline(
    api: Api, clock: Clock
) -> None:
    authorizations = api.app.ctx.authorizations
    first = (await api.log_in())["refresh_token"]
    second = (await api.refresh(first)).json()["data"]["refresh_token"]
    clock.wait(30)

    async def request(token: str) -> TokenPair:
        deadline.start(0.5)  # far less than hundreds take that begin anew whenever another is written
        pair: TokenPair = await authorizations.refresh(token)
        return pair

    for _ in range(5):
        answers = await asyncio.gather(*(request(token) for token in [first, second] * 250))
        assert {pair.refresh_token for pair in answers} == {second}
    assert authorizations.refreshes_in_flight == 0


async def test_bursts_of_refreshes_hour_after_hour_never_log_a_client_out(api: Api, clock: Clock) -> None:
    tokens = await api.log_in()
    for _ in range(10):
        clock.wait(3600)
        answers = await asyncio.gather(*(api.refresh(tokens["refresh_token"]) for _ in range(5)))
        tokens = answers[-1].json()["data"]
    assert await api.is_live(tokens["token"])


@pytest.mark.slow
async def test_a_refresh_that_races_with_a_log_out_never_brings_the_session_back(api: Api) -> None:
    for _ in range(30):
        tokens = await api.log_in()
        answers = await asyncio.gather(
            *(api.refresh(tokens["refresh_token"]) for _ in range(3)),
            api.log_out(tokens["token"]),
            *(api.refresh(tokens["refresh_token"]) for _ in range(3)),
        )
        for answer in answers:
            if answer.status_code == 200:
                assert not await api.is_live(answer.json()["data"]["token"])
        assert error(await api.refresh(tokens["refresh_token"])) == (403, "session_ended")
