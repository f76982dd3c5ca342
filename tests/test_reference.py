"""What is written from a setting's field: its default, its bounds, and never a secret."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from settings import reference


class Server(BaseModel):
    """Settings of every kind."""

    host: str = Field("127.0.0.1", description="where to `listen`")
    port: int = Field(8000, ge=1, le=65535)
    timeout: float = Field(1.5, gt=0, lt=60)
    mode: Literal["off", "on"] = Field("off", description="whether it runs")
    names: tuple[str, ...] = ("a", "b")
    password: SecretStr = SecretStr("hush")
    keys: Annotated[tuple[SecretStr, ...], "listed"] = (SecretStr("hush"),)
    code_pepper: SecretStr = Field(SecretStr("hush"), description="a key")


FIELDS = Server.model_fields


def test_a_default_is_written_as_it_stands_in_an_env_file() -> None:
    assert [reference.default(FIELDS[name]) for name in ("host", "port", "names")] == ["127.0.0.1", "8000", "a,b"]


@pytest.mark.parametrize("name", ["password", "keys", "code_pepper"])
def test_a_secret_shows_no_default(name: str) -> None:
    assert reference.default(FIELDS[name]) == ""
    assert reference.values(FIELDS[name]) == "secret"


def test_no_secret_reaches_a_page() -> None:
    assert "hush" not in reference.page(Server) + reference.example(Server)


@pytest.mark.parametrize(
    ("name", "values"),
    [("port", "at least 1, at most 65,535"), ("timeout", "above 0, below 60"), ("mode", "`off`, `on`"), ("host", "")],
)
def test_bounds_and_choices_are_told(name: str, values: str) -> None:
    assert reference.values(FIELDS[name]) == values


def test_an_env_file_asks_for_the_pepper_and_comments_out_the_rest() -> None:
    lines = reference.example(Server).splitlines()
    assert lines[lines.index("CODE_PEPPER=") - 1] == "# a key; the same on every machine"
    assert lines[lines.index("#HOST=127.0.0.1") - 1] == "# where to listen"
    assert lines[lines.index("#MODE=off") - 1] == "# whether it runs: off, on"


def test_a_model_without_a_heading_is_refused() -> None:
    class StrangeSettings(BaseModel):
        setting: int = 1

    class Settings(StrangeSettings):
        host: str = ""

    with pytest.raises(KeyError, match="StrangeSettings"):
        reference.page(Settings)


def test_what_is_set_for_one_language_stands_beside_what_is_set_for_all() -> None:
    class Settings(BaseModel):
        host: str = Field("", description="where")
        code_pepper: str = Field("", description="a key")
        text: str = Field("", description="what it says")
        name: str = Field("", description="who")
        text_zh_cn: str = Field("", description="the same in Chinese")
        text_en: str = Field("", description="the same in English")

    assert "| `TEXT`, `TEXT_EN`, `TEXT_ZH_CN` | | | what it says |\n| `NAME` |" in reference.page(Settings)
    assert (
        "#TEXT=\n# the same in English\n#TEXT_EN=\n# the same in Chinese\n#TEXT_ZH_CN=\n# who\n"
        in reference.example(Settings)
    )
