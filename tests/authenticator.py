"""An authenticator in software (WebAuthn Level 2, ES256), with what a browser adds. It uses no library for WebAuthn."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40  # flags of authenticator data, section 6.1
ORIGIN = "http://localhost:8001"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """Holds one passkey once it has made it. What is set before it makes or signs is what it lies about."""

    origin: str = ORIGIN
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    sign_count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    handle: bytes = b""

    def create(self, options: Mapping[str, Any], **lies: Any) -> dict[str, Any]:
        """What `navigator.credentials.create` gives, as its toJSON."""
        self.handle = decoded(options["user"]["id"])
        length = len(self.id).to_bytes(2, "big")
        made = self._data(ATTESTED) + bytes(16) + length + self.id + self._public_key()
        statement = _map({_text("fmt"): _text("none"), _text("attStmt"): _map({}), _text("authData"): _bytes(made)})
        client_data = self._client_data("webauthn.create", options, lies)
        return self._credential(clientDataJSON=client_data, attestationObject=statement)

    def get(self, options: Mapping[str, Any], **lies: Any) -> dict[str, Any]:
        """What `navigator.credentials.get` gives, as its toJSON."""
        client_data, data = self._client_data("webauthn.get", options, lies), self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        parts = {"clientDataJSON": client_data, "authenticatorData": data, "signature": signature}
        return self._credential(**parts, userHandle=self.handle)

    def _credential(self, **response: bytes) -> dict[str, Any]:
        parts = {name: encoded(value) for name, value in response.items()}
        return {"id": encoded(self.id), "rawId": encoded(self.id), "type": "public-key", "response": parts}

    def _client_data(self, kind: str, options: Mapping[str, Any], lies: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said | lies).encode()

    def _data(self, more: int) -> bytes:
        self.sign_count += self.counts
        hashed = hashlib.sha256(self.rp_id.encode()).digest()
        return hashed + bytes([self.flags | more]) + self.sign_count.to_bytes(4, "big")

    def _public_key(self) -> bytes:
        """As COSE has it (RFC 9053 section 7.1): EC2, ES256, P-256."""
        point = self.key.public_key().public_numbers()
        x, y = (_bytes(number.to_bytes(32, "big")) for number in (point.x, point.y))
        return _map({b"\x01": b"\x02", b"\x03": b"\x26", b"\x20": b"\x01", b"\x21": x, b"\x22": y})


def _map(pairs: Mapping[bytes, bytes]) -> bytes:
    """CBOR (RFC 8949) of fewer than 24 pairs that are written already."""
    return bytes([0xA0 + len(pairs)]) + b"".join(key + value for key, value in pairs.items())


def _text(text: str) -> bytes:
    return bytes([0x60 + len(text)]) + text.encode()


def _bytes(raw: bytes) -> bytes:
    """Of fewer than 256 bytes, and no fewer than 24."""
    return b"\x58" + bytes([len(raw)]) + raw
