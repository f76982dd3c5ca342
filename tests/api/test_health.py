"""`/healthz`, `/readyz`, `/metrics`."""

import shutil
from pathlib import Path

from tests.client import BASE, Api, error
from tests.conftest import Start


async def test_healthz_answers_without_any_store(start: Start) -> None:
    api = await start(redis_url="redis://127.0.0.1:1", database_url="postgres://u:p@127.0.0.1:1/d")
    response = await api.request("GET", "/healthz")
    assert (response.status_code, response.json()["data"]) == (200, {"status": "alive"})


async def test_readyz_is_200_when_both_stores_answer(api: Api) -> None:
    response = await api.request("GET", "/readyz")
    assert (response.status_code, response.json()["data"]) == (200, {"redis": "ok", "database": "ok"})


async def test_readyz_says_that_redis_failed(start: Start) -> None:
    api = await start(redis_url="redis://127.0.0.1:1")
    response = await api.request("GET", "/readyz")
    assert error(response) == (503, "service_unavailable")
    assert response.json()["stores"] == {"redis": "unavailable", "database": "ok"}
    assert response.headers["retry-after"] == "1"


async def test_readyz_says_that_the_database_failed(start: Start, tmp_path: Path) -> None:
    api = await start(database_url=f"sqlite://{tmp_path}/missing/folder/x.sqlite3")
    response = await api.request("GET", "/readyz")
    assert error(response) == (503, "service_unavailable")
    assert response.json()["stores"] == {"redis": "ok", "database": "unavailable"}


async def test_metrics_count_requests_by_route_and_hold_no_number(api: Api) -> None:
    tokens = await api.log_in()
    await api.request("GET", f"{BASE}/sms/codes/13900139000")
    await api.check(tokens["token"])
    text = (await api.request("GET", "/metrics")).text
    assert 'latch_requests_total{method="GET",route="/app/v1_0/sms/codes/<mobile:str>",status="200"} 1.0' in text
    assert 'latch_requests_total{method="GET",route="/app/v1_0/authorizations",status="200"} 1.0' in text
    assert "latch_request_seconds_bucket" in text
    assert "13900139000" not in text


async def test_a_database_that_comes_back_is_used_again(start: Start, migrated_database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "away"
    api = await start(database_url=f"sqlite://{folder}/latch.sqlite3")
    for _ in range(3):
        assert error(await api.request("GET", "/readyz")) == (503, "service_unavailable")
    folder.mkdir()
    shutil.copy(migrated_database, folder / "latch.sqlite3")
    assert (await api.request("GET", "/readyz")).status_code == 200
    assert (await api.log_in())["is_new_user"]
