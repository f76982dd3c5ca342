"""The senders that SMS_SENDER names: made when they are chosen, complained of at the start when they cannot be."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config import Settings, SettingsError
from service import senders
from service.app import build
from service.commands import check
from service.commands.findings import Finding, Level
from service.senders import PACKAGES, Failover
from service.stores.redis.connection import Connection
from settings.providers import REQUIRED
from tests.client import BASE
from tests.senders.conftest import MOBILE, WEBHOOK_SECRET, settings_for

ROOT = Path(__file__).parent.parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SDKS = {"aliyun": "alibabacloud_dysmsapi20170525", "tencent": "tencentcloud", "twilio": "twilio"}


@pytest.mark.parametrize("name", REQUIRED)
async def test_every_name_makes_its_sender(name: str) -> None:
    sender = senders.chosen(settings_for(sms_sender=name), lambda *_: None)
    assert isinstance(sender, Failover)
    [(made, inner)] = sender.senders
    assert (made, type(inner).__name__) == (name, f"{name.capitalize()}Sender")
    await senders.close(sender)


async def test_several_are_made_in_their_order() -> None:
    sender = senders.chosen(settings_for(sms_sender="twilio,webhook,file"), lambda *_: None)
    assert isinstance(sender, Failover)
    assert [name for name, _ in sender.senders] == ["twilio", "webhook", "file"]
    await senders.close(sender)


def test_what_a_missing_sdk_asks_for_is_what_the_project_names() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {name: list(PACKAGES[name]) for name in SDKS} == {name: extras[name] for name in SDKS}


@pytest.mark.slow
def test_no_sdk_is_imported_unless_it_is_chosen() -> None:
    code = "import sys, run; print([name for name in sys.modules if name.startswith(('alibaba', 'tencent', 'twilio'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", SDKS)
def test_a_missing_sdk_is_told_with_what_to_type(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"service.senders.{name}", raising=False)
    for module in [module for module in sys.modules if module.partition(".")[0] == SDKS[name]]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, SDKS[name], None)  # Python's own way to say that it is not there
    settings = settings_for(sms_sender=name)
    command = f'{sys.executable} -m pip install "{PACKAGES[name][0]}"'
    with pytest.raises(SettingsError) as caught:
        senders.chosen(settings, lambda *_: None)
    assert str(caught.value).startswith(f"SMS_SENDER: {name} needs a package")
    assert str(caught.value).endswith(command)
    [bad] = [finding for finding in check.of_settings(settings) if finding.level is Level.BAD]
    assert bad.text == str(caught.value)


async def test_what_becomes_of_each_message_is_counted(
    make_settings: Callable[..., Settings], sanic_client: Any, connection: Connection, tmp_path: Path
) -> None:
    nobody = {"webhook_url": "http://127.0.0.1:1/", "webhook_secret": WEBHOOK_SECRET}
    app = build(make_settings(sms_sender="webhook,file", **nobody), name="latch-counting")
    app.config.TOUCHUP = False
    client = await sanic_client(app, verify=False, trust_env=False)
    response = await client.post(f"{BASE}/sms/codes", json={"mobile": MOBILE})
    assert response.status_code == 200, response.text
    assert len((tmp_path / "sms.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    metrics = (await client.get("/metrics")).text
    assert 'latch_sms_total{outcome="failed",sender="webhook"} 1.0' in metrics
    assert 'latch_sms_total{outcome="sent",sender="file"} 1.0' in metrics


@pytest.mark.parametrize(("named", "timeout", "least"), [("console", 5, 30), ("console,file", 60, 120)])
def test_a_request_is_not_cut_off_while_the_senders_are_still_tried(named: str, timeout: float, least: float) -> None:
    app = build(settings_for(sms_sender=named, sms_timeout=timeout), name=f"latch-timeout-{timeout}")
    assert least <= app.config.RESPONSE_TIMEOUT


def test_the_numbers_with_fixed_codes_are_warned_of_masked() -> None:
    found = check.of_settings(settings_for(test_codes=f"{MOBILE}=246810,13900139000=135790"))
    text = "TEST_CODES: who knows the fixed code logs in as 138****8000, 139****9000"
    assert Finding(Level.WARN, text) in found


def test_the_settings_as_they_ship_are_warned_of_in_nothing() -> None:
    assert [finding.level for finding in check.of_settings(settings_for())] == [Level.GOOD]


def test_a_long_text_is_warned_of() -> None:
    found = check.of_settings(settings_for(sms_text="{code} " + "x" * 160))
    assert [finding.level for finding in found] == [Level.GOOD, Level.WARN]


def test_an_old_number_that_nobody_can_tell_is_warned_of() -> None:
    untold = "SMS_SENDER: has no template for notices, so old numbers are told nothing"
    for settings, expected in (
        ({"sms_sender": "aliyun,tencent"}, True),
        ({"sms_sender": "aliyun,tencent", "tencent_template_id_notice": "8"}, False),
        ({"sms_sender": "aliyun,file"}, False),
    ):
        found = check.of_settings(settings_for(**settings))
        assert (Finding(Level.WARN, untold) in found) is expected
    found = check.of_settings(settings_for(sms_text_notice="x" * 161))
    assert [finding.text.partition(":")[0] for finding in found if finding.level is Level.WARN] == ["SMS_TEXT_NOTICE"]


@pytest.mark.parametrize("text", ["{code} is it", "{", "a {name}"])
def test_a_notice_carries_no_code(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^SMS_TEXT_NOTICE: "):
        settings_for(sms_text_notice=text)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "webhook_secret",
            ["whsec_" + "A" * 32, "whsec_" + "A" * 43 + "="],
            ["A" * 44, "whsec_short", "whsec_" + "ä" * 32, "whsec_" + "A" * 100, "whsk_" + "A" * 44],
        ),
        (
            "aliyun_template_param",
            ['{"code":"{code}"}', '{"c":"{code}","m":"{minutes} min"}'],
            ["{code}", '{"code":{code}}', '{"code":"123"}', "[]", '["{code}"]', '{"code":"{code}","n":1}', "{}"],
        ),
        (
            "tencent_template_params",
            ["{code}", "{code},{minutes}", "Latch, {code}"],
            ["{minutes}", "code", "{code},{name}", "{code},{", "{code},{0}"],
        ),
        ("aliyun_endpoint", ["127.0.0.1:8080", "dysmsapi.aliyuncs.com"], ["https://dysmsapi.aliyuncs.com", "a/b"]),
        ("tencent_endpoint", ["sms.ap-beijing.tencentcloudapi.com"], ["https://sms.tencentcloudapi.com", "x y"]),
    ],
)
def test_a_bad_provider_setting_stops_the_start_with_its_name(name: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        settings_for(**{name: value})
    for value in bad:
        with pytest.raises(SettingsError, match=f"^{name.upper()}: ") as caught:
            settings_for(**{name: value})
        assert value not in str(caught.value) or name != "webhook_secret"
