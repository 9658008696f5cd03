"""A restarter with real processes in a temporary root, driven by hand: what the
test_restarter modules share. Every wait is for an event or a fact, and is bounded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from roost.engine.commands import Scope
from roost.engine.events import ExitStatus, Fault, MethodName
from roost.layout import Layout
from roost.loop import Loop
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from roost.restarter.restarter import Restarter

X = "svc:/site/x:default"
Y = "svc:/site/y:default"
START, STOP, REFRESH = MethodName.START, MethodName.STOP, MethodName.REFRESH
BOUND_S = 30.0

Context = Mapping[str, str | tuple[str, ...]]
"""Attributes of a method's context, by name."""
Happening = tuple[str, str, object]
"""What the listener was told: (event, instance, detail)."""


def exited(code: int, instance: str = X, method: MethodName = START) -> Happening:
    return ("method", instance, (method, ExitStatus(code=code)))


def emptied(instance: str = X) -> Happening:
    return ("emptied", instance, None)


class House:
    """The restarter, and a diary of what its listener was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = Layout(str(root))
        self.loop = Loop()
        self.diary: list[Happening] = []
        self.complaints: list[str] = []
        self.properties: dict[tuple[str, str], tuple[str, ...]] = {}
        self.on_happening: Callable[[Happening], None] | None = None
        self.restarter = Restarter(
            self.loop,
            self.layout,
            self,
            {"PATH": "/usr/bin:/bin", "ROOST_ROOT": str(root)},
            complain=self.complaints.append,
        )

    # --- Listener -----------------------------------------------------------------------

    def method_exited(self, instance: str, method: MethodName, status: ExitStatus) -> None:
        self._note(("method", instance, (method, status)))

    def contract_faulted(self, instance: str, fault: Fault) -> None:
        self._note(("faulted", instance, fault))

    def contract_emptied(self, instance: str) -> None:
        self._note(("emptied", instance, None))

    def child_exited(self, instance: str, status: ExitStatus) -> None:
        self._note(("child", instance, status))

    def _note(self, happening: Happening) -> None:
        self.diary.append(happening)
        if self.on_happening is not None:
            self.on_happening(happening)

    # --- acts ---------------------------------------------------------------------------

    def run(
        self,
        command: str | None,
        method: MethodName = START,
        instance: str = X,
        *,
        child: bool = False,
        context: Context | None = None,
    ) -> None:
        """Run ``command`` (None: no such method) in a context."""
        values = {
            name: value if isinstance(value, tuple) else (value,)
            for name, value in (context or {}).items()
        }
        groups: dict[str, PropertyGroup] = {}
        if command is not None:
            values["exec"] = (command,)
            groups[method.value] = make_group(
                method.value,
                "method",
                [Property(n, PropertyType.ASTRING, v) for n, v in values.items()],
            )
        self.restarter.run_method(instance, method, groups, self._lookup, child_model=child)

    def finish(
        self,
        command: str | None,
        method: MethodName = START,
        instance: str = X,
        context: Context | None = None,
        **attributes: str | tuple[str, ...],
    ) -> ExitStatus:
        """Run a method and wait for its end."""
        before = len(self.diary)
        self.run(command, method, instance, context={**(context or {}), **attributes})
        self.until(lambda: self._end_since(before, instance, method) is not None)
        found = self._end_since(before, instance, method)
        assert found is not None
        return found

    def script(self, name: str, text: str) -> str:
        """An executable shell script; returns its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def kill(self, number: int, scope: Scope = Scope.SERVICE, instance: str = X) -> None:
        self.restarter.kill(instance, scope, number)

    # --- questions ----------------------------------------------------------------------

    def pids(self, instance: str = X) -> list[int]:
        return [found.pid for found in self.restarter.processes(instance)]

    def log(self, instance: str = X) -> str:
        path = Path(self.layout.log_of(instance))
        return path.read_text() if path.exists() else ""

    # --- waits --------------------------------------------------------------------------

    def until(self, is_so: Callable[[], bool]) -> None:
        """Turn the loop until ``is_so``, at most `BOUND_S` seconds."""
        end = self.loop.now() + BOUND_S
        while not is_so():
            assert self.loop.now() < end, f"waited in vain; diary: {self.diary}; log: {self.log()}"
            self.loop.turn(0.02)

    def until_told(self, happening: Happening) -> None:
        self.until(lambda: happening in self.diary)

    def watch(self, is_so: Callable[[], bool]) -> None:
        """Wait until ``is_so`` without a turn of the loop: nothing is reaped meanwhile."""
        end = self.loop.now() + BOUND_S
        while not is_so():
            assert self.loop.now() < end, "watched in vain"
            os.sched_yield()

    def settle(self) -> None:
        """Turn until all that is known already was told."""
        for _ in range(5):
            self.loop.turn(0)

    def _end_since(self, before: int, instance: str, method: MethodName) -> ExitStatus | None:
        for event, who, detail in self.diary[before:]:
            if event == "method" and who == instance and isinstance(detail, tuple):
                done, status = detail
                if done is method and isinstance(status, ExitStatus):
                    return status
        return None

    def _lookup(self, entity: str, path: str) -> tuple[str, ...] | None:
        return self.properties.get((entity, path))


@contextmanager
def open_house(root: Path) -> Iterator[House]:
    """A house that leaves no process behind."""
    house = House(root)
    try:
        yield house
    finally:
        house.restarter.close()
        house.loop.close()
