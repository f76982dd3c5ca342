"""What `check` says of the OpenID provider: is what it publishes there, and that of OIDC_ISSUER."""

from config import Settings
from service.commands.findings import Finding, Level


async def of_openid(settings: Settings) -> list[Finding]:
    """What there is to say of it, in one line; nothing where none is set. Without it, passkeys are left."""
    if not settings.oidc_issuer:
        return []
    from service.authenticators.discovery import Fault, Web, discover  # noqa: PLC0415 - a quarter of a second

    place = f"OpenID provider at {settings.oidc_issuer}"
    web = Web()
    try:
        await discover(web, settings.oidc_issuer)
    except Fault as fault:
        level = Level.WARN if fault.away else Level.BAD
        return [Finding(level, f"{place}: {fault}; operators log in with passkeys alone", away=fault.away)]
    finally:
        await web.close()
    return [Finding(Level.GOOD, f"{place} answers")]
