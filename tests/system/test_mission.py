"""The mission's own files, word for word: nest waits for its key; resolv-conf takes a value."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import HEADER, service
from tests.system.isolated import SHARED, WAIT_S, IsolatedRoot, Startd

SEED = SHARED / "seed"
pytestmark = pytest.mark.skipif(not SEED.is_dir(), reason="the mission's files are not here")

NEST = "svc:/system/filesystem/nest:default"

ZFS = b"""#!/bin/sh
# Stands in for zfs: one encrypted pool, whose key is loaded when the passphrase is right.
case "$*" in
'get -H -o value keystatus nest')
    if [ -e /run/nest-key ]; then echo available; else echo unavailable; fi ;;
'key -lr nest')
    printf "Enter passphrase for 'nest': " >&2
    read -r passphrase
    [ "$passphrase" = 'correct horse' ] || { echo 'Incorrect key provided' >&2; exit 255; }
    : > /run/nest-key ;;
*) exit 2 ;;
esac
"""


def transient(name: str) -> str:
    """A service of which nothing but its state matters."""
    return service(name, stop=":true", duration="transient")


MACHINE = f"""{HEADER}<service_bundle type="manifest" name="machine">
{transient("milestone/single-user")}
{transient("system/filesystem/local")}
{transient("network/dns/client")}
{
    service(
        "site/held",
        "sleep 1000000 &",
        needs={"svc:/system/filesystem/local": "require_all/none"},
    )
}
</service_bundle>
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[IsolatedRoot]:
    layers = tmp_path / "layers"
    layers.mkdir()
    made = IsolatedRoot(layers)
    yield made
    made.close()


@pytest.fixture
def startd(root: IsolatedRoot, tmp_path: Path) -> Iterator[Startd]:
    root.install("/usr/sbin/zfs", ZFS, executable=True)
    method = (SEED / "nest" / "nest").read_bytes()
    root.install("/lib/svc/method/nest", method, executable=True)
    method = (SEED / "resolv-conf" / "dns-resolv-conf").read_bytes()
    # The page broke the line before awk's argument; broken, the script empties the file.
    method = method.replace(b"'\nsearch=", b"' search=")
    root.install("/lib/svc/method/dns-resolv-conf", method, executable=True)
    root.install("/lib/svc/manifest/machine.xml", MACHINE.encode())
    for name in ("nest/nest.xml", "resolv-conf/resolv-conf.xml"):
        manifest = (SEED / name).read_bytes()
        root.install(f"/lib/svc/manifest/{Path(name).name}", manifest)
    made = Startd(root, tmp_path / "console.txt")
    yield made
    made.stop()


def wait_for(root: IsolatedRoot, fmri: str, state: str) -> None:
    """Wait, by the idiom of svcprop(1), until an instance is in a state."""
    script = (
        'while [ "$(svcprop -p restarter/state "$0")" != "$1" ]; do'
        # It may change between the look and the wait: look again each second.
        ' timeout 1 svcprop -w -p restarter/state "$0" >/dev/null; done; exit 0'
    )
    done = subprocess.run(
        root.command("sh", "-c", script, fmri, state),
        timeout=WAIT_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nest_waits_for_its_key_and_goes_on(root: IsolatedRoot, startd: Startd) -> None:
    wait_for(root, NEST, "maintenance")
    expected = (SEED / "nest" / "console.txt").read_text().splitlines()
    console = startd.console.read_text().splitlines()

    # The method's own line, and the two of svc.startd: only date and pid differ.
    assert expected[4] in console
    stamp = re.compile(r"^[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d svc\.startd\[(\d+)\]: ")
    said = [line for line in console if stamp.match(line)]
    assert [stamp.sub("", line) for line in said] == [stamp.sub("", line) for line in expected[5:7]]
    assert {stamp.match(line)[1] for line in said} == {str(startd.pid)}  # type: ignore[index]

    explained = root.run("svcs", "-xv")
    assert "Load key for 'nest' zpool" in explained
    assert "Start method exited with $SMF_EXIT_ERR_FATAL." in explained
    assert "svc:/site/held:default" in explained
    assert "svc:/system/filesystem/local:default" in explained
    states = root.run("svcs", "-H", "-o", "state", "site/held", "filesystem/local")
    assert states.split() == ["offline", "offline"]

    typed = expected[4].split("'")[1]
    zfs_key, svcadm_clear = typed.split(" && ")
    wrong = root.run(*zfs_key.split(), data="wrong\n", check=False)
    assert "available" not in wrong
    root.run(*zfs_key.split(), data="correct horse\n")
    root.run(*svcadm_clear.removeprefix("/usr/sbin/").split())
    wait_for(root, "svc:/site/held:default", "online")
    assert root.run("svcs", "-x") == ""


def test_resolv_conf_as_the_document_shows(root: IsolatedRoot, startd: Startd) -> None:
    del startd
    root.install("/etc/resolv.conf", b"domain example.org\nnameserver 192.0.2.1\n")
    wait_for(root, "svc:/network/dns/client:default", "online")
    root.run("svccfg", "-s", "resolv-conf", "setprop", 'options/search="a.example b.example"')
    root.run("svcadm", "refresh", "resolv-conf")
    root.run("svcadm", "enable", "-s", "resolv-conf")
    assert root.run("svcprop", "-p", "options/search", "resolv-conf") == "a.example\\ b.example\n"
    lines = root.run("cat", "/etc/resolv.conf").splitlines()
    assert lines[0] == "domain example.org"
    # gawk takes the backslash of svcprop's output away; mawk leaves it.
    assert lines[1].replace("\\", "") == "search example.org a.example b.example"
    root.run("svcadm", "disable", "-s", "resolv-conf")
    assert "search" not in root.run("cat", "/etc/resolv.conf")
