"""Finds what people would read in a template, or have read to them, and no translator would see.

Jinja's tree is flattened into the HTML that it writes, all branches after one another, with a stand-in for whatever is
not known beforehand. Then no text between tags, and none in an attribute that is shown, may have a letter in it.
What is passed on within expressions may be a text or not; there, what reads as one counts.
"""

import re
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser
from typing import NamedTuple

from jinja2 import Environment, nodes

# Names, and words that are the same in every language.
NAMES = {"Latch", "Redis", "Valkey", "PostgreSQL", "SQLite", "Prometheus", "OpenID", "English", "中文"}
NAMES |= {"API", "CSV", "DEL", "HTTP", "ID", "IP", "IPv4", "IPv6", "JSON", "SMS", "TTL", "URL", "UTC"}
SHOWN = {"title", "placeholder", "alt", "label", "hx-confirm", "hx-prompt"}
SHOWN |= {f"aria-{name}" for name in ("label", "description", "placeholder", "roledescription", "valuetext")}
BUTTONS = {"submit", "button", "reset"}  # inputs whose value is what stands on them
CODE = {"code", "kbd", "samp", "script", "style"}  # what is typed or run, and the same in every language
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
GETTEXT = {"_", "gettext", "ngettext", "pgettext", "npgettext"}
STAND_IN = "\ufffc"
PASSED_ON = "{{ }}"  # the place of a literal in an expression
_WORD = re.compile(r"[^\W_]+")
_READS_AS_TEXT = re.compile(r"^\W*[A-Z][a-z]+(?![\w-])|[a-z]{2,} [a-z]{2,} [a-z]{2,}|[a-z][.!?…]$|[\u3400-\u9fff]")


class Untranslated(NamedTuple):
    """A text, and the tag, attribute or expression in which it stands."""

    place: str
    text: str


def untranslated(environment: Environment, source: str) -> list[Untranslated]:
    """What is shown by a template though it does not come from gettext. `environment` has been through `install`."""
    passed_on: list[str] = []
    page = _Page()
    page.feed("".join(_flat(environment.parse(source), passed_on)))
    page.close()
    texts = (text for text in passed_on if _READS_AS_TEXT.search(text) and _strays(text))
    return [*page.found, *(Untranslated(PASSED_ON, text) for text in texts)]


def given_to_gettext(environment: Environment, source: str) -> list[str]:
    """The texts of a template that are translated."""
    calls = filter(_is_text, environment.parse(source).find_all(nodes.Call))
    return [str(given.value) for call in calls for given in call.args if isinstance(given, nodes.Const)]


def _flat(node: nodes.Node, passed_on: list[str]) -> Iterator[str]:
    """The HTML that a node writes; literals that it does not write itself are put aside."""
    if isinstance(node, nodes.TemplateData):
        yield node.data
    elif isinstance(node, nodes.Expr):
        passed_on += _literals(node)
    elif isinstance(node, nodes.CallBlock):  # all that the macros here take so are attributes
        passed_on += _literals(node.call)
        yield "<input "
        for child in node.body:
            yield from _flat(child, passed_on)
        yield ">"
    else:
        for child in node.iter_child_nodes():
            if isinstance(node, nodes.Output) and not isinstance(child, nodes.TemplateData):
                yield from _written(child, passed_on)
            else:
                yield from _flat(child, passed_on)


def _written(node: nodes.Node, passed_on: list[str]) -> Iterator[str]:
    """What an expression writes: its literals, as far as they are its value."""
    if isinstance(node, nodes.Const):
        yield escape(str(node.value))
    elif isinstance(node, nodes.CondExpr):
        passed_on += _literals(node.test)
        for branch in filter(None, (node.expr1, node.expr2)):
            yield from _written(branch, passed_on)
    elif isinstance(node, nodes.BinExpr | nodes.Concat | nodes.Filter):
        for child in node.iter_child_nodes():
            if isinstance(node, nodes.Filter) and child is not node.node and node.name not in {"default", "d"}:
                passed_on += _literals(child)
            else:
                yield from _written(child, passed_on)
    else:
        yield STAND_IN
        passed_on += _literals(node)


def _literals(node: nodes.Node) -> Iterator[str]:
    """All literals in an expression, but for what gettext translates, comparisons and keys."""
    if isinstance(node, nodes.Const):
        yield from (node.value,) if isinstance(node.value, str) else ()
    elif isinstance(node, nodes.Getattr | nodes.Getitem):
        yield from _literals(node.node)
    elif not isinstance(node, nodes.Compare | nodes.Test):
        for child in node.iter_child_nodes(exclude=("args",) if _is_text(node) else ()):
            yield from _literals(child)


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in GETTEXT


def _strays(text: str) -> bool:
    """Whether there are words, without the names; numbers and signs are none."""
    return any(not word.isdigit() and word not in NAMES for word in _WORD.findall(text))


class _Page(HTMLParser):
    """Collects what stands between tags, and in attributes that are shown, but for `translate="no"` and code."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Untranslated] = []
        self._open: list[tuple[str, bool]] = []  # tags, and whether what is in them needs no translation

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_exempt = self._is_exempt or given.get("translate") == "no"
        if tag not in VOID:
            self._open.append((tag, is_exempt or tag in CODE))
        if not is_exempt:
            self.found += [Untranslated(name, text) for name, text in _shown(tag, given) if _strays(text)]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while any(name == tag for name, _ in self._open):  # with those that need no end: <li>, <p>, <td>
            if self._open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._is_exempt and _strays(data):
            self.found.append(Untranslated(self._open[-1][0] if self._open else "", data.strip()))

    @property
    def _is_exempt(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def _shown(tag: str, attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in attributes.items():
        is_button = tag == "input" and name == "value" and attributes.get("type") in BUTTONS
        is_described = tag == "meta" and name == "content" and attributes.get("name") == "description"
        is_for_a_script = name.startswith("data-") and _READS_AS_TEXT.search(text)
        if name in SHOWN or is_button or is_described or is_for_a_script:
            yield name, text
