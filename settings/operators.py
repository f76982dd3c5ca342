"""The private listener: where operators and Prometheus find it."""

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

_ADDRESS = re.compile(r"(https?)://([a-z0-9.-]+)(?::[0-9]{1,5})?/?", re.ASCII | re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
PORT = 8001


class OperatorSettings(BaseModel):
    """ADMIN_HOST, ADMIN_PORT, CONSOLE_URL and ADMIN_TRUSTED_PROXIES."""

    admin_host: str = Field("127.0.0.1", min_length=1, description="address of the private listener, for operators")
    admin_port: int = Field(
        PORT, ge=0, le=65535, description="TCP port of the private listener; 0: none, and `/metrics` is on `PORT`"
    )
    console_url: str = Field(
        "",
        description="address under which operators reach the private listener, like `https://latch.internal`; requests "
        "for another host are refused there; empty: `http://localhost:<ADMIN_PORT>`",
    )
    admin_trusted_proxies: int = Field(
        0, ge=0, le=32, description="proxies before the private listener, whose `X-Forwarded-For` is believed"
    )

    @field_validator("console_url")
    @classmethod
    def _check_console_url(cls, url: str) -> str:
        """Of a name, with https unless it is this machine's: a passkey belongs to a name, and browsers want https."""
        found = _ADDRESS.fullmatch(url)
        if url and not (found and _is_name(found[2]) and (found[1].lower() == "https" or _is_local(found[2]))):
            raise ValueError(
                "should be an https address of a name, like https://latch.internal, without a path; http only on "
                "localhost"
            )
        return url.rstrip("/").lower()

    @property
    def console_address(self) -> str:
        """CONSOLE_URL, or what it is where nothing is set; with ADMIN_PORT=0 where `latch admin` would be by itself."""
        return self.console_url or f"http://localhost:{self.admin_port or PORT}"

    @property
    def console_origin(self) -> str:
        """The console's origin, as browsers write it (RFC 6454)."""
        return f"{urlsplit(self.console_address).scheme}://{self.console_host}"

    @property
    def console_host(self) -> str:
        """The host and port that requests to the private listener are for, in lower case."""
        scheme, host, *_ = urlsplit(self.console_address)
        return _authority(host, scheme)

    def is_console(self, host: str) -> bool:
        """Whether a Host header names the console."""
        return _authority(host.lower(), urlsplit(self.console_address).scheme) == self.console_host


def _authority(host: str, scheme: str) -> str:
    """Host and port, without the port that the scheme has anyway."""
    return host.removesuffix(f":{_DEFAULT_PORTS[scheme]}")


def _is_name(host: str) -> bool:
    return not re.fullmatch(r"[0-9.]+", host)


def _is_local(host: str) -> bool:
    return host.lower() == "localhost" or host.lower().endswith(".localhost")
