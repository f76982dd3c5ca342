"""How DATABASE_URL's options ask for TLS. Their meaning is libpq's, but that nothing is looked for in ~/.postgresql.

So sslmode=verify-full without sslrootcert goes by the authorities that the system trusts.
"""

import ssl
from collections.abc import Mapping

OF_SYSTEM = "system"
ENFORCED = ("require", "verify-ca", "verify-full")


def of(options: Mapping[str, str]) -> ssl.SSLContext | str | None:
    """A context where TLS is enforced, else the sslmode, which asyncpg knows too. Raises ValueError."""
    root = options.get("sslrootcert")
    mode = options.get("sslmode", "verify-full" if root == OF_SYSTEM else None)
    if root == OF_SYSTEM and mode != "verify-full":
        raise ValueError("should have sslmode=verify-full with sslrootcert=system")
    if mode == "verify-ca" and root is None:
        raise ValueError("should have an sslrootcert with sslmode=verify-ca, or sslmode=verify-full")
    if mode not in ENFORCED:
        if {"sslrootcert", "sslcert", "sslkey"} & set(options) or options.get("sslnegotiation") == "direct":
            raise ValueError(f"should have sslmode as one of: {', '.join(ENFORCED)}, where other ssl options are")
        return mode
    try:
        return _context(mode, root, options.get("sslcert"), options.get("sslkey"))
    except OSError:  # a certificate that is none is an SSLError, and so one of these
        raise ValueError("should name files that are there and hold PEM as sslcert, sslkey, sslrootcert") from None


def _context(mode: str, root: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    if root not in {None, OF_SYSTEM}:
        context.load_verify_locations(cafile=root)
    elif mode == "verify-full":
        context.load_default_certs()
    else:
        context.verify_mode = ssl.CERT_NONE
    if certificate or key:
        context.load_cert_chain(certificate or "", key, password=lambda: "")  # else it would ask at the terminal
    context.set_alpn_protocols(["postgresql"])  # PostgreSQL 17 asks for it where TLS comes first
    return context
