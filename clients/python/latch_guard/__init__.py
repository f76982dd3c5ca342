"""Protects a Python backend with Latch: every request asks `GET /app/v1_0/authorizations`, and nothing is cached.

A session deleted in Redis is to be dead at the next request, everywhere, and Latch's check is one Redis command. What
to ask and what an answer means is in `judgement`; who asks in `clients`. A file for each framework does the rest:
`sanic`, `asgi` (Starlette), `fastapi`, `flask`, `django`.
"""

from latch_guard.clients import AsyncGuard, Guard
from latch_guard.judgement import Answer, Identity, Outcome, Refused, Unavailable

__all__ = ["Answer", "AsyncGuard", "Guard", "Identity", "Outcome", "Refused", "Unavailable"]
