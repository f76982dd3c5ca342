"""What a start on a terminal says to somebody who has no operator yet: a link by which they become one."""

import asyncio
import getpass
import logging
import sys
import time

from config import Settings
from service.backing import operators_of
from service.commands.acting import acting
from service.errors import ServiceUnavailable
from service.roles import NAME, Role

REASON = "the first start on a terminal"

log = logging.getLogger(__name__)


def told(settings: Settings) -> str:
    """The lines with the link; nothing where there is an operator, or nobody looks: a log is no place for a secret."""
    if not settings.admin_port or settings.oidc_issuer or not sys.stdout.isatty():
        return ""
    try:
        link = asyncio.run(_link(settings))
    except ServiceUnavailable:
        log.warning("there may be no operator yet: latch operators add <name> --role owner")
        return ""
    return f"\nNobody looks after it yet. For the first {Role.OWNER}, within ten minutes:\n  {link}\n" if link else ""


async def _link(settings: Settings) -> str | None:
    async with acting(settings, REASON) as (connection, database, events, _):
        operators, _ = operators_of(settings, connection, database, events, time.time)
        return await operators.first_link(_name())


def _name() -> str:
    """That of the system's user, where an operator can be called so."""
    name = getpass.getuser().lower()
    return name if NAME.fullmatch(name) else Role.OWNER.value
