"""Commands as another user, for real: a child that has given up root's rights runs them.

The child is forked, not executed, so that it needs no rights to the interpreter's files.
"""

from __future__ import annotations

import importlib
import os
import pickle
import pkgutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import roost.cli
import roost.manifest
from roost.cli import roost as roost_command
from roost.errors import RoostError
from tests.integration.refusals import LIMIT_S, MAINS, Outcome, Word, call

MAINS.setdefault("roost", roost_command.main)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def _load_all() -> None:
    """Late imports would read files that the other user may have no rights to."""
    for package in (roost.cli, roost.manifest):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)


@dataclass(frozen=True, slots=True)
class User:
    """Who runs a command."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def run(self, root: Path, command: str | Sequence[Word]) -> Outcome:
        """Run svcs, svcadm, svccfg, svcprop or roost."""
        _load_all()
        outcome = self.do(lambda: call(root, command))
        assert isinstance(outcome, Outcome)
        return outcome

    def do(self, act: Callable[[], object]) -> object:
        """What ``act`` returns, or the exception that it raises, done by this user."""
        read_fd, write_fd = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(read_fd)
                signal.alarm(int(LIMIT_S))
                self._become()
                with open(write_fd, "wb") as pipe:
                    pickle.dump(_result_of(act), pipe)
            finally:
                os._exit(0)
        os.close(write_fd)
        with open(read_fd, "rb") as pipe:
            written = pipe.read()
        os.waitpid(child, 0)
        assert written, f"{self} came to no end"
        result: object = pickle.loads(written)
        return result

    def _become(self) -> None:
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)


def _result_of(act: Callable[[], object]) -> object:
    try:
        return act()
    except RoostError as problem:
        return problem
