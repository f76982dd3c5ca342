"""What failures say: found in the code where it is not marked for translation, and in answers where it is not known."""

import ast
import io
import re
from collections.abc import Iterator, Mapping
from functools import cache

from babel.messages.pofile import read_po

from service.errors import ServiceError, SmsUnavailable
from service.languages import DOMAIN, LOCALES
from tests.texts import texts

FOR_THE_LOG = {SmsUnavailable.__name__}  # it is raised with a reason, and says the same to everybody
TELLING = {"problems", "fields"}  # dictionaries of what is wrong with each field
_PLACEHOLDER = re.compile(r"%\\\(\w+\\\)s")


def failures(of: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    """Every error class that has been imported."""
    yield of
    for kind in of.__subclasses__():
        yield from failures(kind)


def unmarked_failures(sources: Mapping[str, str]) -> list[str]:
    """What a failure is given to say, in files by name, that is not marked; a constant is looked for in all of them."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    own = {name: dict(_constants(tree)) for name, tree in trees.items()}
    everywhere = {name: value for constants in own.values() for name, value in constants.items()}
    raising = {kind.__name__ for kind in failures()} - FOR_THE_LOG | {"noting"}
    return [
        f"{name}:{said.lineno}: {ast.unparse(said)}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        for said in _said(node, raising)
        if not _is_fine(said, {**everywhere, **own[name]})
    ]


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _said(node: ast.AST, raising: set[str]) -> Iterator[ast.expr]:
    """The expressions in a node that become what somebody reads."""
    if isinstance(node, ast.Call) and _name(node.func) in raising:
        for argument in (*node.args, *(one.value for one in node.keywords if one.arg == "message")):
            if isinstance(argument, ast.Dict):
                yield from argument.values
            else:
                yield argument.value if isinstance(argument, ast.DictComp) else argument
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault":
        if _name(node.func.value) in TELLING:
            yield node.args[1]
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        if _name(node.targets[0].value) in TELLING:
            yield node.value
    elif isinstance(node, ast.ClassDef) and node.name in raising:
        yield from (
            one.value for one in node.body if isinstance(one, ast.Assign) and _name(one.targets[0]) == "message"
        )


def _is_fine(said: ast.expr, constants: Mapping[str, ast.expr]) -> bool:
    """Whether it is marked, or holds what was looked at where it was made."""
    if isinstance(said, ast.Constant):
        return not isinstance(said.value, str)
    if isinstance(said, ast.IfExp):
        return _is_fine(said.body, constants) and _is_fine(said.orelse, constants)
    if isinstance(said, ast.Call) and _name(said.func) == "Filled":
        return _is_fine(said.args[0], constants)
    if isinstance(said, ast.Call):
        return bool(_name(said.func))  # a function of ours; "...".format(...) has no name
    if isinstance(said, ast.Subscript):
        return True
    name = _name(said)
    return bool(name) and (name not in constants or not name.isupper() or _is_fine(constants[name], {}))


def _name(node: ast.AST) -> str:
    """The last part of a name with dots, or an empty string for what is none."""
    text = ast.unparse(node)
    return text.split(".")[-1] if re.fullmatch(r"[\w.]+", text) else ""


def is_translated(text: str) -> bool:
    """Whether a sentence in English, or several, may be said in every other language."""
    return _known().fullmatch(text) is not None


@cache
def _known() -> re.Pattern[str]:
    """The texts of the catalogues, with anything in their placeholders. One that begins with a value fits too much."""
    path = LOCALES / "zh_CN" / "LC_MESSAGES" / f"{DOMAIN}.po"
    ids = [str(texts(message.id)[0]) for message in read_po(io.BytesIO(path.read_bytes())) if message.id]
    one = "|".join(_PLACEHOLDER.sub(".+", re.escape(text)) for text in ids if not text.startswith("%("))
    return re.compile(f"(?:{one})(?: (?:{one}))*")
