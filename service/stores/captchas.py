"""Captchas that were solved and used, in Redis: one key each, `challenge:{<nonce>}`, which goes by itself."""

from service.stores.redis.connection import Connection, milliseconds


class CaptchaStore:
    """Lets each solved captcha be used once. Raises ServiceUnavailable: where nobody knows, none is used."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def spend(self, nonce: str, life: float) -> bool:
        """Use it up, for `life` seconds. False where it was used before: of many at once, one uses it."""
        key = f"challenge:{{{nonce}}}"
        return bool(await self._connection.write("SET", key, "1", "NX", "PX", str(milliseconds(life))))
