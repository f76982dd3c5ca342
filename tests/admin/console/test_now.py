"""Now: what is wrong stands first, what is not known says so, and watching needs no reload."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from service.activity import Moment
from service.routes.console.charts import chart, scale
from service.routes.console.troubles import troubles
from service.stores.activity import ActivityStore
from service.stores.redis.connection import Connection
from tests.admin.console.conftest import Visitor, text_of
from tests.client import Api
from tests.conftest import Clock

PART = {"HX-Request": "true"}
SENDER = {"name": "aliyun", "state": "ok", "failed": 0, "last_failure": None}
WELL: Mapping[str, Any] = {
    "active": {},
    "outages": {},
    "senders": [SENDER],
    "by_minute": [{"shed": 0}] * 60,
    "codes": {"overall": {"guard": {"state": "open"}}, "prefixes": []},
}


@pytest.mark.slow
async def test_what_people_did_is_shown(api: Api, looker: Visitor) -> None:
    await api.log_in()
    await api.stop()  # which writes
    await looker.console.app.ctx.now.count_sessions()
    shown = await looker.shown("/now")
    assert "Nothing is wrong." in shown
    assert "Logins 1" in shown
    assert "Codes sent 1" in shown
    assert "Live sessions 1" in shown
    page = await looker.get("/now")
    assert 'aria-label="Logins: 1 in all, most at 00:00 with 1, 1 in the last minute."' in page.text
    assert len(page.content) < 100_000


@pytest.mark.slow
async def test_what_is_wrong_stands_before_all_else(looker: Visitor, connection: Connection, clock: Clock) -> None:
    (sender,) = looker.console.app.ctx.settings.sms_sender
    failed = {f"sms:{sender}:failed": Moment(clock(), "<script>http 500")}
    counts = {f"sms:{sender}:failed": 3, "shed": 7, "refused:codes_per_ip": 4}
    await ActivityStore(connection).add([], counts, failed, clock())
    answer = await looker.get("/now")
    shown = text_of(answer)
    assert "<script>http" not in answer.text
    assert "No message goes out: the last try of every sender failed." in shown
    assert "7 requests of the last hour were shed" in shown
    assert "Nothing is wrong." not in shown
    assert shown.index("No message goes out") < shown.index("What works") < shown.index("codes_per_ip")


@pytest.mark.slow
async def test_it_is_renewed_by_a_part_and_stands_still_when_asked_to(looker: Visitor) -> None:
    whole, part, still = (await looker.get("/now"), await looker.get("/now", **PART), await looker.get("/now?still=1"))
    assert 'data-poll hx-get="/now" hx-trigger="every 5s"' in whole.text
    assert "<html" not in part.text
    assert "<h1>" not in part.text
    assert "What works" in part.text
    assert "hx-trigger" not in still.text
    assert re.search(r"As it was at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text_of(still))


@pytest.mark.slow
async def test_what_redis_does_not_tell_is_not_known(looker: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes away between the look at the session and that at the figures: without it there is no session."""
    picture = (await looker.console.app.ctx.now.look())._replace(
        active=None,
        sessions=None,
        minutes=None,
        senders=None,
        codes=None,
        stores={"redis": "it refuses connections", "database": ""},
    )

    async def look() -> Any:
        return picture

    monkeypatch.setattr(looker.console.app.ctx.now, "look", look)
    shown = await looker.shown("/now")
    assert shown.count("Not known: Redis does not tell.") == 6
    assert "for Redis does not serve: it refuses connections" in shown
    assert "its user may lack a right" not in shown


@pytest.mark.slow
async def test_a_stranger_is_led_to_the_log_in(stranger: Visitor) -> None:
    assert (await stranger.get("/now")).headers["location"] == "/log-in?next=/now"


def wrong(**parts: Any) -> list[tuple[bool, str]]:
    return [(trouble.bad, trouble.text) for trouble in troubles({**WELL, **parts})]


def test_nothing_is_wrong_where_all_is_well() -> None:
    assert wrong() == []


@pytest.mark.parametrize("part", ["active", "senders", "by_minute", "codes"])
def test_a_part_that_redis_keeps_to_itself_is_a_trouble(part: str) -> None:
    ((bad, text),) = wrong(**{part: None})
    assert bad
    assert "its user may lack a right" in text


def test_a_sender_that_fails_is_told_with_its_answer_and_the_other_goes_on() -> None:
    failing = {"name": "webhook", "state": "failing", "failed": 3, "last_failure": "http 500"}
    said = "The sender webhook did not take its last message (http 500); 3 failed in the last hour."
    assert wrong(senders=[SENDER, failing]) == [(True, said)]


def test_load_that_was_shed_long_ago_is_told_and_not_in_red() -> None:
    long_ago = [{"shed": 3}, *[{"shed": 0}] * 59]
    ((bad, text),) = wrong(by_minute=long_ago)
    assert not bad
    assert text.startswith("3 requests")


def test_what_is_bad_stands_before_what_is_to_be_known() -> None:
    prefixes = [{"prefix": "1700000", "guard": {"held_by": "prefix"}}]
    codes = {"overall": {"guard": {"state": "closed"}}, "prefixes": prefixes}
    found = wrong(codes=codes, outages={"database": "locked"}, by_minute=[{"shed": 1}] * 60)
    assert [bad for bad, _ in found] == [True, True, True, False]
    assert "1700000" in found[-1][1]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (6, 10), (10, 10), (11, 20), (999, 1000), (1001, 2000)]
)
def test_a_scale_ends_with_a_round_number(most: int, top: int) -> None:
    assert scale(0, most) == top


def test_bars_are_as_high_as_their_numbers() -> None:
    drawn = chart("Logins", ["12:00", "12:01", "12:02"], [0, 5, 10], 10)
    assert [(bar.left, bar.height) for bar in drawn.bars] == [(0, 0), (4, 20), (8, 40)]
    assert drawn.said == "Logins: 15 in all, most at 12:02 with 10, 10 in the last minute."
    assert chart("Logins", ["12:00"], [0], 1).said == "Logins: none in this time."
