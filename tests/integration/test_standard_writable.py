"""Files of the standard trees that others may write: nobody gets root by way of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.case import wipe_out
from tests.integration.daemon import HEADER, MANIFEST_IMPORT, Daemon
from tests.integration.other_user import needs_root
from tests.integration.test_standard_import import (
    Trees,
    exists,
    reread,
    said,
    transient,
    value,
)

ALICE = 65511


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "root")


@pytest.fixture
def boot(trees: Trees) -> Iterator[Callable[[], Daemon]]:
    running: list[Daemon] = []

    def start() -> Daemon:
        running.append(Daemon(trees.root).settled())
        return running[-1]

    yield start
    for daemon in running:
        wipe_out(daemon)


def test_a_manifest_that_others_may_write(trees: Trees, boot: Callable[[], Daemon]) -> None:
    trees.manifest("etc/good.xml", transient("site/good"))
    bad = trees.manifest("var/site/bad.xml", transient("site/bad"))
    bad.chmod(0o666)
    daemon = boot()
    daemon.wait_state("svc:/site/good:default", "online")
    daemon.wait_state(MANIFEST_IMPORT, "degraded")
    assert not exists(daemon, "svc:/site/bad")
    why = f"cannot import {bad}: others than its owner may write {bad} (chmod go-w)"
    assert why in daemon.log(MANIFEST_IMPORT)
    assert str(bad) in daemon.run("svcs", "-x")

    bad.chmod(0o644)
    assert "Loaded 1 service descriptions" in reread(daemon)
    daemon.wait_state("svc:/site/bad:default", "online")
    # What it says later counts no more, what it said stays.
    trees.manifest("var/site/bad.xml", transient("site/bad", 666)).chmod(0o666)
    reread(daemon, "degraded")
    assert value(daemon, "config/port", "site/bad:default") == "1"


def test_a_directory_that_others_may_write(trees: Trees, boot: Callable[[], Daemon]) -> None:
    trees.manifest("var/site/bad.toml", "")
    (trees.root / "var/svc/manifest/site/bad.toml").unlink()
    bad = trees.manifest("var/site/bad.xml", transient("site/bad"))
    bad.parent.chmod(0o777)
    daemon = boot()
    daemon.wait_state(MANIFEST_IMPORT, "degraded")
    assert not exists(daemon, "svc:/site/bad")
    assert f"may write {bad.parent} (chmod go-w)" in daemon.log(MANIFEST_IMPORT)
    # Who names the file has decided.
    daemon.run("svccfg", "import", bad)
    assert exists(daemon, "svc:/site/bad")


def test_a_profile_that_others_may_write(trees: Trees, boot: Callable[[], Daemon]) -> None:
    trees.manifest("etc/a.xml", transient("site/a"))
    trees.profile("site/a.xml", said("site/a", 2))
    bad = trees.profile("site/b.xml", said("site/a", enabled=False))
    bad.chmod(0o646)
    daemon = boot()
    daemon.wait_state("svc:/site/a:default", "online")
    daemon.wait_state(MANIFEST_IMPORT, "degraded")
    assert value(daemon, "config/port", "site/a:default") == "2"
    assert f"cannot apply {bad}: others than its owner" in daemon.log(MANIFEST_IMPORT)


def test_what_a_good_file_includes_must_be_good(trees: Trees, boot: Callable[[], Daemon]) -> None:
    inner = trees.manifest("var/site/inner.inc", transient("site/inner"))
    inner.chmod(0o666)
    outer = trees.manifest("var/site/outer.xml", "")
    outer.write_text(
        f'{HEADER}<service_bundle type="manifest" name="t"'
        ' xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="inner.inc"/>'
        "</service_bundle>"
    )
    daemon = boot()
    daemon.wait_state(MANIFEST_IMPORT, "degraded")
    assert not exists(daemon, "svc:/site/inner")
    assert f"cannot believe what it includes: others than its owner may write {inner}" in (
        daemon.log(MANIFEST_IMPORT)
    )
    inner.chmod(0o644)
    reread(daemon)
    daemon.wait_state("svc:/site/inner:default", "online")


@needs_root
def test_files_and_links_of_another_user(trees: Trees, boot: Callable[[], Daemon]) -> None:
    theirs = trees.manifest("var/site/theirs.xml", transient("site/theirs"))
    os.chown(theirs, ALICE, ALICE)
    elsewhere = trees.root / "home"
    elsewhere.mkdir()
    os.chown(elsewhere, ALICE, ALICE)
    (elsewhere / "l.xml").write_bytes(theirs.read_bytes().replace(b"theirs", b"linked"))
    link = theirs.with_name("link.xml")
    link.symlink_to(elsewhere / "l.xml")
    fifo = theirs.with_name("fifo.xml")
    os.mkfifo(fifo)
    daemon = boot()
    daemon.wait_state(MANIFEST_IMPORT, "degraded")
    assert not exists(daemon, "svc:/site/theirs")
    assert not exists(daemon, "svc:/site/linked")
    log = daemon.log(MANIFEST_IMPORT)
    assert f"{theirs} belongs to user {ALICE}, who may change it (chown root)" in log
    assert f"{elsewhere} belongs to user {ALICE}, who may change it (chown root)" in log
    assert f"cannot import {fifo}" in log
