"""What is shipped with the project, or made once, and served as it is: with an ETag, and compressed."""

import asyncio
import gzip
import hashlib
from functools import cached_property
from pathlib import Path

from sanic import HTTPResponse

from service.errors import NotFound
from service.http.requests import Request

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
NOT_MODIFIED = 304
VERSIONED = "public, max-age=31536000, immutable"  # the address says what is in it
ALWAYS_ASKED = "no-cache"


class StaticFile:
    """Bytes that stay the same while the process lives. They are compressed when somebody first asks for that."""

    def __init__(self, body: bytes, kind: str, keeping: str = ALWAYS_ASKED) -> None:
        """`keeping`: what Cache-Control tells browsers."""
        self._body = body
        self._kind = kind
        self._keeping = keeping
        self.version = hashlib.sha256(body).hexdigest()[:12]

    async def answer(self, request: Request) -> HTTPResponse:
        """The bytes, compressed for whoever takes it; 304 where the client has them already."""
        etag = f'W/"{self.version}"'  # weak: one for both forms (RFC 9110 section 8.8.3.3)
        headers = {"cache-control": self._keeping, "etag": etag, "vary": "Accept-Encoding"}
        headers["x-content-type-options"] = "nosniff"
        if etag in request.headers.get("if-none-match", ""):
            return HTTPResponse(status=NOT_MODIFIED, headers=headers)
        body = self._body
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            body = await asyncio.to_thread(lambda: self._compressed)
        return HTTPResponse(body, headers=headers, content_type=self._kind)

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self._body, mtime=0)


class StaticFiles:
    """The style sheets, scripts and pictures directly in a folder. Each is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.name: path for path in sorted(folder.iterdir()) if path.suffix in TYPES}
        self._read: dict[str, StaticFile] = {}

    def versioned(self, name: str) -> str:
        """The name with the version of what is in the file, so that browsers keep it until there is another."""
        return f"{name}?v={self[name].version}"

    async def answer(self, request: Request, name: str) -> HTTPResponse:
        """One of them. Raises NotFound."""
        if name not in self._paths:
            raise NotFound
        return await self[name].answer(request)

    def __getitem__(self, name: str) -> StaticFile:
        if name not in self._read:
            path = self._paths[name]
            self._read[name] = StaticFile(path.read_bytes(), TYPES[path.suffix], VERSIONED)
        return self._read[name]
