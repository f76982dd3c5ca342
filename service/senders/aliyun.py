"""Alibaba Cloud SMS: SendSms of Dysmsapi 2017-05-25, by its official SDK. The text is an approved template's.

https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms
"""

import json
import logging
from functools import partial

from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import RetryError, UnretryableException
from darabonba.runtime import RuntimeOptions

from config import Settings
from service.errors import SmsUnavailable, TooManyRequests
from service.messages import Message, TextMessage

OK = "OK"
# One number gets too many: isv.BUSINESS_LIMIT_CONTROL, isv.BUSINESS_LIMIT_HOUR, BUSINESS_LIMIT_CONTROL_PHONE, ...
# isv.DAY_LIMIT_CONTROL, isv.MONTH_LIMIT_CONTROL and Throttling are of the whole account: another sender may do.
TOO_MANY = "BUSINESS_LIMIT"
# The message names the window that is full, "触发天级流控Permits:10". An hour is the longest that we ask to wait:
# nobody tells when a day's window began.
WAITS = {"分钟": 60, "小时": 3600, "天": 3600, "MINUTE": 60, "HOUR": 3600, "DAY": 3600}  # seconds
DEFAULT_WAIT = 60


class AliyunSender:
    """Sends without retries. `protocol` is of the API's endpoint."""

    def __init__(self, settings: Settings, protocol: str = "https") -> None:
        logging.getLogger("darabonba-core").handlers.clear()  # it brings one that writes past our own
        self._sign_name = settings.aliyun_sign_name
        self._template_of = partial(settings.template, "aliyun")
        self._template_param = settings.aliyun_template_param
        milliseconds = max(1, round(settings.sms_timeout * 1000))
        self._runtime = RuntimeOptions(
            autoretry=False, max_attempts=1, connect_timeout=milliseconds, read_timeout=milliseconds
        )
        self._client = Client(
            Config(
                access_key_id=settings.aliyun_access_key_id,
                access_key_secret=settings.aliyun_access_key_secret.get_secret_value(),
                endpoint=settings.aliyun_endpoint,
                protocol=protocol,
            )
        )

    async def send(self, message: Message) -> None:
        """Send the template's text. Raises SmsUnavailable, TooManyRequests."""
        request = SendSmsRequest(
            phone_numbers=message.mobile,
            sign_name=self._sign_name,
            template_code=self._template_of(message.kind, message.language),
            template_param=self._filled(message) if isinstance(message, TextMessage) else None,
        )
        try:
            response = await self._client.send_sms_with_options_async(request, self._runtime)
        except AlibabaCloudException as error:
            raise _refusal(error.code, error.message) from error
        except UnretryableException as error:
            what = error.inner_exception
            reason = "no answer" if isinstance(what, RetryError) else type(what).__name__
            raise SmsUnavailable(reason, definite=False) from error
        if response.body.code != OK:
            raise _refusal(response.body.code, response.body.message)

    def _filled(self, message: TextMessage) -> str:
        """The parameters with their placeholders filled in, still JSON: its braces rule out `str.format`."""
        filled = self._template_param
        for name, value in (("{code}", message.code), ("{minutes}", str(message.minutes))):
            filled = filled.replace(name, json.dumps(value)[1:-1])
        return filled


def _refusal(code: str | None, text: str | None) -> SmsUnavailable | TooManyRequests:
    """What a code other than OK means. The text is looked at and never logged: it may hold the number."""
    if TOO_MANY not in (code or ""):
        return SmsUnavailable(str(code or "no code"))
    what = f"{code} {text}"
    return TooManyRequests(next((wait for window, wait in WAITS.items() if window in what), DEFAULT_WAIT))
