"""The standard trees: imported at start, by manifest-import, and taken back when they are gone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.api.client import Client
from roost.cli.cfg.runner import run_words
from roost.cli.cfg.session import Session
from roost.cli.cfg.store import Store
from roost.errors import DaemonNotRunning
from roost.layout import Layout
from tests.integration.case import wipe_out
from tests.integration.daemon import BIN, HEADER, MANIFEST_IMPORT, WAIT_S, Daemon, service

EARLY_LOG = "svc:/system/early-manifest-import:default"
PORT = """<property_group name="config" type="application">
<propval name="port" type="count" value="{}"/></property_group>"""
MARK = """
<service name="site/marked" type="service" version="1">
  <property_group name="config" type="application">
    <propval name="said_by" type="astring" value="{}"/>
  </property_group>
</service>"""


class Trees:
    """A root whose standard trees the test fills."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = Layout(str(root))
        root.mkdir()

    def manifest(self, path: str, services: str) -> Path:
        """Write a manifest to a path below a tree: ``etc/a.xml``."""
        tree, _, name = path.partition("/")
        return self._put(f"{tree}/svc/manifest/{name}", "manifest", services)

    def profile(self, name: str, services: str) -> Path:
        return self._put(f"etc/svc/profile/{name}", "profile", services)

    def _put(self, path: str, kind: str, services: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        bundle = f'<service_bundle type="{kind}" name="t">{services}</service_bundle>'
        file.write_text(HEADER + bundle)
        return file


def said(name: str, port: int | None = None, enabled: bool | None = None) -> str:
    """What a profile says of a service: its port, and whether its instance is enabled."""
    flag = (
        f'<instance name="default" enabled="{str(enabled).lower()}"/>'
        if enabled is not None
        else ""
    )
    group = PORT.format(port) if port is not None else ""
    return f'<service name="{name}" type="service" version="1">{group}{flag}</service>'


def transient(name: str, port: int = 1, *, enabled: bool = True) -> str:
    return service(
        name, stop=":true", duration="transient", enabled=enabled, extra=PORT.format(port)
    )


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "root")


@pytest.fixture
def boot(trees: Trees) -> Iterator[Callable[[], Daemon]]:
    """Start svc.startd; the one before is shut down."""
    running: list[Daemon] = []

    def start() -> Daemon:
        if running:
            running.pop().stop()
        running.append(Daemon(trees.root).settled())
        return running[-1]

    yield start
    for daemon in running:
        wipe_out(daemon)


def reread(daemon: Daemon, state: str = "online") -> str:
    """``svcadm restart manifest-import``, to its end; returns the lines that this logged."""
    seen = daemon.log(MANIFEST_IMPORT)
    before = daemon.wait_state(MANIFEST_IMPORT, "online", "degraded")
    daemon.run("svcadm", "restart", "manifest-import")
    daemon.wait_until(
        MANIFEST_IMPORT,
        lambda i: (
            i["state"] == state
            and i["next_state"] == "none"
            and i["state_time"] > before["state_time"]
        ),
        f"{state} again",
    )
    return daemon.log(MANIFEST_IMPORT)[len(seen) :]


def value(daemon: Daemon, path: str, fmri: str) -> str:
    return daemon.run("svcprop", "-p", path, fmri).rstrip("\n")


def layers(daemon: Daemon, path: str, fmri: str) -> list[str]:
    """``LAYER VALUE`` of each layer that says something, the lowest first."""
    lines = daemon.run("svcprop", "-l", "all", "-p", path, fmri).splitlines()
    return [" ".join(line.split()[2:4]) for line in lines]


def exists(daemon: Daemon, fmri: str) -> bool:
    with Client(daemon.layout) as client:
        return fmri in client.call("Repository.Services")["services"]


# --- what a start imports ---------------------------------------------------------------------


def test_all_three_trees_and_site_last(trees: Trees, boot: Callable[[], Daemon]) -> None:
    trees.manifest("lib/site/first.xml", MARK.format("lib site"))
    trees.manifest("etc/z.xml", MARK.format("etc") + transient("site/etc"))
    trees.manifest("var/deep/er/z.xml", MARK.format("var") + transient("site/var"))
    daemon = boot()
    daemon.wait_state("svc:/site/etc:default", "online")
    daemon.wait_state("svc:/site/var:default", "online")
    # One service in three files: who comes last has the last word.
    assert value(daemon, "config/said_by", "site/marked") == "lib\\ site"
    assert "Loaded 0 service descriptions" in daemon.log(MANIFEST_IMPORT)


def test_toml_in_the_trees(trees: Trees, boot: Callable[[], Daemon]) -> None:
    xml = trees.manifest("etc/a.xml", transient("site/a"))
    daemon = boot()
    text = daemon.run("svccfg", "export", "--format", "toml", "site/a")
    toml = xml.with_suffix(".toml")
    assert "count = 1 " in text
    toml.write_text(text.replace("count = 1 ", "count = 7 "))
    xml.unlink()
    daemon = boot()
    assert value(daemon, "config/port", "site/a:default") == "7"
    toml.unlink()
    daemon = boot()
    assert not exists(daemon, "svc:/site/a")


def test_an_unchanged_start_imports_nothing(trees: Trees, boot: Callable[[], Daemon]) -> None:
    trees.manifest("etc/a.xml", transient("site/a"))
    trees.profile("generic.xml", said("site/a", 2))
    early = boot().log(EARLY_LOG)
    daemon = boot()
    assert daemon.log(EARLY_LOG) == early, "the first pass was not even begun"
    assert daemon.log(MANIFEST_IMPORT).count("Loaded 0 service descriptions") == 2
    assert value(daemon, "config/port", "site/a:default") == "2"


def test_an_instance_of_the_first_import_starts_with_what_profiles_say(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    """Before anything starts, all of it is there: nothing runs that a profile turns off."""
    trees.manifest("etc/a.xml", transient("site/off") + transient("site/on", enabled=False))
    trees.profile("site.xml", said("site/off", enabled=False) + said("site/on", 5, enabled=True))
    daemon = boot()
    daemon.wait_state("svc:/site/on:default", "online")
    daemon.wait_state("svc:/site/off:default", "disabled")
    assert "Executing start" not in daemon.log("svc:/site/off:default")
    assert value(daemon, "config/port", "site/on:default") == "5"


# --- layers -----------------------------------------------------------------------------------


def test_layers_over_boots(trees: Trees, boot: Callable[[], Daemon]) -> None:
    """generic, then site, then admin; a file that changes, and files that go."""
    trees.manifest("etc/a.xml", transient("site/a"))
    generic = trees.profile("generic.xml", said("site/a", 2))
    site = trees.profile("site/one.xml", said("site/a", 3))
    daemon = boot()
    fmri = "site/a"
    assert layers(daemon, "config/port", fmri) == [
        "manifest 1",
        "system-profile 2",
        "site-profile 3",
    ]
    assert value(daemon, "config/port", "site/a:default") == "3"
    daemon.run("svccfg", "-s", fmri, "setprop", "config/port", "=", "4")
    daemon.run("svcadm", "refresh", fmri)

    trees.profile("site/one.xml", said("site/a", 33))
    daemon = boot()
    assert value(daemon, "config/port", "site/a:default") == "4", "what is yours stays"
    assert "site-profile 33" in layers(daemon, "config/port", fmri)
    daemon.run("svccfg", "-s", fmri, "delcust", "config/port")
    daemon.run("svcadm", "refresh", fmri)
    assert value(daemon, "config/port", "site/a:default") == "33"

    site.unlink()
    daemon = boot()
    assert layers(daemon, "config/port", fmri) == ["manifest 1", "system-profile 2"]
    assert value(daemon, "config/port", "site/a:default") == "2"
    generic.unlink()
    reread(daemon)
    assert layers(daemon, "config/port", fmri) == ["manifest 1"]
    assert value(daemon, "config/port", "site/a:default") == "1"


def test_a_disable_survives_profiles_at_every_boot(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    trees.manifest("etc/a.xml", transient("site/a", enabled=False))
    trees.profile("generic.xml", said("site/a", 2, enabled=True))
    daemon = boot()
    daemon.wait_state("svc:/site/a:default", "online")
    daemon.run("svcadm", "disable", "-s", "site/a")
    daemon = boot()
    daemon.wait_state("svc:/site/a:default", "disabled")
    # The profile speaks again, and of other things too: those count, the disable stays.
    trees.profile("generic.xml", said("site/a", 22, enabled=True))
    daemon = boot()
    daemon.wait_state("svc:/site/a:default", "disabled")
    assert value(daemon, "config/port", "site/a:default") == "22"
    trees.manifest("etc/b.xml", transient("site/b"))
    reread(daemon)
    daemon.wait_state("svc:/site/a:default", "disabled")


def test_a_profile_waits_for_services_that_come_later(
    trees: Trees, boot: Callable[[], Daemon], tmp_path: Path
) -> None:
    trees.profile("site.xml", said("site/a", 2) + said("site/b", 3, enabled=True))
    daemon = boot()
    trees.manifest("var/a.xml", transient("site/a"))
    reread(daemon)
    assert value(daemon, "config/port", "site/a:default") == "2"
    # Also one that is imported by hand, from anywhere.
    by_hand = tmp_path / "b.xml"
    by_hand.write_text(
        f'{HEADER}<service_bundle type="manifest" name="t">'
        f"{transient('site/b', enabled=False)}</service_bundle>"
    )
    daemon.run("svccfg", "import", by_hand)
    daemon.wait_state("svc:/site/b:default", "online")
    assert layers(daemon, "config/port", "site/b") == ["manifest 1", "site-profile 3"]


def test_apply_of_a_standard_profile_makes_its_layer(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    trees.manifest("etc/a.xml", transient("site/a"))
    daemon = boot()
    path = trees.profile("site/p.xml", said("site/a", 9))
    daemon.run("svccfg", "apply", "-n", path)
    assert layers(daemon, "config/port", "site/a") == ["manifest 1"]
    told = daemon.run("svccfg", "apply", path)
    assert "site-profile, as by 'svcadm restart manifest-import'" in told
    assert layers(daemon, "config/port", "site/a") == ["manifest 1", "site-profile 9"]
    assert value(daemon, "config/port", "site/a:default") == "9"
    elsewhere = trees.root / "p.xml"
    elsewhere.write_text(path.read_text().replace('"9"', '"10"'))
    assert daemon.run("svccfg", "apply", elsewhere) == ""
    assert layers(daemon, "config/port", "site/a")[-1] == "admin 10"


def test_import_of_a_standard_manifest_says_what_is_usual(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    daemon = boot()
    path = trees.manifest("etc/a.xml", transient("site/a"))
    told = daemon.run("svccfg", "import", path)
    assert f"{path} lies in a standard place; 'svcadm restart manifest-import'" in told
    daemon.wait_state("svc:/site/a:default", "online")


# --- bad files --------------------------------------------------------------------------------


def test_a_bad_file_keeps_nothing_from_coming_and_is_told(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    trees.manifest("etc/good.xml", transient("site/good"))
    bad = trees.manifest("etc/bad.xml", "<nonsense/>")
    trees.manifest("etc/last.xml", transient("site/last"))
    daemon = boot()
    daemon.wait_state("svc:/site/good:default", "online")
    daemon.wait_state("svc:/site/last:default", "online")
    daemon.wait_state(MANIFEST_IMPORT, "degraded")
    sentence = f"1 file could not be imported: {bad}"
    assert sentence in daemon.console.read_text()
    told = daemon.run("svcs", "-x")
    assert f"{MANIFEST_IMPORT} (service description import)\n State: degraded since" in told
    assert f"Reason: Start method exited with $SMF_EXIT_DEGRADED: {sentence}.\n" in told
    assert f"   See: {daemon.layout.log_of(MANIFEST_IMPORT)}\n" in told
    assert f"  Type: svcadm restart {MANIFEST_IMPORT}\n" in told
    assert value(daemon, "restarter/auxiliary_state", MANIFEST_IMPORT) == "import_failed"
    for log in (daemon.log(EARLY_LOG), daemon.log(MANIFEST_IMPORT)):
        assert re.search(rf"cannot import .*{re.escape(str(bad))}:3: ", log)

    trees.manifest("etc/bad.xml", transient("site/bad"))
    assert "Loaded 1 service descriptions" in reread(daemon)
    daemon.wait_state("svc:/site/bad:default", "online")
    assert daemon.run("svcs", "-x") == ""


def test_a_bad_file_at_the_late_import(trees: Trees, boot: Callable[[], Daemon]) -> None:
    daemon = boot()
    for number in range(5):
        trees.manifest(f"etc/bad{number}.xml", "<nonsense/>")
    profile = trees.profile("site/p.xml", said("site/good", 2))
    worse = trees.profile("site/q.xml", said("site/good", 3))
    trees.manifest("etc/good.xml", transient("site/good"))
    reread(daemon, "degraded")
    daemon.wait_state("svc:/site/good:default", "online")
    assert value(daemon, "config/port", "site/good:default") == "2"
    told = daemon.run("svcs", "-x")
    assert "6 files could not be imported: " in told
    assert " and 3 more.\n" in told
    log = daemon.log(MANIFEST_IMPORT)
    assert f"cannot apply {worse}:" in log
    assert str(profile) in log, "both files of the quarrel are named"


def test_a_profile_that_became_unreadable_keeps_its_say(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    trees.manifest("etc/a.xml", transient("site/a"))
    trees.profile("site/p.xml", said("site/a", 2))
    boot()
    trees.profile("site/p.xml", "<nonsense/>")
    trees.profile("site/q.xml", said("site/a", enabled=False))
    daemon = boot()
    assert value(daemon, "config/port", "site/a:default") == "2"
    daemon.wait_state("svc:/site/a:default", "disabled")
    daemon.wait_state(MANIFEST_IMPORT, "degraded")


def test_what_cannot_be_a_manifest_there(trees: Trees, boot: Callable[[], Daemon]) -> None:
    profile = trees.manifest("etc/a.xml", "")
    profile.write_text(profile.read_text().replace('"manifest"', '"profile"'))
    trees.profile("site.xml", transient("site/b"))
    manifest = trees.layout.profile_directory + "/site.xml"
    text = Path(manifest).read_text().replace('"profile"', '"manifest"')
    Path(manifest).write_text(text)
    daemon = boot()
    daemon.wait_state(MANIFEST_IMPORT, "degraded")
    log = daemon.log(MANIFEST_IMPORT)
    assert f"cannot import {profile}: it is of type profile" in log
    assert f"cannot apply {manifest}: it is of type manifest" in log


# --- taking away ------------------------------------------------------------------------------


def test_a_manifest_that_is_gone_takes_its_service_along(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    """The instance is stopped by its method, in the order of dependencies, then deleted."""
    note = trees.root / "stopped"
    running = service("site/gone", start=":true", stop=f"touch {note}", duration="transient")
    file = trees.manifest("var/gone.xml", running)
    trees.manifest(
        "etc/user.xml",
        service(
            "site/user", stop=":true", duration="transient",
            needs={"svc:/site/gone": "require_all/restart"},
        ),
    )  # fmt: skip
    daemon = boot()
    daemon.wait_state("svc:/site/user:default", "online")
    file.unlink()
    log = reread(daemon)
    assert "svc:/site/gone:default deleted: no file supports it.\n" in log
    assert "svc:/site/gone deleted: no file supports it.\n" in log
    assert not exists(daemon, "svc:/site/gone")
    assert note.exists()
    daemon.wait_state("svc:/site/user:default", "offline")
    daemon = boot()
    assert not exists(daemon, "svc:/site/gone")


def test_a_manifest_gone_before_a_start_never_starts(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    file = trees.manifest("etc/gone.xml", transient("site/gone"))
    daemon = boot()
    file.unlink()
    log = daemon.log("svc:/site/gone:default")
    daemon = boot()
    assert not exists(daemon, "svc:/site/gone")
    assert daemon.log("svc:/site/gone:default").count("Executing start") == log.count(
        "Executing start"
    )


def test_what_was_made_by_hand_stays(trees: Trees, boot: Callable[[], Daemon]) -> None:
    file = trees.manifest("etc/a.xml", transient("site/a"))
    shared = trees.manifest("etc/s.xml", transient("site/s"))
    other = trees.manifest("lib/s.xml", transient("site/s"))
    daemon = boot()
    daemon.run("svccfg", "-s", "site/a", "add", "mine")
    daemon.run("svcadm", "enable", "-s", "site/a:mine")
    daemon.run("svccfg", "add", "site/hand")
    file.unlink()
    shared.unlink()
    reread(daemon)
    assert exists(daemon, "svc:/site/a")
    daemon.wait_state("svc:/site/a:mine", "online")
    assert daemon.run("svcs", "-H", "site/a:default", status=1)
    assert exists(daemon, "svc:/site/hand")
    daemon.wait_state("svc:/site/s:default", "online")
    other.unlink()
    reread(daemon)
    assert not exists(daemon, "svc:/site/s")


def test_a_tree_that_is_not_there_takes_nothing_away(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    file = trees.manifest("var/a.xml", transient("site/a"))
    daemon = boot()
    tree = file.parent
    tree.rename(tree.with_name("elsewhere"))
    reread(daemon)
    assert daemon.run("svccfg", "cleanup") == ""
    daemon.wait_state("svc:/site/a:default", "online")
    answer = json.loads(daemon.run("svccfg", "cleanup -a --json"))
    assert answer["deleted"] == ["svc:/site/a:default", "svc:/site/a"]
    assert not exists(daemon, "svc:/site/a")
    tree.with_name("elsewhere").rename(tree)
    reread(daemon)
    daemon.wait_state("svc:/site/a:default", "online")


def test_cleanup_by_hand(trees: Trees, boot: Callable[[], Daemon]) -> None:
    file = trees.manifest("etc/a.xml", transient("site/a"))
    daemon = boot()
    assert daemon.run("svccfg", "cleanup") == ""
    file.unlink()
    assert daemon.run("svccfg", "cleanup") == (
        "svc:/site/a:default deleted: no file supports it.\n"
        "svc:/site/a deleted: no file supports it.\n"
    )


def test_manifest_import_survives_the_loss_of_its_own_manifest(
    trees: Trees, boot: Callable[[], Daemon]
) -> None:
    daemon = boot()
    (trees.root / "lib/svc/manifest/system/manifest-import.xml").unlink()
    reread(daemon)
    reread(daemon)
    boot().wait_state(MANIFEST_IMPORT, "online")


# --- extract ----------------------------------------------------------------------------------


def test_extract_of_layers_gives_them_again(trees: Trees, boot: Callable[[], Daemon]) -> None:
    trees.manifest("etc/a.xml", transient("site/a") + transient("site/b"))
    trees.profile("site.xml", said("site/a", 2))
    daemon = boot()
    daemon.run("svccfg", "-s", "site/a", data="addpg more application\n"
               'setprop more/list = ustring: ("a b" "")\nsetprop config/port = 5\n')  # fmt: skip
    daemon.run("svccfg", "-s", "site/b:default", "setprop", "general/enabled", "=", "false")
    daemon.run("svccfg", "-s", "site/b", "delpg", "config")
    files = {}
    for name in ("admin", "site-profile", "site-profile,admin"):
        files[name] = trees.root / f"{name}.xml"
        daemon.run("svccfg", f"extract -l {name} > {files[name]}")
    assert "site/b" not in files["site-profile"].read_text()
    assert 'value="5"' in files["site-profile,admin"].read_text()
    assert 'value="2"' not in files["site-profile,admin"].read_text()
    only = daemon.run("svccfg", "extract -l admin site/b:default")
    assert "site/a" not in only
    assert 'enabled="false"' in only

    listings = ["svccfg", "-s", "site/a", "listcust"], ["svccfg", "-s", "site/b", "listcust"]
    before = [daemon.run(*words) for words in listings]
    assert all(before)
    for fmri in ("site/a", "site/b", "site/b:default"):
        daemon.run("svccfg", "-s", fmri, "delcust")
    daemon.run("svccfg", "apply", files["admin"])
    assert [daemon.run(*words) for words in listings] == before
    daemon.wait_state("svc:/site/b:default", "disabled")

    assert "usage: extract" in daemon.run("svccfg", "extract -a", status=1)
    assert "cannot show layer 'x'" in daemon.run("svccfg", "extract -l x", status=1)
    plain = daemon.run("svccfg", "extract site/b")
    assert "site/a" not in plain
    assert "config" not in plain


# --- cut off ----------------------------------------------------------------------------------


def test_kill_9_in_the_middle_of_a_pass(trees: Trees, boot: Callable[[], Daemon]) -> None:
    """All manifests or none; and whatever is missing, the next start completes."""
    names = [f"site/s{number:03d}" for number in range(60)]
    for name in names:
        trees.manifest(f"etc/{name.replace('/', '-')}.xml", transient(name))
    trees.profile("generic.xml", "".join(said(name, 2) for name in names))
    trees.profile("site.xml", "".join(said(name, 3) for name in names[:30]))
    outcomes = []
    for delay_s in (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0, 2.0):
        stored = _cut_off_after(trees, delay_s) & set(names)
        assert stored in (set(), set(names)), f"half of it after {delay_s} s"
        outcomes.append(bool(stored))
        if stored:
            break
    assert not outcomes[0]
    assert "\nLoading service descriptions: 6" in "\n" + _said_at_boot(trees)
    daemon = boot()
    for name in (names[0], names[29], names[30], names[-1]):
        wanted = "3" if name in names[:30] else "2"
        assert value(daemon, "config/port", f"{name}:default") == wanted


def _said_at_boot(trees: Trees) -> str:
    """What the console shows of a first boot with these trees."""
    fresh = trees.root.with_name("fresh")
    shutil.copytree(trees.root / "etc/svc/manifest", fresh / "etc/svc/manifest")
    daemon = Daemon(fresh).settled()
    daemon.stop()
    return daemon.console.read_text()


def _cut_off_after(trees: Trees, delay_s: float) -> set[str]:
    """Kill svc.startd so long after it began the pass, and see what the repository has."""
    log = Path(trees.layout.log_of(EARLY_LOG))
    log.unlink(missing_ok=True)
    process = subprocess.Popen(
        [BIN / "svc.startd", "-R", trees.root],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + WAIT_S
    while not log.exists():
        assert time.monotonic() < deadline, "no pass was begun"
        time.sleep(0.005)
    time.sleep(delay_s)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(WAIT_S)
    daemon = Daemon(trees.root, "--milestone", "none")
    try:
        listed = daemon.run("svccfg", "list", "site/*").split()
    finally:
        daemon.stop()
    return set(listed)


class CutOff:
    """A client that is cut off before its first call of one method."""

    def __init__(self, layout: Layout, method: str) -> None:
        self._client = Client(layout)
        self._method = method

    def call(self, method: str, /, **parameters: object) -> dict[str, Any]:
        if method == self._method:
            raise DaemonNotRunning("go on", "the test cuts it off")
        return self._client.call(method, **parameters)

    def close(self) -> None:
        self._client.close()


@pytest.mark.parametrize("command", ["--standard", "file"])
@pytest.mark.parametrize("method", ["ImportFiles", "ReplaceLayer"])
def test_an_import_that_is_cut_off_before_its_profiles(
    trees: Trees, boot: Callable[[], Daemon], command: str, method: str
) -> None:
    """The profile was there before, and has not changed: it must be applied all the same."""
    trees.profile("site.xml", said("site/late", 2))
    daemon = boot()
    files = [trees.manifest(f"etc/{name}.xml", transient(f"site/{name}")) for name in ("late", "x")]
    words = ["--standard"] if command == "--standard" else [str(file) for file in files]
    store = Store(lambda: CutOff(trees.layout, f"Repository.{method}"))
    with Session(store, root=str(trees.root)) as session:
        assert run_words(session, ["import", *words]) != 0
    assert exists(daemon, "svc:/site/late") == (method == "ReplaceLayer")
    reread(daemon)
    assert value(daemon, "config/port", "site/late:default") == "2"


def test_a_clean_up_that_is_cut_off(trees: Trees, boot: Callable[[], Daemon]) -> None:
    file = trees.manifest("etc/a.xml", transient("site/a"))
    daemon = boot()
    file.unlink()
    store = Store(lambda: CutOff(trees.layout, "Repository.Delete"))
    with Session(store, root=str(trees.root)) as session:
        assert run_words(session, ["import", "--standard"]) != 0
    assert exists(daemon, "svc:/site/a")
    reread(daemon)
    assert not exists(daemon, "svc:/site/a")
