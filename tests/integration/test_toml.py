"""Services in TOML with a real svc.startd: found at its start, imported, run, printed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.manifest._toml_source import MAX_KEYS
from tests.integration.daemon import Daemon

TICKER = """\
[service."site/ticker"]
common_name = "ticker"
start = "sh -c 'echo tick %{config/word} $LANG; exec sleep 3600'"
duration = "child"
environment = { LANG = "C.UTF-8" }
needs = ["/etc"]
config.word = "tock"
"""
BATCH = """\
[service."site/batch"]
enabled = false
start = ":true"
duration = "transient"
needed_by = ["svc:/site/ticker"]
[service."site/batch".config]
size = { count = "18446744073709551615" }
names = ["b", "a"]
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("toml") / "root"
    manifests = root / "etc/svc/manifest/site"
    manifests.mkdir(parents=True)
    (manifests / "ticker.toml").write_text(TICKER)
    made = Daemon(root).settled()
    yield made
    made.stop()


def test_a_service_found_at_the_start_runs(daemon: Daemon) -> None:
    daemon.wait_state("svc:/site/ticker:default", "online")
    log = Path(daemon.run("svcs", "-L", "ticker").strip())
    assert "tick tock C.UTF-8\n" in log.read_text()
    assert daemon.run("svcprop", "-p", "start/timeout_seconds", "ticker") == "60\n"
    assert "ticker.toml" in daemon.run("svcprop", "-p", "manifestfiles", "site/ticker")


def test_import_export_and_import(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "batch.toml"
    file.write_text(BATCH)
    daemon.run("svccfg", "validate", file)
    assert daemon.run("svccfg", "inventory", file).split() == [
        "svc:/site/batch:default",
        "svc:/site/batch",
    ]
    daemon.run("svccfg", "import", file)
    before = daemon.run("svccfg", "-s", "site/batch", "listprop")
    assert "18446744073709551615" in before
    printed = daemon.run("svccfg", "export", "--format", "toml", "site/batch")
    assert printed == (
        """\
[service."site/batch"]
enabled = false
start = ":true"
duration = "transient"
needed_by = ["svc:/site/ticker"]

[service."site/batch".config]
names = ["b", "a"]
size = { count = "18446744073709551615" }
"""
    )
    assert daemon.run("svcprop", "-p", "site-batch_site-ticker/entities", "site/ticker") == (
        "svc:/site/batch\n"
    )
    daemon.run("svccfg", "delete", "site/batch")
    file.write_text(printed)
    daemon.run("svccfg", "import", file)
    assert daemon.run("svccfg", "-s", "site/batch", "listprop") == before
    daemon.run("svccfg", "delete", "site/batch")


def test_a_directory_with_both_notations(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "batch.toml").write_text(BATCH)
    (tmp_path / "bad.toml").write_text("[service.x]\nstrat = 1\n")
    said = daemon.run("svccfg", "import", tmp_path, status=1)
    assert f"{tmp_path}/bad.toml:2: at service.x.strat: there is no key 'strat'" in said
    assert "site/batch" in daemon.run("svccfg", "list")
    daemon.run("svccfg", "delete", "site/batch")


def test_the_name_of_the_file_says_the_notation(daemon: Daemon, tmp_path: Path) -> None:
    for name, first in (("x.toml", '[service."site/ticker"]'), ("x.xml", "<?xml")):
        daemon.run("svccfg", data=f"export site/ticker > {tmp_path}/{name}\n")
        assert (tmp_path / name).read_text().startswith(first)
    assert "usage" in daemon.run("svccfg", "export", "--format", "odd", "site/ticker", status=1)


def test_profiles_and_archives(daemon: Daemon, tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text('type = "profile"\n[service."site/ticker"]\nconfig.word = "tack"\n')
    daemon.run("svccfg", "apply", profile)
    assert daemon.run("svcprop", "-p", "config/word", "ticker") == "tack\n"
    extracted = daemon.run("svccfg", "extract", "--format", "toml")
    assert '\n[service."site/ticker"]\nenabled = true\n' in extracted
    archive = tmp_path / "all.toml"
    archive.write_text(daemon.run("svccfg", "archive", "-a", "--format", "toml"))
    assert archive.read_text().startswith('type = "archive"\nname = "archive"\n')
    daemon.run("svccfg", "restore", archive)
    assert daemon.run("svccfg", "archive", "-a", "--format", "toml") == archive.read_text()


MEASURE = """
import re, sys
from roost.manifest import find_problems
find_problems(sys.stdin.buffer.read(), "x.toml")
# Not ru_maxrss: that begins with what the process had that started this one.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""
HOSTILE = {
    "services": b"".join(b"service.a%d={}\n" % n for n in range(MAX_KEYS)),
    "instances": b"[service.x.instance]\n" + b"".join(b"a%d={}\n" % n for n in range(MAX_KEYS - 3)),
    "methods": b"".join(b"service.a%d.start=''\n" % n for n in range(MAX_KEYS // 2)),
    "values": b"[service.x.g]\na=[" + b"1," * (MAX_KEYS - 5) + b"]",
    "mistakes": b"[service.x]\n" + b"".join(b"w%d=1\n" % n for n in range(MAX_KEYS - 3)),
    "keys": b"".join(b"a%d=1\n" % n for n in range(10**6 // 9)),
    "brackets": b"a=" + b"[" * 10**6,
    "tables": b"a=" + b"{a=" * 333_333,
    "dots": b"a" + b".a" * 500_000,
    "arrays": b"a=[" + b"[]," * 333_333 + b"]",
    "quotes": b'a="""' + b'\\"' * 500_000,
    "digits": b"a=1." + b"9" * 10**6,
    "string": b"[service.x.g]\na='" + b"x" * 10**6 + b"'",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_megabyte_of_anything_costs_little_memory(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=HOSTILE[kind],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == b""
    assert int(done.stdout) < 200
