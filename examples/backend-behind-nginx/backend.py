"""A backend that trusts its gateway: it keeps each user's orders, and has no line that knows of tokens.

Whoever reaches it directly may claim to be anybody, so it listens to this machine alone; nginx is the way in.
"""  # noqa: INP001 - one file, no package

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ORDERS: dict[str, list[str]] = {}  # by user id


class Orders(BaseHTTPRequestHandler):
    """`GET /orders/` lists the caller's orders, `POST /orders/` adds one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """All orders of the user that the gateway names."""
        user = self.headers["X-User-Id"]
        body = json.dumps({"user_id": user, "orders": ORDERS.get(user, [])}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """One more, in the body."""
        order = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
        ORDERS.setdefault(self.headers["X-User-Id"], []).append(order)
        self.do_GET()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Orders).serve_forever()
