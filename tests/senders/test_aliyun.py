"""Alibaba Cloud SMS: what its SDK puts on the wire for us, and what we make of the documented answers."""

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from service.entities import Purpose
from service.errors import SmsUnavailable, TooManyRequests
from tests.senders.conftest import MESSAGE, MOBILE, NOTED, Make, Provider, Received

SENT = {"Message": "OK", "RequestId": "F655A8D5", "Code": "OK", "BizId": "9006197469364984400"}


def refusal(code: str, message: str = "no") -> dict[str, Any]:
    return {"Message": message, "RequestId": "F655A8D5", "Code": code}


def acs3_signature(request: Received, secret: str) -> str:
    """https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature."""
    signed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
    query = "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(request.query.items())
    )
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed.split(";"))
    body = hashlib.sha256(request.body).hexdigest()
    canonical = f"{request.method}\n{request.path}\n{query}\n{headers}\n{signed}\n{body}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


async def test_the_request_is_a_signed_send_sms(make: Make, provider: Provider) -> None:
    provider.answers(SENT)
    await make("aliyun").send(MESSAGE)
    request = provider.last
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["x-acs-action"] == "SendSms"
    assert request.headers["x-acs-version"] == "2017-05-25"
    assert request.query == {
        "PhoneNumbers": MOBILE,
        "SignName": "拉奇",
        "TemplateCode": "SMS_154950909",
        "TemplateParam": '{"code":"048213"}',
    }
    authorization = request.headers["authorization"]
    assert authorization.startswith("ACS3-HMAC-SHA256 Credential=LTAI5t,SignedHeaders=")
    assert authorization.endswith(f"Signature={acs3_signature(request, 'hush-aliyun')}")


async def test_the_parameters_of_the_template_are_json_with_code_and_minutes(make: Make, provider: Provider) -> None:
    provider.answers(SENT)
    await make("aliyun", aliyun_template_param='{"number": "{code}", "time": "{minutes} 分钟"}').send(MESSAGE)
    assert json.loads(provider.last.query["TemplateParam"]) == {"number": "048213", "time": "5 分钟"}


@pytest.mark.parametrize(
    ("code", "message", "wait"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1", 60),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5", 3600),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:10", 3600),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发业务流控", 60),
        ("isv.BUSINESS_LIMIT_HOUR", "", 3600),
        ("isv.BUSINESS_LIMIT_DAY", "", 3600),
        ("BUSINESS_LIMIT_CONTROL_PHONE", "", 60),
    ],
)
async def test_a_number_that_gets_too_many_is_told_to_wait(
    make: Make, provider: Provider, code: str, message: str, wait: int
) -> None:
    provider.answers(refusal(code, message))
    with pytest.raises(TooManyRequests) as caught:
        await make("aliyun").send(MESSAGE)
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    "code", ["isv.AMOUNT_NOT_ENOUGH", "isv.DAY_LIMIT_CONTROL", "isv.SMS_SIGNATURE_ILLEGAL", "isp.SYSTEM_ERROR"]
)
async def test_any_other_code_is_a_failure_with_its_name(make: Make, provider: Provider, code: str) -> None:
    provider.answers(refusal(code, f"{MOBILE} is the number"))
    with pytest.raises(SmsUnavailable) as caught:
        await make("aliyun").send(MESSAGE)
    assert caught.value.reason == code


@pytest.mark.parametrize(
    ("status", "code"), [(404, "InvalidAccessKeyId.NotFound"), (400, "Throttling.User"), (503, "ServiceUnavailable")]
)
async def test_an_error_of_the_gateway_is_a_failure_with_its_name_and_not_tried_again(
    make: Make, provider: Provider, status: int, code: str
) -> None:
    provider.answers(refusal(code, f"{MOBILE} is the number"), status)
    with pytest.raises(SmsUnavailable) as caught:
        await make("aliyun").send(MESSAGE)
    assert caught.value.reason == code
    assert len(provider.received) == 1


async def test_another_purpose_has_a_template_of_its_own(make: Make, provider: Provider) -> None:
    provider.answers(SENT)
    await make("aliyun", aliyun_template_code_erase="SMS_9").send(replace(MESSAGE, purpose=Purpose.ERASE))
    assert provider.last.query["TemplateCode"] == "SMS_9"


async def test_a_notice_has_a_template_of_its_own_without_parameters(make: Make, provider: Provider) -> None:
    provider.answers(SENT)
    await make("aliyun", aliyun_template_code_notice="SMS_8").send(NOTED)
    assert provider.last.query["TemplateCode"] == "SMS_8"
    assert "TemplateParam" not in provider.last.query
