"""Twilio: what its SDK puts on the wire for us, and what we make of the documented answers."""

import base64
from typing import Any

import pytest

from service.errors import SmsUnavailable, TooManyRequests
from tests.senders.conftest import MESSAGE, MOBILE, NOTED, Make, Provider

ACCOUNT = "AC" + "0" * 32
SERVICE = "MG" + "1" * 32


def created(**fields: Any) -> dict[str, Any]:
    return {
        "account_sid": ACCOUNT,
        "body": MESSAGE.text,
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "num_segments": "1",
        "sid": "SM" + "2" * 32,
        "status": "queued",
        "to": f"+86{MOBILE}",
        **fields,
    }


def refusal(code: int, status: int) -> dict[str, Any]:
    message = f"The 'To' number +86{MOBILE} is not good"
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


async def test_the_request_makes_a_message_from_a_number(make: Make, provider: Provider) -> None:
    provider.answers(created(), 201)
    await make("twilio").send(MESSAGE)
    request = provider.last
    assert (request.method, request.target) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert request.form == {"To": "+8613800138000", "From": "+15557122661", "Body": MESSAGE.text}
    kind, _, credentials = request.headers["authorization"].partition(" ")
    assert (kind, base64.b64decode(credentials)) == ("Basic", f"{ACCOUNT}:hush-twilio".encode())


async def test_a_messaging_service_stands_in_for_the_number(make: Make, provider: Provider) -> None:
    provider.answers(created(), 201)
    await make("twilio", twilio_from=SERVICE).send(MESSAGE)
    assert provider.last.form == {"To": "+8613800138000", "MessagingServiceSid": SERVICE, "Body": MESSAGE.text}


async def test_one_sender_sends_many_messages(make: Make, provider: Provider) -> None:
    provider.answers(created(), 201)
    sender = make("twilio")
    for _ in range(3):
        await sender.send(MESSAGE)
    assert len(provider.received) == 3


async def test_a_number_that_gets_too_many_is_told_to_wait(make: Make, provider: Provider) -> None:
    provider.answers(refusal(14107, 400), 400)
    with pytest.raises(TooManyRequests) as caught:
        await make("twilio").send(MESSAGE)
    assert caught.value.retry_after == 30


@pytest.mark.parametrize(("code", "status"), [(21211, 400), (20003, 401), (20429, 429), (63038, 429), (20500, 500)])
async def test_any_other_error_is_a_failure_with_its_number(
    make: Make, provider: Provider, code: int, status: int
) -> None:
    provider.answers(refusal(code, status), status)
    with pytest.raises(SmsUnavailable) as caught:
        await make("twilio").send(MESSAGE)
    assert caught.value.reason == f"code {code}, status {status}"


async def test_a_problem_document_is_understood_too(make: Make, provider: Provider) -> None:
    problem = {"type": "https://www.twilio.com/docs/errors/20404", "title": "Not found", "status": 404, "code": 20404}
    provider.answers(problem, 404)
    with pytest.raises(SmsUnavailable) as caught:
        await make("twilio").send(MESSAGE)
    assert caught.value.reason == "code 20404, status 404"


async def test_a_message_that_failed_at_once_is_a_failure(make: Make, provider: Provider) -> None:
    provider.answers(created(status="failed", error_code=30008), 201)
    with pytest.raises(SmsUnavailable) as caught:
        await make("twilio").send(MESSAGE)
    assert caught.value.reason == "code 30008, status 201"


async def test_a_notice_is_its_text(make: Make, provider: Provider) -> None:
    provider.answers(created(), 201)
    await make("twilio").send(NOTED)
    assert provider.last.form["Body"] == NOTED.text
