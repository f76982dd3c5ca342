"""Twilio Programmable Messaging: one message of our own text, by its official SDK.

https://www.twilio.com/docs/messaging/api/message-resource
"""

from typing import Any

from aiohttp import ClientError, ClientSession
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from config import Settings
from service.errors import SmsUnavailable, TooManyRequests
from service.messages import Message

CREATED = 201
SERVICE = "MG"  # how the SID of a Messaging Service begins
# Too many messages to one number, with the seconds to wait. 20429 (API requests at once), 63038 (messages a day) and a
# bare 429 are limits of the whole account: another sender may do.
WAITS = {14107: 30}


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc] # the SDK has no types
    """The SDK's own, which takes a time limit and then asks for none."""

    async def request(self, method: str, url: str, **options: Any) -> Response:
        """Make one request, within the time limit."""
        return await super().request(method, url, **{**options, "timeout": self.timeout})


class TwilioSender:
    """Sends without retries. `api` is where the API is."""

    def __init__(self, settings: Settings, api: str = "https://api.twilio.com") -> None:
        self._account_sid = settings.twilio_account_sid
        self._auth_token = settings.twilio_auth_token.get_secret_value()
        self._timeout = settings.sms_timeout
        self._api = api
        name = "messaging_service_sid" if settings.twilio_from.startswith(SERVICE) else "from_"
        self._from = {name: settings.twilio_from}
        self._http: AsyncTwilioHttpClient | None = None
        self._client: Client | None = None

    async def send(self, message: Message) -> None:
        """Send the text. Raises SmsUnavailable, TooManyRequests."""
        try:
            messages = self._connected().messages
            sent = await messages.create_async(to=f"+86{message.mobile}", body=message.text, **self._from)
        except (TwilioRestException, TwilioServiceException) as error:
            raise _refusal(error.code, error.status) from error
        except (TwilioException, ClientError) as error:
            raise SmsUnavailable(type(error).__name__, definite=False) from error
        if sent.error_code:
            raise _refusal(sent.error_code, CREATED)
        if not sent.sid:
            raise SmsUnavailable("no message SID")

    async def close(self) -> None:
        """Close the connections that are kept open."""
        if self._http:
            await self._http.close()

    def _connected(self) -> Client:
        """The SDK's client, made at the first message: its session belongs to the event loop that runs then."""
        if self._client is None:
            self._http = _HttpClient(pool_connections=False, timeout=self._timeout)
            self._http.session = ClientSession(trust_env=True)  # HTTPS_PROXY counts, as it does for the other senders
            self._client = Client(self._account_sid, self._auth_token, http_client=self._http)
            self._client.api.base_url = self._api
        return self._client


def _refusal(code: int | None, status: int) -> SmsUnavailable | TooManyRequests:
    """What an error of the API means."""
    return TooManyRequests(WAITS[code]) if code in WAITS else SmsUnavailable(f"code {code}, status {status}")
