"""Asks the captcha's provider whether a token is the proof of a solved captcha. Fails closed: no verdict, no code.

A token is good once: the provider itself refuses it the second time. So nothing is asked twice here (a lost answer may
have spent the token), and a token that was accepted is spent though the code is then refused by a limit.
"""

import asyncio
import logging
import re
from typing import Any

import httpx
import orjson

from config import Settings
from service import addresses
from service.captchas import tokens
from service.errors import InvalidRequest, ServiceUnavailable

SITEVERIFY = {
    "turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    "hcaptcha": "https://api.hcaptcha.com/siteverify",
}
# Characters. Turnstile documents its own; hCaptcha does not, and its tokens are a few thousand long.
LONGEST = {"turnstile": 2048, "hcaptcha": 8192}
# Of both providers, what is the fault of the token. Anything else is ours or theirs, and solving again cannot help.
TOKEN_FAULTS = {
    "missing-input-response",
    "invalid-input-response",
    "expired-input-response",
    "already-seen-response",
    "invalid-or-already-seen-response",
    "timeout-or-duplicate",
}
_FAULT = re.compile("[a-z]+(-[a-z]+)*", re.ASCII)

log = logging.getLogger(__name__)


class SiteVerify:
    """One provider's verdicts, over one pool of connections. Built in a running event loop, closed by its owner."""

    def __init__(self, settings: Settings) -> None:
        self._provider = settings.captcha
        self.url = httpx.URL(settings.captcha_url or SITEVERIFY[settings.captcha])
        self._secret = settings.captcha_secret
        self._timeout = settings.captcha_timeout
        self._longest = LONGEST[settings.captcha]
        # Our limit is on the whole call; httpx has none but on each phase of it.
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=None)  # noqa: S113 - `verify` has it

    def problem(self, token: str) -> str | None:
        """What is wrong with a token that nobody need be asked about, in words for its sender."""
        return tokens.problem(token, self._longest)

    async def verify(self, token: str, ip: str) -> None:
        """Return if the provider accepts the token of the client at this address; `unknown` is not passed on.

        Raises InvalidRequest where the token is at fault, ServiceUnavailable where there is no verdict.
        """
        if problem := self.problem(token):
            raise InvalidRequest({tokens.FIELD: problem})
        form = {"secret": self._secret.get_secret_value(), "response": token}
        if ip != addresses.UNKNOWN:
            form["remoteip"] = ip
        self._judge(await self._ask(form))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, form: dict[str, str]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post(self.url, data=form)
        except (TimeoutError, httpx.HTTPError) as error:
            log.warning("captcha: no answer from %s: %s", self._provider, type(error).__name__)
            raise ServiceUnavailable from error
        verdict = _json_object(response.content)
        if response.status_code != httpx.codes.OK or not isinstance(verdict.get("success"), bool):
            status = response.status_code, _listed(_faults(verdict))
            log.error("captcha: no verdict from %s: status %d, %s", self._provider, *status)
            raise ServiceUnavailable
        return verdict

    def _judge(self, verdict: dict[str, Any]) -> None:
        if verdict["success"]:
            return
        faults = _faults(verdict)
        if all(fault in TOKEN_FAULTS for fault in faults):
            raise tokens.refused()
        log.error("captcha: %s does not take our requests: %s", self._provider, _listed(faults))
        raise ServiceUnavailable


def _json_object(content: bytes) -> dict[str, Any]:
    """The object, or an empty one for anything else."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _faults(verdict: dict[str, Any]) -> list[str]:
    """The `error-codes` that both providers answer with, in their order."""
    faults = verdict.get("error-codes") or []
    return [str(fault) for fault in faults] if isinstance(faults, list) else [str(faults)]


def _listed(faults: list[str]) -> str:
    """For the log: words with hyphens, as all documented codes are. Anything else might repeat what we sent."""
    return ", ".join(fault for fault in faults if _FAULT.fullmatch(fault)) or "no error code that we know"
