"""Every text in the code stands in every catalogue, translated, and what is read is what was translated."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from service.http import errors
from service.http.errors import REFUSALS
from service.languages import DOMAIN, LOCALES, Language, translated
from service.routes.health import MOVED
from service.sms_text import TEXTS
from tests.failure_texts import failures, is_translated, unmarked_failures
from tests.processes import ROOT
from tests.programs import found
from tests.texts import faults, unmarked

CONSOLE = ROOT / "service" / "routes" / "console"
FOREIGN = [language for language in Language if language is not Language.ENGLISH]
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'


def catalogue_in(folder: Path, language: Language, ending: str) -> Path:
    return folder / language.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogues after `make locales`, which finds what is in the code now."""
    make = found("make", "whether the catalogues have all that is in the code")
    folder = tmp_path_factory.mktemp("anew") / "locales"
    shutil.copytree(LOCALES, folder)
    made = [f"--old-file=.venv/{stamp}.stamp" for stamp in ("run", "dev")]  # what is installed already is not made here
    command = [make, "--silent", *made, "locales", f"LOCALES={folder}", f"BIN={Path(sys.executable).parent}"]
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    return folder


@pytest.mark.parametrize("language", FOREIGN)
def test_make_locales_has_nothing_to_add(anew: Path, language: Language) -> None:
    for ending in ("po", "mo"):
        written = catalogue_in(anew, language, ending).read_bytes()
        assert written == catalogue_in(LOCALES, language, ending).read_bytes(), f"{ending}: type make locales"


@pytest.mark.parametrize("language", FOREIGN)
def test_every_text_in_the_code_is_translated(anew: Path, language: Language) -> None:
    with catalogue_in(anew, language, "po").open("rb") as file:
        assert faults(read_po(file)) == []


def test_there_is_a_catalogue_for_each_language_and_no_other() -> None:
    folders = {path.name for path in LOCALES.iterdir() if path.is_dir()}
    assert folders == {language.replace("-", "_") for language in FOREIGN}


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('msgid "End"\nmsgstr ""', "'End': not translated"),
        ('#, fuzzy\nmsgid "End"\nmsgstr "结束"', "'End': a guess"),
        ('msgid "%(n)s left"\nmsgstr "剩余 %(m)s"', "'%(n)s left': other placeholders in '剩余 %(m)s'"),
        ('msgid "%(n)s left"\nmsgstr "剩余"', "'%(n)s left': other placeholders in '剩余'"),
        ('msgid "{code} is it"\nmsgstr "{kode}"', "'{code} is it': other placeholders in '{kode}'"),
        ('msgid "50 %% of it"\nmsgstr "一半"', "'50 %% of it': other placeholders in '一半'"),
        ('msgid "Half"\nmsgstr "50 %"', "'Half': a per cent sign alone in '50 %'"),
        ('msgid "One"\nmsgid_plural "%(n)s"\nmsgstr[0] "几"', "'One': other placeholders in '几'"),
        ('msgid "One"\nmsgid_plural "%(n)s"\nmsgstr[0] ""', "'One': not translated"),
    ],
)
def test_a_fault_is_found(entry: str, fault: str) -> None:
    assert faults(read_po(io.BytesIO(f"{HEAD}{entry}\n".encode()))) == [fault]


@pytest.mark.parametrize(
    "entry",
    [
        'msgid "End"\nmsgstr "结束"',
        'msgctxt "verb"\nmsgid "%(a)s to %(b)s"\nmsgstr "%(b)s，%(a)s"',
        'msgid "{code} for {minutes} min"\nmsgstr "{minutes} 分钟内有效：{code}"',
        'msgid "One"\nmsgid_plural "%(n)s"\nmsgstr[0] "%(n)s 个"',
        'msgid "50 %% of %(n)d"\nmsgstr "%(n)d 的 50%%"',
    ],
)
def test_a_faithful_translation_has_none(entry: str) -> None:
    assert faults(read_po(io.BytesIO(f"{HEAD}{entry}\n".encode()))) == []


def test_no_route_of_the_console_says_what_no_translator_has_seen() -> None:
    found = {path.name: unmarked(path.read_text("utf-8")) for path in CONSOLE.rglob("*.py")}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    "source",
    [
        "X = 'Please wait.'",
        "def f(x):\n    return f'Ended by {x}', 1",
        "page(text='was not found.')",
        "X = {'a': '会话'}",
    ],
)
def test_a_sentence_that_is_not_marked_is_found(source: str) -> None:
    assert len(unmarked(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"""What a page says."""',
        "X = N_('Please wait.')",
        "X = _('Ended by %(who)s') % {'who': x}",
        "X = languages.ngettext('One device.', 'Some devices.', n)",
        """X = "default-src 'none'; script-src 'self'", 'Content-Type', 'text/html; charset=utf-8', 'find.html'""",
    ],
)
def test_what_is_marked_or_no_sentence_is_let_through(source: str) -> None:
    assert unmarked(source) == []


def test_no_failure_says_what_no_translator_has_seen() -> None:
    """But for commands and the rehearsal, which speak English: whatever may be answered comes from these files."""
    english = {"commands", "rehearsal"}
    files = [path for path in (ROOT / "service").rglob("*.py") if not english & {*path.parts}]
    assert unmarked_failures({str(path.relative_to(ROOT)): path.read_text("utf-8") for path in files}) == []


def test_no_use_case_and_no_route_says_a_sentence_that_is_not_marked() -> None:
    apart = {
        "commands",
        "rehearsal",
        "openapi",
        "stores",
        "embedded",
        "observability",
        "senders",
    }  # for operators alone
    files = [path for path in (ROOT / "service").rglob("*.py") if not apart & {*path.parts}]
    found = {text for path in files for text in unmarked(path.read_text("utf-8"))}
    assert found == {MOVED, errors.REALM, errors.BASIC}  # for programs


@pytest.mark.parametrize("language", FOREIGN)
def test_every_failure_has_a_sentence_in_every_language(language: Language) -> None:
    said = {kind.message for kind in failures()} | {sentence for _, sentence in REFUSALS.values()} | {*TEXTS.values()}
    assert len(said) > 20
    assert {sentence for sentence in said if translated(sentence, language) == sentence} == set()


@pytest.mark.parametrize(
    "source",
    [
        "raise NotFound('there is no such thing')",
        "raise NotFound(f'there is no user {x}')",
        "raise InvalidRequest({'name': 'is taken'})",
        "raise InvalidRequest({'name': f'is {x}'})",
        "raise InvalidRequest(message='No.')",
        "raise TooManyRequests(3, 'Wait.')",
        "raise InvalidRequest({name: 'is sent twice' for name in names})",
        "GONE = 'is gone'\nraise InvalidRequest({'name': GONE})",
        "problems['name'] = N_('is taken') if x else 'is missing'",
        "problems.setdefault('name', 'is taken')",
        "raise NotFound(Filled('there is no user %(user)s', user=1))",
        "raise NotFound('there is no {}'.format(x))",
        "raise NotFound(NOBODY % x)",
        "class Forbidden(ServiceError):\n    message = 'No.'",
        "with noting(f'user {x} is gone'): pass",
    ],
)
def test_a_failure_that_is_not_marked_is_found(source: str) -> None:
    assert len(unmarked_failures({"a.py": source})) == 1


@pytest.mark.parametrize(
    "source",
    [
        "raise NotFound",
        "raise NotFound(N_('there is no such thing'))",
        "raise NotFound(Filled(N_('there is no user %(user)s'), user=1))",
        "GONE = N_('is gone')\nraise InvalidRequest({'name': GONE})",
        "problems['name'] = expected",
        "problems['name'] = one_of(Purpose)",
        "raise SmsUnavailable(f'status {x}')",
        "raise TooManyRequests(3)",
    ],
)
def test_a_failure_that_is_marked_is_let_through(source: str) -> None:
    assert unmarked_failures({"a.py": source}) == []


def test_a_sentence_in_an_answer_is_known_with_its_values_or_is_not() -> None:
    assert is_translated("The request is not valid.")
    assert is_translated("there is no user 42")
    assert is_translated("This number belongs to another account. The number is as it was; sessions may have ended.")
    assert not is_translated("The request is odd.")
    assert not is_translated("The request is not valid. Nobody has said this.")
