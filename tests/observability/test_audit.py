"""The audit trail: which events are told, with which fields, and that no secret is among them."""

import logging

import pytest

from service.events import Event
from service.observability import logs
from tests.client import MOBILE, Api, bearer
from tests.conftest import Clock


def trail(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "latch.audit"]


async def test_the_life_of_a_session_is_told_in_order(api: Api, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    tokens = await api.log_in()
    other = await api.log_in()
    await api.post_login(MOBILE, "000000")
    fresh = (await api.refresh(tokens["refresh_token"])).json()["data"]
    await api.request("DELETE", f"/app/v1_0/sessions/{other['session_id']}", headers=bearer(fresh["token"]))
    clock.wait(61)
    await api.refresh(fresh["refresh_token"])
    clock.wait(61)
    await api.refresh(tokens["refresh_token"])
    assert [record.message for record in trail(caplog)] == [
        Event.CODE_SENT,
        Event.LOGIN,
        Event.CODE_SENT,
        Event.LOGIN,
        Event.LOGIN_REFUSED,
        Event.REFRESH,
        Event.SESSION_REVOKED,
        Event.REFRESH,
        Event.REFRESH_TOKEN_REUSED,
    ]


async def test_lines_name_user_session_and_masked_number_and_no_secret(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = await api.log_in()
    await api.log_out(tokens["token"])
    sent, login, logout = trail(caplog)
    assert vars(sent)["mobile"] == vars(login)["mobile"] == "138****8000"
    for record in (login, logout):
        assert vars(record)["user_id"] == tokens["user_id"]
        assert vars(record)["session_id"] == tokens["session_id"]
    told = repr([vars(record) for record in trail(caplog)])
    assert not [secret for secret in (tokens["token"], tokens["refresh_token"], MOBILE) if secret in told]


async def test_a_line_carries_the_requests_id_and_the_clients_address(
    capsys: pytest.CaptureFixture[str], api: Api
) -> None:
    logs.configure(api.app.ctx.settings)  # again: this test's standard error is another one
    await api.request("POST", "/app/v1_0/sms/codes", json={"mobile": MOBILE}, headers={"X-Request-ID": "mine-1"})
    [line] = [line for line in capsys.readouterr().err.splitlines() if "code_sent" in line]
    assert "request_id=mine-1" in line
    assert "ip=127.0.0.1" in line
