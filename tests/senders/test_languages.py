"""A message in each language: which text and which template it is, as set and as it ships."""

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from config import SettingsError
from service import sms_text
from service.commands import check
from service.commands.findings import Level
from service.entities import Purpose
from service.languages import Language
from service.sms_text import TEXTS
from settings.sms_kinds import CODES, KINDS, LANGUAGES, NOTICES
from tests.senders.conftest import CODE, MESSAGE, NOTED, Make, Provider, settings_for

ENGLISH, CHINESE = Language
SIGNATURES = {ENGLISH: "[Example Ltd] ", CHINESE: "【某某科技有限公司】"}
EVERY = list(product(KINDS, Language))


def text(kind: str, language: Language, **settings: Any) -> str:
    return sms_text.template(settings_for(**settings), kind, language).text


def test_the_settings_know_every_language_and_every_kind_of_message() -> None:
    assert list(LANGUAGES) == list(Language)
    assert list(KINDS) == list(TEXTS) == [*Purpose, *NOTICES]


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_the_text_that_ships_is_one_message_with_a_signature(kind: str, language: Language) -> None:
    filled = sms_text.template(settings_for(), kind, language).filled(CODE, 10)
    assert (CODE in filled) is (kind not in NOTICES)
    assert ("验证码" in filled) is (language is CHINESE and kind not in NOTICES)
    assert sms_text.segments(SIGNATURES[language] + filled) == 1


@pytest.mark.parametrize("language", Language)
def test_the_login_text_is_one_message_with_its_lines_too(language: Language) -> None:
    both = settings_for(sms_domain="login.example.com", sms_app_hash="FA+9qCX9VSu")
    assert sms_text.template(both, Purpose.LOGIN, language).warnings(CODE, 10) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_goes_out_in_every_language_until_one_has_its_own(kind: str) -> None:
    code = "" if kind in NOTICES else "{code}"
    name = f"sms_text{KINDS[kind]}"
    general = {name: f"all {code}"}
    assert {text(kind, language, **general) for language in Language} == {f"all {code}"}
    own = {**general, f"{name}_zh_cn": f"中文 {code}"}
    assert [text(kind, language, **own) for language in Language] == [f"all {code}", f"中文 {code}"]
    alone = {f"{name}_en": f"hi {code}"}
    assert text(kind, ENGLISH, **alone) == f"hi {code}"
    assert text(kind, CHINESE, **alone) == text(kind, CHINESE)


@pytest.mark.parametrize(("kind", "tag"), [(kind, end) for kind in CODES for end in LANGUAGES.values()])
def test_a_text_without_its_code_stops_the_start(kind: str, tag: str) -> None:
    name = f"sms_text{KINDS[kind]}{tag}"
    with pytest.raises(SettingsError, match=f"^{name.upper()}: should hold {{code}}"):
        settings_for(**{name: "Your code is on its way"})


@pytest.mark.parametrize("tag", LANGUAGES.values())
def test_a_notice_with_braces_stops_the_start(tag: str) -> None:
    with pytest.raises(SettingsError, match=f"^SMS_TEXT_NOTICE{tag.upper()}: should hold no braces"):
        settings_for(**{f"sms_text_notice{tag}": "{code}"})


def test_a_long_text_is_warned_of_by_the_setting_that_it_comes_from() -> None:
    long = "{code}" + "码" * 70
    for settings, names in (
        ({"sms_text": long}, ["SMS_TEXT"]),
        ({"sms_text_zh_cn": long}, ["SMS_TEXT_ZH_CN"]),
        ({"sms_text": long, "sms_text_en": long}, ["SMS_TEXT", "SMS_TEXT_EN"]),
        ({"sms_domain": "a-domain-that-is-long-indeed.login.example.com"}, ["SMS_TEXT_ZH_CN"]),
    ):
        found = [one.text for one in check.of_settings(settings_for(**settings)) if one.level is Level.WARN]
        assert [warning.partition(":")[0] for warning in found][: len(names)] == names


TEMPLATES = [("aliyun", "aliyun_template_code"), ("tencent", "tencent_template_id")]


@pytest.mark.parametrize(("name", "stem"), TEMPLATES)
@pytest.mark.parametrize(("kind", "end"), KINDS.items())
def test_a_template_is_for_all_languages_until_one_has_its_own(name: str, stem: str, kind: str, end: str) -> None:
    one = settings_for(**{f"{stem}{end}": "all"})
    assert [one.template(name, kind, language) for language in Language] == ["all", "all"]
    two = settings_for(**{f"{stem}{end}": "all", f"{stem}{end}_en": "own"})
    assert [two.template(name, kind, language) for language in Language] == ["own", "all"]
    if kind != Purpose.LOGIN:  # the login's is demanded in any case
        with pytest.raises(SettingsError, match=f"^{stem}{end}: should be set when {stem}{end}_zh_cn is".upper()[:20]):
            settings_for(**{f"{stem}{end}_zh_cn": "own"})


async def test_a_template_is_sent_in_the_language_of_the_message(make: Make, provider: Provider) -> None:
    provider.answers({"Code": "OK", "BizId": "1", "Message": "OK", "RequestId": "1"})
    aliyun = make("aliyun", aliyun_template_code_notice="SMS_7", aliyun_template_code_notice_zh_cn="SMS_8")
    for message, code in ((NOTED, "SMS_7"), (replace(NOTED, language=CHINESE), "SMS_8")):
        await aliyun.send(message)
        assert provider.last.query["TemplateCode"] == code
    provider.answers({"Response": {"SendStatusSet": [{"Code": "Ok"}], "RequestId": "1"}})
    tencent = make("tencent", tencent_template_id_zh_cn="8")
    for language, template in ((ENGLISH, "1110"), (CHINESE, "8")):
        await tencent.send(replace(MESSAGE, language=language))
        assert json.loads(provider.last.body)["TemplateId"] == template
