"""Which language somebody is spoken to in, and what a sentence is in it."""

import asyncio
import time
from pathlib import Path

import pytest
from babel.messages import Catalog

from config import Settings, SettingsError, load
from service import languages
from service.languages import LANGUAGE, LONGEST, N_, Language, _, chosen, npgettext, pgettext, translations
from settings.reference import values
from tests.texts import compiled

ENGLISH, CHINESE = Language.ENGLISH, Language.CHINESE


@pytest.mark.parametrize("tag", ["zh", "zh-CN", "zh-Hans", "zh-Hans-CN", "zh-TW", "zh-Hant-HK", "ZH-cn", "zh_CN"])
def test_whoever_reads_chinese_is_spoken_to_in_chinese(tag: str) -> None:
    assert chosen(tag, None, ENGLISH) is CHINESE


@pytest.mark.parametrize("tag", ["en", "en-GB", "EN-us", "en-Latn-US-x-private"])
def test_whoever_reads_english_is_spoken_to_in_english(tag: str) -> None:
    assert chosen(tag, None, CHINESE) is ENGLISH


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("en-US,en;q=0.9,zh-CN;q=0.8", ENGLISH),
        ("en;q=0.8, zh;q=0.9", CHINESE),
        ("en;q=0.5 , zh ; q=0.7", CHINESE),
        ("en, zh", ENGLISH),
        ("zh;q=1.000, en;q=0.999", CHINESE),
        ("de, fr;q=0.9, zh;q=0.1", CHINESE),
        ("*, zh;q=0.5", CHINESE),
        ("zh;q=0.001", CHINESE),
    ],
)
def test_the_most_wanted_of_those_that_are_there_is_chosen(header: str, language: Language) -> None:
    assert chosen(header, None, ENGLISH) is language
    assert chosen(header, None, CHINESE) is language


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        ",",
        ",,;,",
        "*",
        "*;q=0.5",
        "*;q=0",
        "de",
        "fr-CH, de;q=0.9",
        "zhx",
        "enx-US",
        "x-zh",
        "i-en",
        "z",
        "zh-",
    ],
)
def test_where_none_is_asked_for_that_is_there_it_is_the_default(header: str) -> None:
    assert [chosen(header, None, default) for default in Language] == list(Language)


@pytest.mark.parametrize(
    "bad",
    [
        "zh;q=",
        "zh;q=2",
        "zh;q=-1",
        "zh;q=nan",
        "zh;q=1.5",
        "zh;q=0.1.2",
        "zh;level=1",
        "zh en",
        "中文",
        "zh;q=٠",
        "\udce4",
    ],
)
def test_what_cannot_be_read_is_passed_over(bad: str) -> None:
    assert chosen(bad, None, ENGLISH) is ENGLISH
    assert chosen(f"{bad}, en;q=0.1", None, CHINESE) is ENGLISH


@pytest.mark.parametrize(
    ("header", "default", "language"),
    [
        ("en;q=0", ENGLISH, CHINESE),
        ("fr, zh;q=0", CHINESE, ENGLISH),
        ("zh-CN;q=0.0, zh-TW;q=0.9", CHINESE, ENGLISH),
        ("zh-TW;q=0, zh;q=0.1", ENGLISH, CHINESE),
        ("en;q=0, zh;q=0", ENGLISH, ENGLISH),
        ("en-GB;q=0", ENGLISH, ENGLISH),
    ],
)
def test_what_is_refused_is_taken_only_where_nothing_else_is_left(
    header: str, default: Language, language: Language
) -> None:
    assert chosen(header, None, default) is language


@pytest.mark.parametrize("preferred", list(Language))
def test_what_somebody_chose_comes_before_what_the_browser_asks_for(preferred: str) -> None:
    assert chosen("en, zh", str(preferred), ENGLISH) is preferred
    assert chosen("zh, en", str(preferred), ENGLISH) is preferred


@pytest.mark.parametrize("preferred", ["", "de", "zh", "EN", "\udce4"])
def test_a_choice_that_is_none_is_no_choice(preferred: str) -> None:
    assert chosen("zh", preferred, ENGLISH) is CHINESE


@pytest.mark.parametrize(
    "part", ["zh,", "a-", "zh;q=0.", "zh;q=0.5,", " ", ";", "zh-a-b-c,", "zh;q=0" + "0" * 99 + ","]
)
def test_a_long_header_takes_no_longer(part: str) -> None:
    fitting, long = part * (LONGEST // len(part)), part * 32_768
    assert chosen(long, None, ENGLISH) is ENGLISH
    began = time.process_time()  # others on the machine do not count
    for header in [fitting, long] * 20:
        chosen(header, None, ENGLISH)
    assert time.process_time() - began < 1.0


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with these texts alone."""
    catalogue = Catalog("zh_CN")
    catalogue.add("End", "结束")
    catalogue.add("Open", "打开", context="verb")
    catalogue.add(("%(n)s device", "%(n)s devices"), ("%(n)s 台设备",))
    catalogue.add(("%(n)s key", "%(n)s keys"), ("%(n)s 个密钥",), context="API")
    monkeypatch.setitem(languages.CATALOGUES, CHINESE, compiled(catalogue))


MARKED = N_("End")


def said() -> list[str]:
    return [
        _(MARKED),
        pgettext("verb", "Open"),
        languages.ngettext("%(n)s device", "%(n)s devices", 2),
        npgettext("API", "%(n)s key", "%(n)s keys", 1),
        _("Not there"),
        _(""),
    ]


@pytest.mark.usefixtures("chinese")
async def test_two_requests_at_once_are_each_answered_in_their_language() -> None:
    async def answer(language: Language) -> list[str]:
        LANGUAGE.set(language)
        await asyncio.sleep(0)
        return said()

    english, chinese = await asyncio.gather(answer(ENGLISH), answer(CHINESE))
    assert english == ["End", "Open", "%(n)s devices", "%(n)s key", "Not there", ""]
    assert chinese == ["结束", "打开", "%(n)s 台设备", "%(n)s 个密钥", "Not there", ""]
    assert said() == english


def test_a_catalogue_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    assert translations(ENGLISH, tmp_path).gettext("End") == "End"
    with pytest.raises(OSError, match="latch"):
        translations(CHINESE, tmp_path)


def test_the_setting_takes_what_is_there_and_nothing_else() -> None:
    field = Settings.model_fields["default_language"]
    assert values(field) == ", ".join(f"`{language}`" for language in Language)
    assert Language(field.default) is ENGLISH
    with pytest.raises(SettingsError, match=r"^DEFAULT_LANGUAGE: .*'en' or 'zh-CN'$"):
        load(default_language="de")
