"""Settings (section 6 of the contract): defaults, complaints, secrets, the kept pepper, `.env`."""

import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import Settings, SettingsError, doubts, load, public
from service.commands import check
from service.embedded.pepper import with_kept_pepper
from settings.misspelt import misspelt

SECRET = "correct-horse-battery-staple"
PEPPER = "a pepper of the right length"
DEFAULTS = {
    "HOST": "127.0.0.1",
    "PORT": 8000,
    "WORKERS": 1,
    "ADMIN_HOST": "127.0.0.1",
    "ADMIN_PORT": 8001,
    "ADMIN_TRUSTED_PROXIES": 0,
    "DATA_DIR": Path(".data"),
    "REDIS_URL": SecretStr(""),
    "DATABASE_URL": SecretStr(""),
    "ACCESS_TTL": 3600,
    "REFRESH_TTL": 1_209_600,
    "SESSION_MAX_AGE": 7_776_000,
    "MAX_SESSIONS": 10,
    "ROTATION_WINDOW": 60,
    "ROTATION_GRACE": 60,
    "CODE_LENGTH": 6,
    "CODE_TTL": 300,
    "CODE_ATTEMPTS": 5,
    "CODE_PEPPER": SecretStr(""),
    "TOKEN_KEY": SecretStr(""),
    "NUMBER_KEY": SecretStr(""),
    "SMS_SENDER": ("console",),
    "TRUSTED_PROXIES": 0,
    "CORS_ORIGINS": (),
    "CORS_HEADERS": (),
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "text",
}


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """What is said about each of the variables passed, by name."""

    def complain(**variables: str) -> dict[str, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SettingsError) as caught:
            load()
        lines = (line.partition(": ") for line in str(caught.value).splitlines())
        return {name: complaint for name, _, complaint in lines}

    return complain


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_a_setting_defaults_to_what_the_contract_says(name: str, value: object) -> None:
    assert getattr(load(), name.lower()) == value


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("PORT", "nine", "integer"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("ADMIN_PORT", "-1", "greater than or equal to 0"),
        ("CONSOLE_URL", "http://latch.internal", "https address"),
        ("CONSOLE_URL", "https://10.0.0.7:8001", "of a name"),
        ("CONSOLE_URL", "https://latch.internal/console", "without a path"),
        ("WORKERS", "0", "greater than or equal to 1"),
        ("ACCESS_TTL", "-1", "greater than or equal to 1"),
        ("CODE_TTL", "601", "less than or equal to 600"),
        ("REDIS_TIMEOUT", "0", "greater than 0"),
        ("SMS_SENDER", "pigeon", "console"),
        ("LOG_LEVEL", "LOUD", "'INFO'"),
        ("LOG_FORMAT", "xml", "'text' or 'json'"),
        ("REDIS_URL", "http://localhost", "redis://"),
        ("REDIS_URL", "redis:localhost", "redis://"),
        ("DATABASE_URL", "mysql://localhost/latch", "sqlite://"),
        ("CORS_ORIGINS", "app.example.com", "https://app.example.com"),
        ("CORS_ORIGINS", "https://app.example.com/path", "https://app.example.com"),
        ("CORS_HEADERS", "X-App-Version, X App", "X-App-Version"),
        ("CORS_HEADERS", "*", "X-App-Version"),
        ("CODE_PEPPER", "fifteen letters", "16 characters"),
    ],
)
def test_a_bad_value_is_told_with_its_name_and_what_it_should_be(
    complaints: Callable[..., dict[str, str]], name: str, value: str, wanted: str
) -> None:
    told = complaints(**{name: value})
    assert set(told) == {name}
    assert wanted in told[name]


def test_all_bad_values_are_told_at_once(complaints: Callable[..., dict[str, str]]) -> None:
    told = complaints(PORT="nine", WORKERS="0", LOG_FORMAT="xml", CORS_ORIGINS="nowhere")
    assert set(told) == {"PORT", "WORKERS", "LOG_FORMAT", "CORS_ORIGINS"}


def test_a_refused_secret_is_in_no_part_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"http://latch:{SECRET}@localhost")
    monkeypatch.setenv("DATABASE_URL", f"mysql://latch:{SECRET}@localhost/latch")
    monkeypatch.setenv("CODE_PEPPER", SECRET[:15])
    with pytest.raises(SettingsError) as caught:
        load()
    assert len(str(caught.value).splitlines()) == 3
    printed = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SECRET[:15] not in printed


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("REDIS_URL", "redis://:pa[hunter2]ss@localhost"),
        ("REDIS_URL", "redis://:x/hunter2@localhost"),
        ("REDIS_URL", "redis://:hunter2#@localhost"),
        ("DATABASE_URL", "postgres://latch:hunter2\u2100@localhost/latch"),
    ],
)
def test_a_password_that_breaks_its_url_is_not_printed_in_part(
    complaints: Callable[..., dict[str, str]], name: str, url: str
) -> None:
    told = complaints(**{name: url, "CODE_PEPPER": PEPPER})
    assert set(told) == {name}
    assert "hunter2" not in told[name]


def test_an_accepted_secret_is_not_printed_with_the_settings() -> None:
    settings = load(
        redis_url=f"redis://:{SECRET}@localhost", database_url=f"postgres://latch:{SECRET}@db/x", code_pepper=SECRET
    )
    assert SECRET not in repr(settings) + str(settings) + str(settings.model_dump()) + settings.model_dump_json()
    assert SECRET in settings.redis_location
    assert SECRET in settings.database_location


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 9000  # type: ignore[misc]


def test_a_level_may_be_written_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert load().log_level == "DEBUG"


# --- The pepper -----------------------------------------------------------------------------------------------------


def test_a_shared_redis_without_a_pepper_stops_the_start(complaints: Callable[..., dict[str, str]]) -> None:
    told = complaints(REDIS_URL="redis://localhost")
    assert set(told) == {"CODE_PEPPER"}
    assert "same on every machine" in told["CODE_PEPPER"]


def test_a_pepper_that_is_set_is_used_and_none_is_kept(tmp_path: Path) -> None:
    settings = load(redis_url="redis://localhost", code_pepper=PEPPER, data_dir=tmp_path / "data")
    assert with_kept_pepper(settings).code_pepper.get_secret_value() == PEPPER
    assert not (tmp_path / "data").exists()


def test_of_several_keys_the_first_makes_and_those_of_tokens_follow_from_the_peppers() -> None:
    settings = load(code_pepper=f"{PEPPER}, {SECRET}")
    assert settings.code_peppers == (PEPPER.encode(), SECRET.encode())
    one, two = settings.token_keys
    assert (one, two) == (*load(code_pepper=PEPPER).token_keys, *load(code_pepper=SECRET).token_keys)
    assert not {one, two} & {*settings.code_peppers}
    assert load(code_pepper=PEPPER, token_key=f"{SECRET},").token_keys == (SECRET.encode(),)


def test_numbers_are_named_with_the_last_pepper_where_they_have_no_key_of_their_own() -> None:
    old = load(code_pepper=PEPPER)
    assert load(code_pepper=f"{SECRET},{PEPPER}").number_name_key == old.number_name_key  # a new one changes no name
    assert load(code_pepper=SECRET).number_name_key != old.number_name_key
    assert load(code_pepper=SECRET, number_key=f" {PEPPER}").number_name_key == old.number_name_key  # nor does this
    assert old.number_name_key not in {*old.code_peppers, *old.token_keys}


@pytest.mark.parametrize("value", ["fifteen letters", f"{SECRET},{PEPPER}", f"{SECRET},", ","])
def test_the_key_of_names_is_one_and_long_enough(complaints: Callable[..., dict[str, str]], value: str) -> None:
    told = complaints(NUMBER_KEY=value)
    assert set(told) == {"NUMBER_KEY"}
    assert told["NUMBER_KEY"].startswith("should be ")
    assert not {SECRET, PEPPER} & {*told["NUMBER_KEY"].split()}


@pytest.mark.parametrize(
    ("settings", "is_told"),
    [
        ({"code_pepper": PEPPER}, False),
        ({"code_pepper": f"{SECRET},{PEPPER}"}, True),
        ({"code_pepper": f"{SECRET},{PEPPER}", "number_key": PEPPER}, False),
    ],
)
def test_check_tells_that_names_of_numbers_hang_on_a_pepper_that_will_go(
    settings: dict[str, str],
    is_told: bool,  # noqa: FBT001
) -> None:
    told = [finding.text for finding in check.of_settings(load(**settings)) if finding.text.startswith("NUMBER_KEY")]
    assert len(told) == is_told


@pytest.mark.parametrize("name", ["CODE_PEPPER", "TOKEN_KEY"])
@pytest.mark.parametrize("value", ["fifteen letters", f"{SECRET},fifteen letters", ",", " , ,"])
def test_each_of_several_keys_must_be_long_enough(
    complaints: Callable[..., dict[str, str]], name: str, value: str
) -> None:
    told = complaints(**{name: value})
    assert set(told) == {name}
    assert "16 characters" in told[name]
    assert "fifteen" not in told[name]


def test_an_embedded_redis_gets_a_pepper_that_only_its_owner_can_read(tmp_path: Path) -> None:
    settings = with_kept_pepper(load(data_dir=tmp_path / "new" / "data"))
    kept = tmp_path / "new" / "data" / "code_pepper"
    assert len(settings.code_pepper.get_secret_value()) == 64
    assert kept.read_text() == settings.code_pepper.get_secret_value()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_kept_pepper_stays_the_same(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path)
    assert with_kept_pepper(settings).code_pepper == with_kept_pepper(settings).code_pepper


def test_peppers_of_two_installations_differ(tmp_path: Path) -> None:
    one, other = (with_kept_pepper(load(data_dir=tmp_path / name)) for name in ("one", "other"))
    assert one.code_pepper != other.code_pepper


@pytest.mark.parametrize("content", ["", "\n", "short", " " * 80])
def test_a_damaged_kept_pepper_stops_the_start_and_is_not_printed(tmp_path: Path, content: str) -> None:
    (tmp_path / "code_pepper").write_text(content)
    with pytest.raises(SettingsError, match=r"^CODE_PEPPER: the one kept in .* is damaged") as caught:
        with_kept_pepper(load(data_dir=tmp_path))
    assert "short" not in str(caught.value)


def test_a_kept_pepper_of_other_bytes_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "code_pepper").write_bytes(b"\xff" * 64)
    with pytest.raises(SettingsError, match="CODE_PEPPER"):
        with_kept_pepper(load(data_dir=tmp_path))


def test_a_data_folder_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError, match="DATA_DIR"):
        with_kept_pepper(load(data_dir=tmp_path / "data"))


# --- Where settings come from ---------------------------------------------------------------------------------------


def test_the_file_is_read_and_what_it_does_not_know_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9001\n# a comment\nLOG_FORMAT='json'\nOTHER=1\n")
    assert (load().port, load().log_format) == (9001, "json")


def test_the_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nWORKERS=2\n")
    monkeypatch.setenv("PORT", "9002")
    assert (load().port, load().workers) == (9002, 2)


def test_what_is_passed_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9002")
    assert load(port=9003).port == 9003


def test_an_empty_value_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nMAX_SESSIONS=\nREDIS_URL=\n")
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("LOG_LEVEL", "")
    settings = load()
    assert (settings.port, settings.log_level, settings.max_sessions) == (9001, "INFO", 10)
    assert settings.redis_is_embedded


def test_a_bad_value_in_the_file_is_told_by_the_same_name(
    tmp_path: Path, complaints: Callable[..., dict[str, str]]
) -> None:
    (tmp_path / ".env").write_text("port=nine\n")
    assert set(complaints()) == {"PORT"}


def test_a_file_that_is_not_utf_8_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("CODE_PEPPER=café".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"\.env: should be UTF-8"):
        load()


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://app.example.com", ("https://app.example.com",)),
        (" https://a.example/ , http://localhost:3000,", ("https://a.example", "http://localhost:3000")),
        ("*", ("*",)),
        (" , ", ()),
    ],
)
def test_origins_are_split_at_commas(monkeypatch: pytest.MonkeyPatch, text: str, origins: tuple[str, ...]) -> None:
    monkeypatch.setenv("CORS_ORIGINS", text)
    assert load().cors_origins == origins


def test_the_stores_are_embedded_in_the_data_folder_unless_named(tmp_path: Path) -> None:
    embedded = load(data_dir="data")
    assert embedded.redis_is_embedded
    assert embedded.database_is_embedded
    assert embedded.redis_location == f"unix://{tmp_path}/data/redis.sock"
    assert embedded.database_location == f"sqlite://{tmp_path}/data/latch.sqlite3"
    named = load(redis_url="rediss://r", database_url="postgres://d/x", code_pepper=PEPPER)
    assert not named.redis_is_embedded
    assert not named.database_is_embedded
    assert (named.redis_location, named.database_location) == ("rediss://r", "postgres://d/x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://latch:{SECRET}@localhost:6379/0?password={SECRET}", "redis://localhost:6379/0"),
        (f"postgres://latch:{SECRET}@db.example/latch?sslmode=require", "postgres://db.example/latch"),
        (f"unix://:{SECRET}@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("sqlite:///var/lib/latch.sqlite3", "sqlite:///var/lib/latch.sqlite3"),
        (f"redis+sentinel://:{SECRET}@one:1,[::1]:2/latch/0?a={SECRET}", "redis+sentinel://one:1,[::1]:2/latch/0"),
    ],
)
def test_a_url_is_shown_without_user_password_and_query(url: str, shown: str) -> None:
    assert public(url) == shown


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("REDIS_URL", "redis://:se/kret@h/0"),
        ("REDIS_URL", "http://h"),
        ("REDIS_URL", "redis://"),
        ("DATABASE_URL", "postgres://u:se/kret@h/d"),
        ("DATABASE_URL", "postgres://u:p@h/d?pool=3"),
        ("DATABASE_URL", "mysql://u:p@h/d"),
        ("CORS_ORIGINS", "app.example.com"),
        ("DATA_DIR", "/dev/null/x"),
    ],
)
def test_a_bad_url_or_folder_is_named_and_never_shown(setting: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_kept_pepper(load(_env_file=None, **{setting.lower(): value}))
    assert str(caught.value).startswith(f"{setting}: ")
    assert "kret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:12/hunter2@host:6379/0", "redis://?"),
        ("postgres://u:hunter2#x@host/db", "postgres://?"),
        ("redis://:hunter2@[::1]:6379/0", "redis://[::1]:6379/0"),
        ("sqlite:///tmp/a%20b@c/x.sqlite3", "sqlite:///tmp/a b@c/x.sqlite3"),
    ],
)
def test_no_part_of_an_odd_password_is_public(url: str, shown: str) -> None:
    assert public(url) == shown


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ACCES_TTL", "ACCESS_TTL"),
        ("code_lenght", "CODE_LENGTH"),
        ("REDISURL", "REDIS_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("LIMIT_CODE_PER_NUMBER", "LIMIT_CODES_PER_NUMBER"),
    ],
)
def test_a_misspelt_setting_in_the_file_stops_the_start(typed: str, meant: str) -> None:
    Path(".env").write_text(f"{typed}=1\nPORT=none\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load()
    first, second = str(caught.value).splitlines()
    assert first == f"{typed.upper()}: is no setting; {meant} may be meant"
    assert second.startswith("PORT: ")


@pytest.mark.parametrize(
    "of_others",
    [
        "DATABASE_USER",
        "REDIS_PASSWORD",
        "POSTGRES_PASSWORD",
        "PUBLISH_PORT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "WORKER",
    ],
)
def test_a_name_that_belongs_to_another_program_is_let_be(of_others: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"{of_others}=1\n", encoding="utf-8")
    monkeypatch.setenv(of_others, "1")
    load()
    assert [text for text in doubts() if text.startswith(of_others)] == []


def test_no_setting_is_taken_for_another_one() -> None:
    names = [name.upper() for name in Settings.model_fields]
    assert misspelt(names, names) == {}


def test_a_misspelt_setting_in_the_environment_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCES_TTL", "60")
    assert load().access_ttl == DEFAULTS["ACCESS_TTL"]
    assert "ACCES_TTL: is no setting; ACCESS_TTL may be meant" in doubts()
    assert "ACCES_TTL: is no setting; ACCESS_TTL may be meant" in [
        finding.text for finding in check.of_settings(load())
    ]


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "localhost:8001"),
        ({"admin_port": 9001}, "localhost:9001"),
        ({"admin_port": 80}, "localhost"),
        ({"console_url": "https://latch.internal/"}, "latch.internal"),
        ({"console_url": "https://latch.internal:443"}, "latch.internal"),
        ({"console_url": "https://Latch.Internal:8443"}, "latch.internal:8443"),
    ],
)
def test_the_private_listener_is_asked_for_by_the_host_of_the_console(settings: dict[str, object], host: str) -> None:
    assert load(**settings).console_host == host
    assert load(**settings).is_console(host.upper())
    assert not load(**settings).is_console(f"{host}0")
    assert not load(**settings).is_console("127.0.0.1:8001")
