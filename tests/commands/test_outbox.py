"""What commands do is told to other systems as well; and `check` says where Redis lets Latch tell nobody."""

import json
from pathlib import Path

import pytest
from redis import Redis

from tests import topologies
from tests.processes import Service, free_port, run_here

pytestmark = pytest.mark.slow

STREAM = "{outbox}:events"


def test_what_a_command_ends_and_changes_is_in_the_stream_when_it_is_over(latch: Service, mobile: str) -> None:
    wanted = {"OUTBOX_MAX": "1000"}
    tokens = latch.log_in(mobile)
    for command in ("disable", "enable"):
        assert (
            run_here(
                f"{command} {mobile} --yes" if command == "disable" else f"{command} {mobile}", latch.data_dir, **wanted
            ).returncode
            == 0
        )
    again = latch.log_in(mobile)
    assert run_here(f"revoke --prefix {mobile} --yes --reason test", latch.data_dir, **wanted).returncode == 0
    latch.log_in(mobile)
    assert run_here(f"erase {mobile} --yes --reason test", latch.data_dir, **wanted).returncode == 0
    with Redis(unix_socket_path=str(latch.data_dir / "redis.sock"), decode_responses=True) as redis:
        found = [fields for _, fields in redis.xrange(STREAM) if fields["user"] == str(tokens["user_id"])]
    data = [json.loads(fields["data"]) for fields in found]
    assert [(fields["type"], one.get("reason")) for fields, one in zip(found, data, strict=True)] == [
        ("user.disabled", None),
        ("session.ended", "disabled"),
        ("user.enabled", None),
        ("session.ended", "revoked"),
        ("session.ended", "revoked"),
        ("user.erased", None),
    ]
    assert [data[n]["session_id"] for n in (1, 3)] == [tokens["session_id"], again["session_id"]]


def test_check_names_what_an_older_acl_does_not_allow(folder: Path, tmp_path: Path) -> None:
    port = free_port()
    with topologies.server(port, tmp_path) as client:
        older = topologies.ACL.replace("~devices:* ", "").replace("~{outbox}:* ", "").replace("+xadd ", "").split()
        client.execute_command("ACL", "SETUSER", "latch", "reset", "on", ">one", *older)  # type: ignore[no-untyped-call]
        settings = {"REDIS_URL": f"redis://latch:one@127.0.0.1:{port}", "CODE_PEPPER": "x" * 32}
        quiet = run_here("check", folder, **settings).stdout
        wanted = run_here("check", folder, **settings, OUTBOX_MAX="100").stdout
        client.execute_command("ACL", "SETUSER", "latch", *topologies.ACL.split())  # type: ignore[no-untyped-call]
        newer = run_here("check", folder, **settings, OUTBOX_MAX="100").stdout
        assert client.dbsize() == 0
    assert "FAIL  Redis does not let Latch use the keys devices:*" in quiet
    assert "outbox" not in quiet
    assert "warn  Redis does not let Latch write {outbox}:events" in wanted
    assert "does not let Latch" not in newer
