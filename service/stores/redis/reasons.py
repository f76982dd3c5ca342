"""Why a Redis is not to be had, told by the errors of those who tried: a wrong password is no silence."""

import re
from dataclasses import dataclass

from service.stores.redis.refusals import text_of


@dataclass(frozen=True, slots=True)
class Reason:
    """`sign` is looked for in the errors. `away`: it may mend itself, so that a start goes on."""

    sign: str
    text: str
    away: bool = True


REASONS = (
    Reason(
        "WRONGPASS|invalid (username-)?password|for 'auth' command", "refuses the user or the password in REDIS_URL"
    ),
    Reason("NOAUTH|auth:AuthenticationError", "wants a password that REDIS_URL does not have"),
    Reason(
        "without any password|no password is set",
        "has no password for its default user: REDIS_URL should have none, or a user name before it",
    ),
    Reason(
        "DatabaseRefused",
        "has no database of the number in REDIS_URL: it should be one that is there, such as 0",
        away=False,
    ),
    Reason(
        "Cluster mode is not enabled",
        "is no Cluster: REDIS_URL should start with redis:// or redis+sentinel://",
        away=False,
    ),
    Reason(
        "No master found for '[^']*'($|\n)|unknown command .SENTINEL",
        "is no Sentinel that knows the master in REDIS_URL: it should have the name of one that is watched",
    ),
    Reason("NOPERM", "does not let the user in REDIS_URL do what it must: see deploy/redis/latch.acl"),
    Reason(
        "certificate verify failed|CERTIFICATE_VERIFY_FAILED",
        "has a certificate that is not trusted: REDIS_URL should name its authority by ssl_ca_certs, and its host",
    ),
    Reason(
        "WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE",
        "does not speak TLS: REDIS_URL should start with redis, not with rediss",
    ),
    Reason("max number of clients", "has no room for more connections (maxclients)"),
    Reason("LOADING", "is loading its data, and answers when it has"),
    Reason("InvalidResponse", "is no Redis, by what it answers"),
    Reason(
        "closed by server|Connection reset|Connection lost|: closed",
        "hangs up before it has answered: it may want TLS (rediss://), be a proxy that knows few commands, such as "
        "twemproxy, or have no room for more connections",
    ),
)


def reason_of(error: BaseException) -> Reason:
    """What to say after the place; the error's own texts may hold a part of the URL."""
    causes = _causes(error)
    said = "\n".join(f"{type(cause).__name__}: {text_of(cause)}" for cause in causes)
    for reason in REASONS:
        if re.search(reason.sign, said):
            return reason
    return Reason("", f"does not answer ({type(causes[-1]).__name__})" if causes else "does not answer")


def _causes(error: BaseException) -> list[BaseException]:
    """What went wrong, the first of it last; less what asyncio makes of a time limit."""
    found: list[BaseException] = []
    cause = error.__cause__
    while isinstance(cause, Exception) and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found
