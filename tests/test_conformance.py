"""The service keeps to its OpenAPI document: requests made up from it, answers held against it, by Schemathesis."""

from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.client import BASE, bearer
from tests.processes import SERVICE_KEY, Service

pytestmark = pytest.mark.slow

EXAMPLES = 6  # requests of each operation and each mode: what is wrong with a document shows in the first few
OPERATIONS = [
    ("GET", f"{BASE}/sms/codes/{{mobile}}"),
    ("POST", f"{BASE}/sms/codes"),
    ("GET", f"{BASE}/captcha"),
    ("POST", f"{BASE}/authorizations"),
    ("PUT", f"{BASE}/authorizations"),
    ("GET", f"{BASE}/authorizations"),
    ("DELETE", f"{BASE}/authorizations"),
    ("GET", f"{BASE}/user"),
    ("PATCH", f"{BASE}/user"),
    ("PUT", f"{BASE}/user/mobile"),
    ("DELETE", f"{BASE}/user"),
    ("POST", f"{BASE}/user/erase"),
    ("GET", f"{BASE}/sessions"),
    ("DELETE", f"{BASE}/sessions/{{session_id}}"),
    ("DELETE", f"{BASE}/sessions"),
    ("GET", f"{BASE}/forward-auth"),
    ("POST", f"{BASE}/introspect"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]
TRIES = {
    ("POST", f"{BASE}/authorizations"),
    ("PUT", f"{BASE}/user/mobile"),
    ("DELETE", f"{BASE}/user"),
    ("POST", f"{BASE}/user/erase"),
}
# A code that erases somebody else's account, a name with control characters: no schema tells that.
HALF_TOLD = {f"{BASE}/sms/codes": "mobile", f"{BASE}/user": "name"}
REFRESH = ("PUT", f"{BASE}/authorizations")
TAKING_NOTHING = {f"{BASE}/captcha", "/.well-known/oauth-authorization-server", "/healthz", "/readyz", "/metrics"}
# What the contract has otherwise: logging a dead token out is fine, a captcha is not looked at where it is off, and a
# well-formed code may be wrong. `accepted` says what must become of valid requests instead.
OTHERWISE = ["ignored_auth", "negative_data_rejection", "positive_data_acceptance"]
QUICKLY: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}

load_all_checks()


@pytest.fixture(scope="module")
def document(latch: Service) -> Any:
    return schemathesis.openapi.from_url(f"{latch.http.base_url}/docs/openapi.json")


def test_every_operation_of_the_document_is_tried(document: Any) -> None:
    described = {(one.ok().method.upper(), one.ok().path) for one in document.get_all_operations()}
    assert described == set(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_made_up_requests_are_answered_as_the_document_says(
    latch: Service, mobile: str, document: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = document[path][method]
    if mode is GenerationMode.NEGATIVE and path in TAKING_NOTHING:
        return  # they take nothing that could be wrong
    tokens = [latch.log_in(mobile)]

    @hypothesis.settings(max_examples=EXAMPLES, derandomize=True, **QUICKLY)
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:
        token = tokens[-1]["refresh_token" if (method, path) == REFRESH else "token"]
        answer = case.call(headers=bearer(SERVICE_KEY if path.endswith("/introspect") else token))
        case.validate_response(answer, excluded_checks=[CHECKS.get_one(name) for name in OTHERWISE])
        body = answer.json() if answer.content and path != "/metrics" else {}
        [request_id] = answer.headers["x-request-id"]
        assert body.get("request_id", request_id) == request_id
        assert answer.headers["cache-control"] == ["no-store"]
        if mode is GenerationMode.POSITIVE:
            assert accepted(method, path, answer.status_code, body), answer.text
        if answer.status_code == 204:
            tokens.append(latch.log_in(mobile))

    try_one()


def accepted(method: str, path: str, status: int, body: dict[str, Any]) -> bool:
    """Whether an answer to a valid request is the one that is due."""
    if (method, path) in TRIES:
        return body["error"] == "invalid_code" if status == 400 else status == 200
    if path.endswith("/introspect"):
        return status == 200 or "one way" in body["message"]  # a secret in the form, beside the key in the header
    if path.endswith("{session_id}"):
        return status in {204, 404}
    if status == 400 and path in HALF_TOLD:
        return set(body["fields"]) == {HALF_TOLD[path]}
    if path.endswith(("/captcha", "/oauth-authorization-server")):
        return status == 404  # it is off, and there is no PUBLIC_URL
    return status in {200, 204}
