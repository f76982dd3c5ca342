"""The private listener keeps to its OpenAPI document: requests made up from it, answers held against it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.admin.conftest import ADMIN
from tests.admin.test_roles import ROUTES
from tests.commands.test_admin import Watched
from tests.test_conformance import EXAMPLES, QUICKLY

pytestmark = pytest.mark.slow

OPERATIONS = [(method, f"{ADMIN}{path}".replace("<", "{").replace(">", "}")) for method, path in ROUTES]
# An id or a name that is well formed may be nobody's, and a name may be taken.
OTHERWISE = ["negative_data_rejection", "positive_data_acceptance"]

load_all_checks()


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with TemporaryDirectory(prefix="latch-") as name, Watched(Path(name) / "data") as service:
        yield service


@pytest.fixture(scope="module")
def owner(watched: Watched) -> dict[str, str]:
    return watched.key("owner")


@pytest.fixture(scope="module")
def document(watched: Watched) -> Any:
    return schemathesis.openapi.from_url(f"{watched.private.base_url}/docs/openapi.json")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_made_up_requests_are_answered_as_the_document_says(
    owner: dict[str, str], document: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = document[path][method]

    @hypothesis.settings(max_examples=EXAMPLES, derandomize=True, **QUICKLY)
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:
        answer = case.call(headers=owner)
        case.validate_response(answer, excluded_checks=[CHECKS.get_one(name) for name in OTHERWISE])
        assert answer.headers["cache-control"] == ["no-store"]
        assert answer.status_code < 500

    try_one()
