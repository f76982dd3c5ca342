"""Log-ins that were begun at the OpenID provider, in Redis: `operator:{openid:<digest>}:state`, one for each browser.

No operator has a colon in the name, so these keys are nobody's.
"""

from typing import NamedTuple

from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script

TAKE = Script("take", repeatable=False)  # a second run would find nothing


class BegunLogin(NamedTuple):
    """What must come back: the digest of the state, the nonce in the ID token; and the verifier of PKCE (RFC 7636).

    None of the three has a space in it.
    """

    state: str
    nonce: str
    verifier: str


class OpenIdStates:
    """Each is known by the digest of what its browser keeps, so that a dump of Redis goes on with none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, digest: str, begun: BegunLogin, life: float) -> None:
        """Keep it for `life` seconds."""
        await self._connection.write("SET", _key(digest), " ".join(begun), "PX", str(milliseconds(life)))

    async def take(self, digest: str) -> BegunLogin | None:
        """What was begun, which is gone then: of many at once, one gets it. None where there is nothing."""
        found = await self._connection.run(TAKE, [_key(digest)], [])
        parts = found.decode(errors="replace").split(" ") if found else []
        return BegunLogin(*parts) if len(parts) == len(BegunLogin._fields) else None


def _key(digest: str) -> str:
    return f"operator:{{openid:{digest}}}:state"
