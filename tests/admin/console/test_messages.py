"""Messages: what becomes of them by sender, of codes by prefix, and what the guard does and why."""

import pytest

from service.stores.activity import ActivityStore
from service.stores.redis.connection import Connection
from tests.admin.conftest import StartConsole
from tests.admin.console.conftest import Visitor, text_of
from tests.admin.test_messages import GUARDED, WALKED, walk
from tests.conftest import Clock, Start

pytestmark = pytest.mark.slow


@pytest.fixture
async def console(start: Start, start_console: StartConsole) -> object:
    """Of a service whose guard holds back a prefix that was walked through."""
    api = await start(**GUARDED)
    await walk(api, WALKED, times=10)
    await api.stop()  # which writes
    return await start_console(**GUARDED)


async def test_a_prefix_that_is_held_back_is_told_with_why_and_until_when(looker: Visitor) -> None:
    shown = await looker.shown("/messages")
    assert "less than 50 % of an hour's codes are used, once 10 were sent" in shown.replace("&#39;", "'")
    assert f"{WALKED} an hour 10 10 0 0 % no codes to strangers until 01:00; 0 of 10 used, less than 50 %" in shown
    assert f"{WALKED} a day 10 10 0 0 %" in shown
    assert "All numbers an hour 10 10 0" in shown
    assert "All others an hour 0 0 0 –" in shown


async def test_now_tells_it_too_and_leads_there(looker: Visitor) -> None:
    answer = await looker.get("/now")
    assert 'href="/messages"' in answer.text
    assert f"The guard holds back codes to numbers that begin with {WALKED}" in text_of(answer)


async def test_senders_are_told_with_how_long_they_take(looker: Visitor, connection: Connection, clock: Clock) -> None:
    (sender,) = looker.console.app.ctx.settings.sms_sender
    outcomes = {f"sms:{sender}:sent": 3, f"sms:{sender}:failed": 1}
    counts = {**outcomes, f"sms_seconds:{sender}:0.3": 3, f"sms_seconds:{sender}:5": 1}
    await ActivityStore(connection).add([], counts, {}, clock())
    assert f"{sender} not used yet an hour 4 3 1 0 0.3 s 5 s" in await looker.shown("/messages")


async def test_a_stranger_is_led_to_the_log_in(stranger: Visitor) -> None:
    assert (await stranger.get("/messages")).headers["location"] == "/log-in?next=/messages"
