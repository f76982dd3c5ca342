"""The JVM of the tests: what compiles and runs `clients/okhttp`, and the OkHttps that there are to run it against."""

import fcntl
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Self

import pytest

from tests.processes import ROOT

CLIENT = ROOT / "clients" / "okhttp"
CHECKS = ROOT / "tests" / "clients" / "okhttp"
PATIENCE = 300.0  # seconds; compilers and JVMs are slow to start on a busy machine
DEBIANS = Path("/usr/share/java")
MAVENS = Path.home() / ".m2" / "repository"  # what some other project has brought here; nothing is fetched
LANGUAGE = "8"  # of Java: what every Android and its tools take


@cache
def missing() -> str:
    """What is not here that the tests need; empty where all is."""
    if not shutil.which("javac"):
        return "no JDK (Debian: apt install default-jdk-headless)"
    return "" if class_paths() else "no OkHttp (Debian: apt install libokhttp-java)"


@cache
def class_paths() -> dict[str, str]:
    """The class path of each OkHttp that is here, by its name: Debian's 3.13, and later ones that Maven keeps."""
    jars = [DEBIANS / "okhttp.jar", DEBIANS / "okio.jar"]
    found = {"debian": jars} if all(jar.exists() for jar in jars) else {}
    for okhttp in sorted(MAVENS.glob("com/squareup/okhttp3/okhttp*/*/okhttp*.jar")):
        if jars := _with_kotlin(okhttp):
            found[okhttp.stem] = jars
    return {name: os.pathsep.join(map(str, jars)) for name, jars in found.items()}


def _with_kotlin(okhttp: Path) -> list[Path]:
    """The jar and the newest of what it needs. Empty where something is missing."""
    needed = ("com/squareup/okio/okio-jvm/*/okio-jvm-*.jar", "org/jetbrains/kotlin/kotlin-stdlib/*/kotlin-stdlib-*.jar")
    newest = [max(MAVENS.glob(jar), key=_version, default=None) for jar in needed]
    return [okhttp, *filter(None, newest)] if all(newest) else []


def _version(jar: Path) -> list[int]:
    return [int(part) for part in jar.parent.name.split(".") if part.isdigit()]


def compiled(folder: Path, class_path: str, *sources: Path) -> subprocess.CompletedProcess[str]:
    """Compile as Java 8 with every warning but of what OkHttp 4 has deprecated and 3 has nothing else for."""
    lint = ["--release", LANGUAGE, "-Xlint:all,-options,-deprecation", "-Werror"]
    command = ["javac", *lint, "-cp", class_path, "-d", str(folder), *map(str, sources)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def java(class_path: str, *arguments: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a class to its end."""
    variables = {**os.environ, **environment}
    command = ["java", "-cp", class_path, *arguments]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=PATIENCE, check=False, env=variables
    )


def needs(class_path: str, package: str) -> set[str]:
    """The classes, by their full names, that those of a package refer to, in the first folder of the path."""
    folder, _, others = class_path.partition(os.pathsep)
    command = ["jdeps", "-verbose:class", "-filter:none", "--multi-release", "base", "-cp", others, folder]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.splitlines()
    return {line.split()[2] for line in lines if line.startswith(f"   {package}.")}


class Program:
    """A class that is told line by line what to do, and prints a line for each."""

    def __init__(self, class_path: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            ["java", "-cp", class_path, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, order: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, by the end of its input."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.stdout.close()


def compiled_once(folder: Path, class_path: str, *sources: Path) -> str:
    """The class path with the sources compiled into the folder, by the first process of the test run that comes."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            result = compiled(folder, class_path, *sources)
            assert result.returncode == 0, result.stderr
            (folder / "done").touch()
    return f"{folder}{os.pathsep}{class_path}"


def facts() -> list[str]:
    """The names of what `Checks.java` checks."""
    lines = (CHECKS / "Checks.java").read_text(encoding="utf-8").splitlines()
    return [line.split("(")[0].split()[-1] for line in lines if line.startswith("    static void ") and "World" in line]


def skip_where_missing() -> None:
    if missing():
        # A JDK and OkHttp come with the system, which a newcomer without root cannot change: told, and no failure.
        pytest.skip(missing())
