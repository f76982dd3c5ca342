"""What `check` says of WEBHOOK_URLS: whether events may be sent to where they lead. Nothing is sent."""

from config import Settings
from service.commands.findings import Finding, Level
from service.senders.events import NAMELESS, REFUSED, EventSender
from service.senders.signer import Signer
from service.webhook_addresses import Allowed
from service.webhooks import Receiver, receivers_of

WHY = {
    REFUSED: "leads to an address that is not allowed; if it is meant to be private, name it in WEBHOOK_ALLOW",
    NAMELESS: "its name is not found",
}


async def of_webhooks(settings: Settings) -> list[Finding]:
    """One line for each receiver."""
    return [await _of_receiver(settings, one) for one in receivers_of(settings.webhook_urls)]


async def _of_receiver(settings: Settings, receiver: Receiver) -> Finding:
    sender = EventSender(receiver.url, Signer(settings.webhook_keys), Allowed(settings.webhook_allow))
    try:
        problem = await sender.judge()
    finally:
        await sender.close()
    name = f"webhook receiver {receiver.name}"
    if not problem:
        return Finding(Level.GOOD, f"{name}: may be sent events")
    return Finding(Level.WARN if problem == NAMELESS else Level.BAD, f"{name}: {WHY[problem]}")
