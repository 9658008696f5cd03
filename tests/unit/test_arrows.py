"""Import arrows run only down, as docs/architecture.md draws them.

Every import is computed from the source, also those inside functions: a late import is an
arrow too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import roost

SOURCE = Path(roost.__file__).parent

PURE = frozenset({"errors", "fmri", "model"})

MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "fmri": frozenset({"errors"}),
    "layout": frozenset({"errors"}),
    "loop": frozenset(),
    "streams": frozenset(),
    "hashing": frozenset(),
    "ownership": frozenset(),
    "trees": frozenset({"layout", "hashing"}),
    "model": frozenset({"errors", "fmri"}),
    "engine": PURE,
    "manifest": PURE,
    "convert": PURE | {"manifest"},
    "repository": PURE | {"layout"},
    "api": PURE | {"layout", "loop"},
    "restarter": PURE | {"layout", "loop", "engine"},
    "services": PURE | {"layout", "api"},
    "daemon": PURE
    | {"layout", "loop", "streams", "hashing", "trees", "repository", "engine", "restarter", "api"},
    "cli": PURE | {"layout", "loop", "streams", "hashing", "ownership", "trees", "api", "manifest"},
}
"""The rooms that each room may import, beside itself and the version in ``roost``."""

EXCEPTIONS: dict[str, str] = {
    "roost.cli.roost": "daemon",  # `roost run` is svc.startd in the foreground
    "roost.cli.completion": "daemon",  # completes svc.startd's options too
    "roost.cli.convert": "convert",  # the one command that reads foreign formats
    # The commands of a service that roost ships: sealed storage and who unlocks it.
    "roost.cli.prompt": "services",
    "roost.cli.storage": "services",
    "roost.cli.unlock": "services",
}
"""Single modules that may import one more room."""

STANDARD_LIBRARY_ONLY = (
    "roost.daemon.main",
    "roost.cli.svcs",
    "roost.cli.svcadm",
    "roost.cli.svcprop",
    "roost.cli.roost",
)
"""Entry points that must start on the standard library alone."""


def _module_name(path: Path) -> str:
    parts = ["roost", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def _imports(name: str, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """The full names of the modules that these statements import."""
    is_package = MODULES[name].name == "__init__.py"
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".")
                package = package[: len(package) - node.level + (1 if is_package else 0)]
                base = ".".join([*package, base] if base else package)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in MODULES else base


def _all_imports(name: str) -> Iterator[str]:
    return _imports(name, ast.walk(ast.parse(MODULES[name].read_text())))


def _imports_at_load(name: str) -> Iterator[str]:
    """Imports that loading the module carries out: not those inside functions."""

    def statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
        for statement in body:
            yield statement
            for part in ("body", "orelse", "finalbody"):
                if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from statements(getattr(statement, part, []))

    return _imports(name, statements(ast.parse(MODULES[name].read_text()).body))


def _room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("name", [n for n in MODULES if n != "roost"])
def test_arrows_run_only_down(name: str) -> None:
    room = _room(name)
    assert room in MAY_IMPORT, f"{name}: a room that the architecture does not know"
    allowed = MAY_IMPORT[room] | {room, "", EXCEPTIONS.get(name, "")}
    for imported in _all_imports(name):
        if imported.split(".")[0] == "roost":
            assert _room(imported) in allowed, f"{name} imports {imported}"


def test_exceptions_are_needed() -> None:
    for name, room in EXCEPTIONS.items():
        assert room in map(_room, _all_imports(name))


def test_rooms_form_no_cycle() -> None:
    """The table above has an order in which every room stands after all it may import."""
    placed: set[str] = set()
    while len(placed) < len(MAY_IMPORT):
        ready = {r for r, below in MAY_IMPORT.items() if r not in placed and below <= placed}
        assert ready, f"a cycle among {sorted(set(MAY_IMPORT) - placed)}"
        placed |= ready


def test_modules_form_no_cycle() -> None:
    edges = {
        name: {other for other in _imports_at_load(name) if other in MODULES and other != name}
        for name in MODULES
    }
    placed: set[str] = set()
    while len(placed) < len(MODULES):
        ready = {name for name, below in edges.items() if name not in placed and below <= placed}
        assert ready, f"modules that import each other: {sorted(set(MODULES) - placed)}"
        placed |= ready


PURE_ROOMS = ("engine", "model", "fmri", "convert")


@pytest.mark.parametrize("name", [n for n in MODULES if _room(n) in PURE_ROOMS])
def test_pure_rooms_touch_nothing(name: str) -> None:
    """No clock, file, process, socket or log: not even the module that would give one.

    ``signal`` is not listed: its numbers have names, and those are plain values.
    """
    impure = {
        "asyncio", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "random",
        "select", "selectors", "shutil", "socket", "sqlite3", "subprocess", "tempfile",
        "threading", "time", "uuid",
    }  # fmt: skip
    for imported in _all_imports(name):
        assert imported.split(".")[0] not in impure, f"{name} imports {imported}"
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval"}


def _load_closure(entry: str) -> dict[str, str]:
    """Every roost module that loading ``entry`` loads, with who imports it."""
    found: dict[str, str] = {entry: ""}
    work = [entry]
    while work:
        here = work.pop()
        for imported in _imports_at_load(here):
            parts = imported.split(".")
            for size in range(1, len(parts) + 1):
                name = ".".join(parts[:size])
                if name in MODULES and name not in found:
                    found[name] = here
                    work.append(name)
    return found


@pytest.mark.parametrize("entry", STANDARD_LIBRARY_ONLY)
def test_fast_commands_load_the_standard_library_alone(entry: str) -> None:
    for name in _load_closure(entry):
        for imported in _imports_at_load(name):
            top = imported.split(".")[0]
            assert top in sys.stdlib_module_names or top == "roost", f"{name} imports {imported}"
