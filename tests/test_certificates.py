"""Certificates, ours and those of the recipe in docs/redis.md, pass what Python 3.13 checks by default."""

import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.certificates import Certificates, make
from tests.processes import ROOT
from tests.programs import needs

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/redis.md").read_text(encoding="utf-8")
OPENSSL = shutil.which("openssl")


def recipe() -> list[str]:
    """The commands that make an authority and a certificate for the host `redis`."""
    block = PAGE.split("<!-- recipe:")[1].split("```console\n")[1].split("```")[0]
    return re.findall(r"^\$ (.+)$", block, re.MULTILINE)


def strict(certificates: Certificates) -> ssl.SSLContext:
    """A client's context that trusts the authority, as Python 3.13 makes one."""
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def shake_hands(certificates: Certificates, host: str) -> None:
    """A TLS handshake in memory. Raises SSLCertVerificationError if the client refuses the certificate."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificates.certificate, certificates.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = strict(certificates).wrap_bio(to_client, to_server, server_hostname=host)
    waiting = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)


def test_the_certificates_of_the_tests_are_strictly_right(tmp_path: Path) -> None:
    shake_hands(make(tmp_path), "127.0.0.1")


def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    ours, other = make(tmp_path), make(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(Certificates(ours.authority, other.certificate, other.key), "127.0.0.1")


@needs("openssl", "the recipe for certificates")
def test_the_recipe_makes_certificates_that_are_strictly_right(tmp_path: Path) -> None:
    commands = recipe()
    assert len(commands) == 7
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert "redis.pem: OK" in done.stdout
    folder = tmp_path / "deploy" / "tls"
    made = Certificates(*(folder / name for name in ("ca.pem", "redis.pem", "redis.key")))
    shake_hands(made, "redis")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(made, "another")
