"""Sessions as use cases: a revocation that races with refreshes."""

import asyncio

from service.entities import Device, EndReason, TokenPair
from service.errors import InvalidToken, SessionEnded
from tests.client import MOBILE, Api


async def test_a_revocation_that_races_with_refreshes_wins_a_hundred_times(api: Api) -> None:
    context = api.app.ctx
    for _ in range(100):
        await context.delivery.send_code(MOBILE, "192.0.2.1")
        pair, _ = await context.logins.log_in(MOBILE, api.phone.code(MOBILE), Device("phone", "127.0.0.1"))
        answers = await asyncio.gather(
            context.authorizations.refresh(pair.refresh_token),
            context.authorizations.refresh(pair.refresh_token),
            context.sessions.end(pair.user_id, pair.session_id, EndReason.REVOKED),
            context.authorizations.refresh(pair.refresh_token),
            context.authorizations.refresh(pair.refresh_token),
            return_exceptions=True,
        )
        tokens = [pair, *(answer for answer in answers if isinstance(answer, TokenPair))]
        after = await asyncio.gather(
            *(context.authorizations.check(one.token) for one in tokens),
            *(context.authorizations.refresh(one.refresh_token) for one in tokens),
            return_exceptions=True,
        )
        assert all(isinstance(answer, SessionEnded | InvalidToken) for answer in after)
