"""A small OpenID provider on a real socket: authlib's own server, which logs one person in at once.

It does what it should until a test changes one of its fields.
"""

import json
import secrets
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode
from joserfc.jwk import Key, OctKey, RSAKey

CLIENT = "latch"
SECRET = "a secret with / + % : signs"
KID = "first"
ADA = {"sub": "7", "email": "Ada@Example.com", "email_verified": True, "groups": ["support", "staff"]}
Reply = tuple[int, bytes, list[tuple[str, str]]]
JSON = [("Content-Type", "application/json")]


def signing_key(kid: str = KID) -> Key:
    return RSAKey.generate_key(2048, parameters={"kid": kid, "use": "sig", "alg": "RS256"})


first_key = cache(signing_key)


@dataclass
class OpenIdServer:
    """What it says. `changes` are claims of ID tokens that are not as they should be, by name."""

    clock: Callable[[], float]
    callback: str
    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: dict(ADA))
    in_userinfo_alone: set[str] = field(default_factory=set)
    userinfo: dict[str, Any] = field(default_factory=dict)  # what is said there, where it is not what it should be
    changes: dict[str, Any] = field(default_factory=dict)
    token_changes: dict[str, Any] = field(default_factory=dict)  # what the token endpoint says otherwise
    discovery: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    key: Key = field(default_factory=first_key)
    published: list[dict[str, Any]] = field(default_factory=lambda: [first_key().as_dict()])
    replies: dict[str, Reply] = field(default_factory=dict)  # by path, instead of what should be there
    hangs: set[str] = field(default_factory=set)  # paths
    takes: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    asked: list[str] = field(default_factory=list)  # paths
    heads: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, "_Code"] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def reply(self, request: "_Request") -> Reply | None:
        """None where it hangs."""
        path = urlsplit(request.uri).path
        self.asked.append(path)
        self.heads.append(dict(request.headers))
        if path in self.hangs:
            self.over.wait()
            return None
        if path in self.replies:
            return self.replies[path]
        documents = {"/.well-known/openid-configuration": self.described, "/keys": self.key_set, "/me": self.who}
        if path in documents:
            return documents[path](request)
        server = _Server(self)
        if path == "/token":
            status, body, headers = server.create_token_response(request)
            return status, json.dumps({**json.loads(body), **self.token_changes}).encode(), headers
        grant = server.get_consent_grant(request, self.person)
        back: Reply = server.create_authorization_response(request, grant_user=self.person, grant=grant)
        return back

    def described(self, _: "_Request") -> Reply:
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=1",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/me",
            "token_endpoint_auth_methods_supported": list(self.takes),
            "scopes_supported": ["openid", "email", "profile", "groups"],
        }
        return _json({**found, **self.discovery})

    def key_set(self, _: "_Request") -> Reply:
        return _json({"keys": self.published})

    def who(self, request: "_Request") -> Reply:
        known = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens
        return _json({**self.person, **self.userinfo}) if known else (401, b"", [])

    def rotate(self, kid: str) -> None:
        """Sign with another key from now on."""
        self.key = signing_key(kid)
        self.published = [self.key.as_dict()]


@contextmanager
def running(clock: Callable[[], float], callback: str) -> Iterator[OpenIdServer]:
    """A provider that serves in threads of its own until the end of the block."""
    provider = OpenIdServer(clock, callback)

    class Handler(_Handler):
        openid = provider

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield provider
    finally:
        provider.over.set()
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    openid: OpenIdServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        request = _Request(self.command, self.openid.url + self.path, dict(self.headers), dict(parse_qsl(body)))
        reply = self.openid.reply(request)
        if reply is None:
            return
        status, content, headers = reply
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(content)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - as the library calls them

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class _Request(OAuth2Request):  # type: ignore[misc] # authlib has no types
    def __init__(self, method: str, uri: str, headers: dict[str, str], form: dict[str, str]) -> None:
        super().__init__(method, uri, headers=_decoded(headers))
        self._args, self._form = dict(parse_qsl(urlsplit(uri).query)), form
        self.payload = BasicOAuth2Payload({**self._args, **form})

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


def _decoded(headers: dict[str, str]) -> dict[str, str]:
    """With id and secret of Basic as they are: authlib does not undo what RFC 6749 section 2.3.1 asks for."""
    scheme, _, sent = headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return headers
    client, _, secret = b64decode(sent).decode().partition(":")
    plain = f"{unquote_plus(client)}:{unquote_plus(secret)}".encode()
    return {**headers, "Authorization": f"Basic {b64encode(plain).decode()}"}


class _Client(ClientMixin):  # type: ignore[misc]
    def __init__(self, provider: OpenIdServer) -> None:
        self._provider = provider

    def get_client_id(self) -> str:
        return CLIENT

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, uri: str) -> bool:
        return uri == self._provider.callback

    def check_client_secret(self, secret: str) -> bool:
        return secret == SECRET

    def check_endpoint_auth_method(self, method: str, _: str) -> bool:
        return method in self._provider.takes

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _Code(AuthorizationCodeMixin):  # type: ignore[misc]
    def __init__(self, request: OAuth2Request) -> None:
        asked = request.payload.data
        self._redirect_uri, self._scope, self._nonce = asked["redirect_uri"], request.scope, asked["nonce"]
        self.code_challenge, self.code_challenge_method = asked["code_challenge"], asked["code_challenge_method"]

    def get_redirect_uri(self) -> Any:
        return self._redirect_uri

    def get_scope(self) -> Any:
        return self._scope

    def get_nonce(self) -> Any:
        return self._nonce

    def get_auth_time(self) -> None:
        return None


class _Grant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        self.server.provider.codes[code] = _Code(request)

    def query_authorization_code(self, code: str, _: _Client) -> Any:
        return self.server.provider.codes.get(code)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        codes = self.server.provider.codes
        [code] = [code for code, kept in codes.items() if kept is authorization_code]
        del codes[code]

    def authenticate_user(self, _: _Code) -> Any:
        return self.server.provider.person


class _IdTokens(OpenIDCode):  # type: ignore[misc]
    def __init__(self, provider: OpenIdServer) -> None:
        super().__init__(require_nonce=True)
        self._provider = provider

    def exists_nonce(self, nonce: str, _: OAuth2Request) -> bool:
        return not nonce

    def get_client_algorithm(self, _: _Client) -> str:
        return self._provider.algorithm

    def get_encode_header(self, _: _Client) -> dict[str, str]:
        return {"alg": self._provider.algorithm, "kid": str(self._provider.key.kid)}

    def resolve_client_private_key(self, _: _Client) -> Key:
        secret = self._provider.algorithm.startswith("HS")
        return OctKey.import_key(SECRET) if secret else self._provider.key

    def get_client_claims(self, client: _Client) -> dict[str, Any]:
        now = int(self._provider.clock())
        issued = {"iat": now, "auth_time": now, "exp": now + 300}
        return {"iss": self._provider.url, "aud": [client.get_client_id()], **issued}

    def generate_user_info(self, user: dict[str, Any], _: str) -> dict[str, Any]:
        told = {name: value for name, value in user.items() if name not in self._provider.in_userinfo_alone}
        return {**told, **self._provider.changes}

    def encode_id_token(self, token: dict[str, Any], request: OAuth2Request) -> str:
        if self._provider.algorithm != "none":
            return str(super().encode_id_token(token, request))
        claims = self.get_client_claims(request.client) | {"nonce": request.authorization_code.get_nonce()}
        parts = ({"alg": "none"}, {**claims, **self._provider.person})
        return ".".join([*(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, provider: OpenIdServer) -> None:
        super().__init__()
        self.provider = provider
        self.register_grant(_Grant, [CodeChallenge(required=True), _IdTokens(provider)])
        self.register_token_generator("default", BearerTokenGenerator(lambda *_, **__: secrets.token_urlsafe(32)))

    def query_client(self, client_id: str) -> _Client | None:
        return _Client(self.provider) if client_id == CLIENT else None

    def save_token(self, token: dict[str, Any], _: OAuth2Request) -> None:
        self.provider.tokens.append(token["access_token"])

    def send_signal(self, *_: Any, **__: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Reply:
        return status, json.dumps(body).encode() if isinstance(body, dict) else str(body).encode(), list(headers)


def _json(body: object) -> Reply:
    return 200, json.dumps(body).encode(), JSON
