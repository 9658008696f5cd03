"""Packages of Debian or Ubuntu for tests: fetched, unpacked into a cache, never installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

_FETCH_S = 300


def unpacked(cache: Path, names: Iterable[str]) -> Path:
    """A tree with the files of all these packages that this system's sources know.

    Skips the test where there is no source of packages at all.
    """
    wanted = sorted(names)
    tree = cache / "tree"
    done = cache / "done"
    if not done.exists() or done.read_text().split() != wanted:
        shutil.rmtree(cache)
        tree.mkdir(parents=True)
        _fetch(cache, [["apt-get", "download", name] for name in wanted])
        _unpack(cache, tree)
        done.write_text("\n".join(wanted))
    return tree


def unpacked_with_all_they_need(cache: Path, names: Iterable[str]) -> Path:
    """The same with what the packages depend on and this system lacks; all of it must be had."""
    wanted = sorted(names)
    tree = cache / "tree"
    done = cache / "done"
    if not done.exists() or done.read_text().split() != wanted:
        shutil.rmtree(cache)
        tree.mkdir(parents=True)
        (cache / "partial").mkdir()
        command = ["apt-get", "install", "--yes", "--download-only", "--no-install-recommends"]
        # Nothing is installed: the lock is not needed, nor the right to take it.
        command += ["-o", f"Dir::Cache::archives={cache}", "-o", "Debug::NoLocking=1"]
        _fetch(cache, [[*command, "--reinstall", *wanted]])
        _unpack(cache, tree)
        done.write_text("\n".join(wanted))
    return tree


def _fetch(cache: Path, commands: list[list[str]]) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("this system has no packages of Debian")
    for command in commands:
        _run(command, cache)
    if not list(cache.glob("*.deb")):
        if os.geteuid() == 0:  # perhaps it has no lists of packages yet
            _run(["apt-get", "update"], cache)
            for command in commands:
                _run(command, cache)
        if not list(cache.glob("*.deb")):
            pytest.skip("no package can be fetched: apt-get reaches no source of packages")


def _run(command: list[str], cache: Path) -> None:
    """Run it; whether it succeeded shows in what lies in the cache."""
    subprocess.run(command, cwd=cache, capture_output=True, timeout=_FETCH_S, check=False)


def _unpack(cache: Path, tree: Path) -> None:
    for package in sorted(cache.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, tree], timeout=_FETCH_S, check=True)
        package.unlink()
