"""What the OpenID provider publishes: where its endpoints are, and its keys.

Bounded in time and size, and cached for a while. OpenID Connect Discovery 1.0, sections 3 and 4.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

import httpx
import orjson
from authlib.common.security import is_secure_transport

from service.entities import Clock

PATH = "/.well-known/openid-configuration"
TIMEOUT = 5.0  # seconds for one answer, whole: the five that a log-in may take fit into the time of an answer of ours
LARGEST = 256 * 1024  # bytes of an answer
LIFE = 600.0  # seconds for which an answer is good: a key that the provider withdraws is taken no longer than that
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
BASIC, POST = "client_secret_basic", "client_secret_post"
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}  # what is packed could be of any size

Found = TypeVar("Found")


class Fault(Exception):
    """The provider does not do its part, in words for the log. `away`: there was no answer, or one of trouble there."""

    def __init__(self, text: str, *, away: bool = False) -> None:
        super().__init__(text)
        self.away = away


class Answer(NamedTuple):
    """A status, and the JSON object that came with it, empty where none did."""

    status: int
    body: dict[str, Any]


class Endpoints(NamedTuple):
    """Where the provider is asked, and how. `userinfo` is empty where it has none.

    `basic`: it takes the client's secret by HTTP Basic; `groups`: it has a scope of that name.
    """

    authorization: str
    token: str
    keys: str
    userinfo: str
    basic: bool
    groups: bool


class Web:
    """The outside calls. Built in a running event loop, closed by its owner."""

    def __init__(self) -> None:
        # Our limit is on the whole call; httpx has none but on each phase of it.
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=None, headers=HEADERS)  # noqa: S113

    async def ask(self, what: str, method: str, url: str, **options: Any) -> Answer:
        """What is answered, whatever the status but one of trouble there. Raises Fault, which calls it `what`."""
        try:
            async with asyncio.timeout(TIMEOUT), self._client.stream(method, url, **options) as response:
                content = await _whole(response, what)
        except TimeoutError as error:
            raise Fault(f"{what}: no answer within {TIMEOUT:g} s", away=True) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Fault(f"{what}: no answer ({type(error).__name__})", away=True) from error
        if response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Fault(f"{what}: status {response.status_code}", away=True)
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError:
            body = {}
        return Answer(response.status_code, body if isinstance(body, dict) else {})

    async def document(self, what: str, url: str, **options: Any) -> dict[str, Any]:
        """The JSON object at an address. Raises Fault where there is none."""
        answer = await self.ask(what, "GET", url, **options)
        if answer.status != httpx.codes.OK or not answer.body:
            raise Fault(f"{what}: status {answer.status}{'' if answer.body else ', no JSON object'}")
        return answer.body

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class Cached(Generic[Found]):
    """What `fetch` finds, which is asked again after LIFE."""

    def __init__(self, fetch: Callable[[], Awaitable[Found]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._found: tuple[float, Found] | None = None

    async def get(self, *, anew: bool = False) -> Found:
        """What was found less than LIFE ago, unless it is asked for `anew`. Raises what `fetch` does."""
        if not anew and self._found and 0 <= self._clock() - self._found[0] < LIFE:
            return self._found[1]
        found = await self._fetch()
        self._found = self._clock(), found
        return found


async def discover(web: Web, issuer: str) -> Endpoints:
    """The endpoints of the provider. Raises Fault, also where what is found is another issuer's."""
    found = await web.document("discovery", issuer.removesuffix("/") + PATH)
    if found.get("issuer") != issuer:
        raise Fault(f"discovery: is of the issuer {str(found.get('issuer'))[:200]!r}, and not of OIDC_ISSUER")
    for name in NEEDED:
        if not _is_secure(found.get(name)):
            raise Fault(f"discovery: {name} is no https address")
    userinfo = found.get("userinfo_endpoint")
    methods = _listed(found.get("token_endpoint_auth_methods_supported", [BASIC]))
    if not methods & {BASIC, POST}:
        raise Fault(f"discovery: the token endpoint takes neither {BASIC} nor {POST}")
    return Endpoints(
        authorization=found["authorization_endpoint"],
        token=found["token_endpoint"],
        keys=found["jwks_uri"],
        userinfo=str(userinfo) if _is_secure(userinfo) else "",
        basic=BASIC in methods,
        groups="groups" in _listed(found.get("scopes_supported")),
    )


def _listed(found: object) -> set[str]:
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


def _is_secure(url: object) -> bool:
    return isinstance(url, str) and bool(is_secure_transport(url))


async def _whole(response: httpx.Response, what: str) -> bytes:
    content = b""
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > LARGEST:
            raise Fault(f"{what}: more than {LARGEST // 1024} KiB")
    return content
