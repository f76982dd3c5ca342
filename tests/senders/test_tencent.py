"""Tencent Cloud SMS: what its SDK puts on the wire for us, and what we make of the documented answers."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.entities import Purpose
from service.errors import SmsUnavailable, TooManyRequests
from service.senders.tencent import THREADS
from tests.senders.conftest import MESSAGE, MOBILE, NOTED, Make, Provider, Received


def status(code: str) -> dict[str, Any]:
    """The answer about one number, as documented."""
    one = {
        "SerialNo": "5000:1045710669157053657849499619",
        "PhoneNumber": f"+86{MOBILE}",
        "Fee": 1,
        "SessionContext": "",
        "Code": code,
        "Message": f"about +86{MOBILE}",
        "IsoCode": "CN",
    }
    return {"Response": {"SendStatusSet": [one], "RequestId": "a0aabda6-cf91-4f3e-a81f-9198114a2279"}}


def tc3_signature(request: Received, key: str) -> str:
    """https://cloud.tencent.com/document/api/382/52072."""
    moment = request.headers["x-tc-timestamp"]
    date = datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%d")
    headers = f"content-type:{request.headers['content-type']}\nhost:{request.headers['host']}\n"
    body = hashlib.sha256(request.body).hexdigest()
    canonical = f"{request.method}\n{request.path}\n\n{headers}\ncontent-type;host\n{body}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{moment}\n{date}/sms/tc3_request\n{digest}"
    derived = f"TC3{key}".encode()
    for part in (date, "sms", "tc3_request"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    return hmac.new(derived, text.encode(), "sha256").hexdigest()


async def test_the_request_is_a_signed_send_sms(make: Make, provider: Provider) -> None:
    provider.answers(status("Ok"))
    await make("tencent").send(MESSAGE)
    request = provider.last
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["x-tc-action"] == "SendSms"
    assert request.headers["x-tc-version"] == "2021-01-11"
    assert request.headers["x-tc-region"] == "ap-guangzhou"
    assert json.loads(request.body) == {
        "PhoneNumberSet": ["+8613800138000"],
        "SmsSdkAppId": "1400006666",
        "TemplateId": "1110",
        "SignName": "拉奇",
        "TemplateParamSet": ["048213"],
    }
    authorization = request.headers["authorization"]
    assert authorization.startswith("TC3-HMAC-SHA256 Credential=AKIDz8/")
    assert authorization.endswith(f"Signature={tc3_signature(request, 'hush-tencent')}")


async def test_the_parameters_of_the_template_are_in_order(make: Make, provider: Provider) -> None:
    provider.answers(status("Ok"))
    await make("tencent", tencent_template_params="{minutes}, {code}").send(MESSAGE)
    assert json.loads(provider.last.body)["TemplateParamSet"] == ["5", "048213"]


@pytest.mark.parametrize(
    ("limit", "wait"),
    [
        ("PhoneNumberThirtySecondLimit", 30),
        ("PhoneNumberOneHourLimit", 3600),
        ("PhoneNumberDailyLimit", 3600),
        ("PhoneNumberSameContentDailyLimit", 3600),
        ("DeliveryFrequencyLimit", 60),
    ],
)
async def test_a_number_that_gets_too_many_is_told_to_wait(
    make: Make, provider: Provider, limit: str, wait: int
) -> None:
    provider.answers(status(f"LimitExceeded.{limit}"))
    with pytest.raises(TooManyRequests) as caught:
        await make("tencent").send(MESSAGE)
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    "code", ["FailedOperation.InsufficientBalanceInSmsPackage", "LimitExceeded.AppDailyLimit", "InternalError.Timeout"]
)
async def test_any_other_code_is_a_failure_with_its_name(make: Make, provider: Provider, code: str) -> None:
    provider.answers(status(code))
    with pytest.raises(SmsUnavailable) as caught:
        await make("tencent").send(MESSAGE)
    assert caught.value.reason == code


async def test_an_error_of_the_gateway_is_a_failure_with_its_name(make: Make, provider: Provider) -> None:
    error = {"Code": "AuthFailure.SignatureFailure", "Message": f"about {MOBILE}"}
    provider.answers({"Response": {"Error": error, "RequestId": "ed93f3cb"}})
    with pytest.raises(SmsUnavailable) as caught:
        await make("tencent").send(MESSAGE)
    assert caught.value.reason == "AuthFailure.SignatureFailure"


async def test_an_answer_about_no_number_is_a_failure(make: Make, provider: Provider) -> None:
    provider.answers({"Response": {"SendStatusSet": [], "RequestId": "ed93f3cb"}})
    with pytest.raises(SmsUnavailable):
        await make("tencent").send(MESSAGE)


async def test_a_hanging_provider_takes_few_threads_and_what_waits_for_one_is_never_sent(
    make: Make, provider: Provider
) -> None:
    provider.behaviour = "hang"
    sender = make("tencent", sms_timeout=1)

    async def impatient() -> None:
        async with asyncio.timeout(0.2):
            await sender.send(MESSAGE)

    outcomes = await asyncio.gather(*(impatient() for _ in range(THREADS + 20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TimeoutError}
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("tencent")]) <= THREADS
    assert len(provider.received) <= THREADS


async def test_the_sdk_gives_up_by_itself_in_the_time_of_the_settings(make: Make, provider: Provider) -> None:
    provider.behaviour = "hang"
    start = time.monotonic()
    with pytest.raises(SmsUnavailable):
        await make("tencent", sms_timeout=0.3).send(MESSAGE)
    assert 0.3 <= time.monotonic() - start < 10  # it would hang for 30 s


async def test_another_purpose_has_a_template_of_its_own(make: Make, provider: Provider) -> None:
    provider.answers({"Response": {"SendStatusSet": [{"Code": "Ok"}], "RequestId": "1"}})
    await make("tencent", tencent_template_id_erase="9").send(replace(MESSAGE, purpose=Purpose.ERASE))
    assert json.loads(provider.last.body)["TemplateId"] == "9"


async def test_a_notice_has_a_template_of_its_own_without_parameters(make: Make, provider: Provider) -> None:
    provider.answers({"Response": {"SendStatusSet": [{"Code": "Ok"}], "RequestId": "1"}})
    await make("tencent", tencent_template_id_notice="8").send(NOTED)
    sent = json.loads(provider.last.body)
    assert (sent["TemplateId"], sent.get("TemplateParamSet", [])) == ("8", [])
