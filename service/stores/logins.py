"""What a login asks of Redis, in one round trip each: to try a code, and to open the session that it is traded for.

On a Cluster, where the keys lie apart, the scripts go one by one (`Connection.run_chain`).
"""

from collections.abc import Sequence

from service.entities import AccessRecord, PastLogin, Session
from service.stores.budgets import Budget, Refusal
from service.stores.code_values import CodeLease, Verdict
from service.stores.codes import CodeStore
from service.stores.limits import LimitStore
from service.stores.sessions import OpenResult, SessionStore


class LoginStore:
    """Composes what codes, limits and sessions do by themselves."""

    def __init__(self, codes: CodeStore, limits: LimitStore, sessions: SessionStore) -> None:
        self._codes = codes
        self._limits = limits
        self._sessions = sessions

    async def attempt(
        self, lease: CodeLease, digest: str, *, now: float, life: float, attempts: int, address: Sequence[Budget] = ()
    ) -> Verdict | Refusal | PastLogin | None:
        """Spend one of the budgets of the client's `address`, and then try a code, as `CodeStore.verify` does it.

        None, and no code tried, where the address has no room, or where spending all its windows or none takes more
        than one step: `LimitStore.spend` tells.
        """
        spending = self._limits.spending(address)
        if spending is None:
            return None
        return await self._codes.verify(lease, digest, now=now, life=life, attempts=attempts, after=spending)

    async def complete(
        self,
        session: Session,
        key_suffix: str,
        access: AccessRecord,
        lease: CodeLease,
        *,
        cap: int,
        past: PastLogin | None = None,
        device: str = "",
        is_new_user: bool = False,
    ) -> OpenResult | None:
        """Open a session, as `SessionStore.open` does it, and spend the code that was lent to this login.

        The code goes in the same step in which `past` is recorded, after the session is there. So whatever breaks down
        between, the code is good still or the login can be repeated. On a Cluster a session may be left, nobody's.
        `is_complete` is False where the lease has run out: the session is open, and the code is somebody else's.
        """
        spending = [self._codes.spending(lease, past)] if lease.lease_id else []
        return await self._sessions.open(
            session, key_suffix, access, cap=cap, then=spending, device=device, is_new_user=is_new_user
        )
