"""Tencent Cloud SMS: SendSms of 2021-01-11, by its official SDK. The text is an approved template's.

The SDK blocks, so it runs in threads, and a thread cannot be cancelled: one whose provider hangs lives on until the
SDK's own time limit. There are few of them, so that a hanging provider takes these and nothing else.
https://cloud.tencent.com/document/product/382/55981
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111.models import SendSmsRequest, SendSmsResponse
from tencentcloud.sms.v20210111.sms_client import SmsClient

from config import Settings
from service.errors import SmsUnavailable, TooManyRequests
from service.messages import Message, TextMessage

OK = "Ok"
THREADS = 10  # as many as the SDK keeps connections for
# One number gets too many, with the seconds to wait. An hour is the longest that we ask for: nobody tells when a day's
# window began. Other limits (LimitExceeded.AppDailyLimit, RequestLimitExceeded) are the account's, and another sender
# may do.
WAITS = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": 30,
    "LimitExceeded.PhoneNumberOneHourLimit": 3600,
    "LimitExceeded.PhoneNumberDailyLimit": 3600,
    "LimitExceeded.PhoneNumberSameContentDailyLimit": 3600,
    "LimitExceeded.DeliveryFrequencyLimit": 60,
}


class TencentSender:
    """Sends without retries. `protocol` is of the API's endpoint."""

    def __init__(self, settings: Settings, protocol: str = "https") -> None:
        self._sdk_app_id = settings.tencent_sdk_app_id
        self._sign_name = settings.tencent_sign_name
        self._template_of = partial(settings.template, "tencent")
        self._template_params = settings.tencent_template_params.split(",")
        profile = HttpProfile(protocol=protocol, endpoint=settings.tencent_endpoint, reqTimeout=settings.sms_timeout)
        self._client = SmsClient(
            Credential(settings.tencent_secret_id, settings.tencent_secret_key.get_secret_value()),
            settings.tencent_region,
            ClientProfile(httpProfile=profile),
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tencent")

    async def send(self, message: Message) -> None:
        """Send the template's text. Raises SmsUnavailable, TooManyRequests."""
        loop = asyncio.get_running_loop()
        try:
            # A caller that gives up while all threads are taken leaves the queue: what has not begun is not sent.
            response = await loop.run_in_executor(self._threads, self._client.SendSms, self._request(message))
        except TencentCloudSDKException as error:
            raise _refusal(error.get_code()) from error
        if (code := _code(response)) != OK:
            raise _refusal(code)

    async def close(self) -> None:
        """Begin nothing more. Threads that are at work end by the SDK's own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _request(self, message: Message) -> SendSmsRequest:
        request = SendSmsRequest()
        request.PhoneNumberSet = [f"+86{message.mobile}"]
        request.SmsSdkAppId = self._sdk_app_id
        request.SignName = self._sign_name
        request.TemplateId = self._template_of(message.kind, message.language)
        request.TemplateParamSet = self._filled(message) if isinstance(message, TextMessage) else []
        return request

    def _filled(self, message: TextMessage) -> list[str]:
        return [
            part.strip().replace("{code}", message.code).replace("{minutes}", str(message.minutes))
            for part in self._template_params
        ]


def _code(response: SendSmsResponse) -> str:
    """What became of the one number that was asked for."""
    statuses = response.SendStatusSet or []
    return str(statuses[0].Code) if statuses else "no status"


def _refusal(code: str) -> SmsUnavailable | TooManyRequests:
    """What a code other than Ok means."""
    return TooManyRequests(WAITS[code]) if code in WAITS else SmsUnavailable(code)
