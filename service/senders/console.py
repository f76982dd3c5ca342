"""For development: the message goes to standard output, where the person who typed `make run` reads it."""

from service import mobiles
from service.messages import Message


class ConsoleSender:
    """Prints. Not a log: the line is the delivery."""

    async def send(self, message: Message) -> None:
        """Print the message, with the number masked."""
        print(f"SMS to {mobiles.mask(message.mobile)}: {message.text}", flush=True)
