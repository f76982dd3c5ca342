"""DATABASE_URL of a PostgreSQL: each option is taken, has no effect and says so, or is refused with a reason."""

import ssl
from pathlib import Path

import pytest

from settings.database_url import REFUSED, TAKEN, VALUES, WITHOUT_EFFECT, parse
from tests.certificates import make

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
PLACE = "postgres://u:p@h/d"


def refusal(url: str) -> str:
    with pytest.raises(ValueError, match="should") as caught:
        parse(url)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "places", "user", "password", "database"),
    [
        ("postgresql://u:p@h:1/d", [("h", 1)], "u", "p", "d"),
        ("postgres://u@h/d", [("h", 5432)], "u", "", "d"),
        ("postgres://h", [("h", 5432)], None, "", None),
        ("postgres://u:p%40s%2Fs@h/d%20b", [("h", 5432)], "u", "p@s/s", "d b"),
        ("postgres://user@server:p@h/d", [("h", 5432)], "user@server", "p", "d"),
        ("postgres://u:p@one:1,two,[::1]:3/d", [("one", 1), ("two", 5432), ("::1", 3)], "u", "p", "d"),
        ("postgres://u:p@[::1]/d", [("::1", 5432)], "u", "p", "d"),
        ("postgres://u@/d?host=/run/postgresql", [("/run/postgresql", 5432)], "u", "", "d"),
        ("postgres://u@%2Frun%2Fpostgresql:5433/d", [("/run/postgresql", 5433)], "u", "", "d"),
        ("postgres://u@/d?host=/cloudsql/project:region:name", [("/cloudsql/project:region:name", 5432)], "u", "", "d"),
        ("postgres:///?host=a,b&port=1,2&user=u&password=p&dbname=d", [("a", 1), ("b", 2)], "u", "p", "d"),
        (
            "postgres://postgres.ref:p@aws-0.pooler.supabase.com:6543/d",
            [("aws-0.pooler.supabase.com", 6543)],
            "postgres.ref",
            "p",
            "d",
        ),
    ],
)
def test_hosts_and_the_login_are_read_as_libpq_reads_them(
    url: str, places: list[tuple[str, int]], user: str | None, password: str, database: str | None
) -> None:
    read = parse(url)
    assert (read.places, read.user, read.password, read.database) == (tuple(places), user, password, database)


@pytest.mark.parametrize(
    "place",
    [
        "",
        ":5432",
        "h:0",
        "h:99999",
        "h:x",
        "a..b",
        "h,",
        "h:1:2",
        "[::1",
        "u:hunter2\u2100@h",
        "u:hunter2#@h",
        "u:hunter2?@h",
        "u:hunter2/@h",
        "u:%00@h",
    ],
)
def test_a_place_that_is_none_is_refused_without_showing_it(place: str) -> None:
    assert "host" in refusal(f"postgres://{place}/d")


def test_as_many_ports_as_hosts_or_one_are_taken() -> None:
    assert parse("postgres:///d?host=a,b&port=7").places == (("a", 7), ("b", 7))
    assert "ports" in refusal("postgres:///d?host=a,b&port=1,2,3")


def test_of_several_hosts_the_one_that_takes_writes_is_wanted() -> None:
    assert parse(PLACE).target is None
    assert parse("postgres://u:p@a,b/d").target == "read-write"
    assert parse("postgres://u:p@a,b/d?target_session_attrs=any").target == "any"


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("statement_cache_size=0", "statement_cache_size", 0),
        ("statement_cache_size=50", "statement_cache_size", 50),
        ("pgbouncer=true", "statement_cache_size", 0),
        ("pgbouncer=true&statement_cache_size=9", "statement_cache_size", 9),
        ("pgbouncer=false", "statement_cache_size", None),
        ("connect_timeout=15", "connect_timeout", 15),
        ("target_session_attrs=primary", "target", "primary"),
        ("application_name=latch", "settings", {"application_name": "latch"}),
        ("options=endpoint%3Dep-cool-name", "settings", {"options": "endpoint=ep-cool-name"}),
        ("schema=people", "settings", {"search_path": "people"}),
        ("sslmode=disable", "tls", "disable"),
        ("sslmode=prefer", "tls", "prefer"),
        ("sslmode=require&sslnegotiation=direct", "direct_tls", True),
    ],
)
def test_an_option_that_is_taken_does_what_it_says(option: str, name: str, value: object) -> None:
    assert getattr(parse(f"{PLACE}?{option}"), name) == value


@pytest.mark.parametrize(
    ("option", "says"),
    [
        *((f"{name}=x", f"should have no option {name}: ") for name in REFUSED),
        *((f"{name}=x", f"should have {name} as one of: ") for name in VALUES),
        ("pool=3", "should have no option pool, only: application_name, "),
        ("hunter2", "should have no such option, only: "),
        ("sslmode=", "should have sslmode as one of: "),
        ("gssencmode=require", "since GSSAPI is not used"),
        ("target_session_attrs=standby", "since Latch writes"),
        ("connect_timeout=0", "should have connect_timeout from 1 to 600"),
        ("connect_timeout=soon", "should have connect_timeout from 1 to 600"),
        ("statement_cache_size=-1", "should have statement_cache_size from 0 to 10000"),
        ("sslrootcert=/hunter2", "should have sslmode as one of: require, verify-ca, verify-full"),
        ("sslmode=verify-full&sslrootcert=/hunter2", "should name files that are there and hold PEM"),
        ("sslmode=require&sslcert=/hunter2", "should name files that are there and hold PEM"),
        ("sslmode=verify-ca", "should have an sslrootcert"),
        ("sslmode=require&sslrootcert=system", "should have sslmode=verify-full with sslrootcert=system"),
        ("sslmode=prefer&sslnegotiation=direct", "should have sslmode as one of: require"),
    ],
)
def test_an_option_that_cannot_be_kept_is_refused_with_the_reason(option: str, says: str) -> None:
    assert says in refusal(f"{PLACE}?{option}")


@pytest.mark.parametrize(
    ("option", "notes"),
    [
        ("sslmode=require&channel_binding=require", ["channel_binding"]),
        ("sslmode=verify-full&channel_binding=require", []),
        ("channel_binding=prefer", []),
        ("connection_limit=1&pool_timeout=0", ["connection_limit", "pool_timeout"]),
        ("keepalives=1&keepalives_idle=30&tcp_user_timeout=9", ["keepalives", "keepalives_idle", "tcp_user_timeout"]),
        ("supa=base-pooler.x&gssencmode=disable&client_encoding=utf8", []),
    ],
)
def test_an_option_without_effect_is_told_where_somebody_may_count_on_it(option: str, notes: list[str]) -> None:
    told = parse(f"{PLACE}?{option}").notes
    assert [note.split()[0] for note in told] == notes
    assert all(" has no effect: " in note for note in told)


@pytest.mark.parametrize(
    ("option", "checks_host", "verifies"),
    [
        ("sslmode=require", False, ssl.CERT_NONE),
        ("sslmode=require&sslrootcert={}", False, ssl.CERT_REQUIRED),
        ("sslmode=verify-ca&sslrootcert={}", False, ssl.CERT_REQUIRED),
        ("sslmode=verify-full&sslrootcert={}", True, ssl.CERT_REQUIRED),
        ("sslmode=verify-full", True, ssl.CERT_REQUIRED),
        ("sslrootcert=system", True, ssl.CERT_REQUIRED),
    ],
)
def test_tls_is_as_strict_as_with_libpq(
    tmp_path: Path, option: str, *, checks_host: bool, verifies: ssl.VerifyMode
) -> None:
    context = parse(f"{PLACE}?{option.format(make(tmp_path).authority)}").tls
    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (checks_host, verifies)


def test_an_option_is_treated_in_one_way() -> None:
    assert not TAKEN & set(WITHOUT_EFFECT)
    assert not (TAKEN | set(WITHOUT_EFFECT)) & set(REFUSED)
    assert set(VALUES) <= TAKEN | set(WITHOUT_EFFECT)


def test_no_password_is_printed_with_it() -> None:
    assert "hunter2" not in repr(parse("postgres://u:hunter2@h/d"))
