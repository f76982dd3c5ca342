"""Atomic operations in Redis: Lua scripts, one file each, and several of them as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha1
from pathlib import Path

LUA = Path(__file__).parent.parent / "lua"
INCLUDE = "-- include: "  # the first line of a script that needs some of lua/lib, with commas between
STOP_VALUES = (None, 0)  # what a step returns that the next must not follow

# `steps` stands before it: what each does, and how many of the keys and arguments it takes. As ARGV.answers each finds
# what those before it have returned.
_ONE_BY_ONE = """
local answers, key, argument = {}, 0, 0
for n, step in ipairs(steps) do
  local last_key, last_argument = key + step.keys, argument + step.arguments
  local its_arguments = { unpack(ARGV, argument + 1, last_argument) }
  its_arguments.answers = answers
  local answer = step.run({ unpack(KEYS, key + 1, last_key) }, its_arguments)
  answers[n] = answer
  if not answer or answer == 0 then
    break
  end
  key, argument = last_key, last_argument
end
return answers
"""


@dataclass(frozen=True, eq=False)
class Script:
    """One atomic operation, in one file. `repeatable`: running it twice does what running it once does.

    `source` is given only where it is not the file of that name.
    """

    name: str
    repeatable: bool
    source: str = field(default="", repr=False)
    sha: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        source = self.source or _read(self.name)
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "sha", sha1(source.encode(), usedforsecurity=False).hexdigest())


def _read(name: str) -> str:
    """A script of lua/, after what it includes."""
    own = (LUA / f"{name}.lua").read_text(encoding="utf-8")
    first, _, _ = own.partition("\n")
    included = first.removeprefix(INCLUDE).split(", ") if first.startswith(INCLUDE) else []
    return "".join([*((LUA / "lib" / f"{part}.lua").read_text(encoding="utf-8") for part in included), own])


# A script, its keys and its arguments. A plain tuple: a named one takes two thousand instructions to make.
ScriptCall = tuple[Script, Sequence[str], Sequence[str | bytes | int]]


def chain_scripts(steps: Sequence[ScriptCall]) -> ScriptCall:
    """One script that does what these do one after the other, until one returns nothing or 0. Returns a list."""
    parts: list[tuple[Script, int, int]] = []
    keys: list[str] = []
    arguments: list[str | bytes | int] = []
    for script, its_keys, its_arguments in steps:
        parts.append((script, len(its_keys), len(its_arguments)))
        keys += its_keys
        arguments += its_arguments
    return _joined(tuple(parts)), keys, arguments


@lru_cache(maxsize=64)
def _joined(parts: tuple[tuple[Script, int, int], ...]) -> Script:
    steps = ", ".join(
        f"{{ keys = {keys}, arguments = {arguments}, run = function(KEYS, ARGV)\n{script.source}\nend }}"
        for script, keys, arguments in parts
    )
    name = " + ".join(script.name for script, _, _ in parts)
    repeatable = all(script.repeatable for script, _, _ in parts)
    return Script(name, repeatable, f"local steps = {{ {steps} }}{_ONE_BY_ONE}")
