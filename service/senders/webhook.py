"""The operator's own gateway: each message is posted to WEBHOOK_URL, signed as Standard Webhooks says.

The receiver is shown in docs/sms.md. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import secrets
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from config import Settings
from service.errors import SmsUnavailable, TooManyRequests
from service.messages import Message, TextMessage
from service.senders.signer import Signer

CODE, NOTICE = "sms.code", "sms.notice"
DEFAULT_WAIT, LONGEST_WAIT = 60, 86_400  # seconds, where the receiver says none or one that makes no sense


class WebhookSender:
    """Posts once: a message that may have arrived is never posted again."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.webhook_url
        self._signer = Signer(settings.webhook_keys)
        self._client = httpx.AsyncClient(timeout=settings.sms_timeout, follow_redirects=False)

    async def send(self, message: Message) -> None:
        """Post the message. Raises SmsUnavailable unless the answer is 2xx, TooManyRequests where it is 429."""
        now = datetime.now(UTC)
        body = _body(message, now)
        headers = self._signer.headers(f"msg_{secrets.token_urlsafe(18)}", body, now)
        try:
            response = await self._client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SmsUnavailable(type(error).__name__, definite=isinstance(error, httpx.ConnectError)) from error
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise TooManyRequests(_wait(response.headers.get("retry-after", "")))
        if not response.is_success:
            raise SmsUnavailable(f"status {response.status_code}")

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._client.aclose()


def _body(message: Message, now: datetime) -> bytes:
    data: dict[str, Any] = {"mobile": message.mobile, "text": message.text, "language": message.language}
    if isinstance(message, TextMessage):
        data |= {"code": message.code, "minutes": message.minutes, "purpose": message.purpose}
    kind = CODE if isinstance(message, TextMessage) else NOTICE
    event = {"type": kind, "timestamp": now, "data": data}
    return orjson.dumps(event, option=orjson.OPT_UTC_Z)


def _wait(retry_after: str) -> int:
    """The seconds of a Retry-After header. Dates, which it may hold too, are not worth their clocks here."""
    if retry_after.isascii() and retry_after.isdigit() and 1 <= int(retry_after[:9]) <= LONGEST_WAIT:
        return int(retry_after[:9])
    return DEFAULT_WAIT
