"""What must be true of a text and its translation: whatever is filled in on one side is filled in on the other."""

import ast
import io
import re
from collections.abc import Iterator, Sequence
from gettext import GNUTranslations

from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo

MARKS = {"_", "N_", "gettext", "ngettext", "pgettext", "npgettext"}
_SENTENCE = re.compile(r"^\W*[A-Z][a-z]+ [a-z]|[a-z]{2,} [a-z]{2,}[.!?…]$|[\u3400-\u9fff]")
_PLACEHOLDERS = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}")


class _Zeroes(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return 0


def compiled(catalogue: Catalog) -> GNUTranslations:
    """The catalogue as it is read from an .mo file."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    file.seek(0)
    return GNUTranslations(file)


def can_be_filled(text: str) -> bool:
    """Whether the text may be filled in with `%`, as Jinja does with each: every other per cent sign is doubled."""
    try:
        text % _Zeroes()
    except (TypeError, ValueError):
        return False
    return True


def faults(catalogue: Catalog) -> list[str]:
    """What is wrong with a catalogue: what is not translated, or only by guess, and what does not fill in alike."""
    return [f"{texts(message.id)[0]!r}: {fault}" for message in catalogue if message.id for fault in faults_of(message)]


def faults_of(message: Message) -> Iterator[str]:
    """The same of one text."""
    source = texts(message.id)[-1]  # the plural: a language may have one form for all numbers
    translated = texts(message.string)
    if message.fuzzy:
        yield "a guess"
    if not all(translated):
        yield "not translated"
    for text in filter(None, translated):
        if sorted(_PLACEHOLDERS.findall(text)) != sorted(_PLACEHOLDERS.findall(source)):
            yield f"other placeholders in {text!r}"
        if can_be_filled(source) and not can_be_filled(text):
            yield f"a per cent sign alone in {text!r}"


def texts(given: str | Sequence[str] | None) -> Sequence[str]:
    """One text, or all of its forms."""
    return (given,) if isinstance(given, str) else given or ("",)


def unmarked(source: str) -> list[str]:
    """What reads as a sentence in a Python file, is no docstring, and is not marked for translation."""
    nodes = list(ast.walk(ast.parse(source)))
    calls = (node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in MARKS)
    fine = {inner for call in calls for inner in ast.walk(call)}
    fine |= {node.value for node in nodes if isinstance(node, ast.Expr)}
    literals = (node.value for node in nodes if isinstance(node, ast.Constant) and node not in fine)
    return [text for text in literals if isinstance(text, str) and _SENTENCE.search(text)]
