"""Signs what is posted to other systems, as Standard Webhooks says: three headers, one signature for each key.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook


class Signer:
    """The keys of WEBHOOK_SECRET. While one is changed there are several, and receivers may have either."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._webhooks = [Webhook(key) for key in keys]

    def headers(self, number: str, body: bytes, now: datetime) -> dict[str, str]:
        """The headers of this body, posted now under this id; `now` is in UTC."""
        text = body.decode()
        return {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(webhook.sign(number, now, text) for webhook in self._webhooks),
        }
