"""Units and supervisord files as Debian's packages have them: converted, read, imported, valid."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.cli.convert import main
from roost.convert import (
    Conversion,
    Source,
    SupervisorOptions,
    UnitFile,
    UnitOptions,
    convert_supervisor,
    convert_units,
    joined,
)
from roost.manifest import find_problems, read_bundle
from tests.debian import unpacked
from tests.integration.daemon import Daemon

PACKAGES = (
    "acpid", "anacron", "apache2", "apt", "at", "atop", "avahi-daemon", "bind9", "bluez",
    "chrony", "cron", "cups-daemon", "dbus", "dnsmasq", "fail2ban", "gpsd", "gunicorn-examples",
    "haproxy", "hostapd", "ifupdown", "irqbalance", "lighttpd", "logrotate", "man-db",
    "mariadb-server", "mdadm", "memcached", "mosquitto", "network-manager", "nfs-common",
    "nfs-kernel-server", "nginx-common", "openssh-server", "openvpn", "php8.2-fpm", "postfix",
    "postgresql-common", "redis-server", "rpcbind", "rsyslog", "ruby-foreman", "samba",
    "smartmontools", "squid", "stunnel4", "supervisor", "sysstat", "systemd", "tor",
    "transmission-daemon", "unbound", "uuid-runtime", "varnish", "vsftpd", "wpasupplicant",
)  # fmt: skip
RUN_NO_PROGRAM = {"systemd-exit.service", "systemd-poweroff.service", "systemd-reboot.service"}
"""Their only content is what systemd itself does once they are started."""
_ASSIGNMENT = re.compile(r"[A-Za-z][\w.-]*\s*[=:]")
ENVIRONMENT = {"FOO": "foo", "HOME": "/root", "PATH": "/usr/bin"}


@pytest.fixture(scope="module")
def tree(request: pytest.FixtureRequest) -> Path:
    assert request.config.cache is not None
    return unpacked(request.config.cache.mkdir("debian-units"), PACKAGES)


@pytest.fixture(scope="module")
def units(tree: Path) -> list[Path]:
    """Every unit file that is no link to another one."""
    found = [
        path
        for directory in ("lib/systemd/system", "usr/lib/systemd/system")
        for path in sorted((tree / directory).glob("*.*"))
        if path.is_file() and not path.is_symlink() and path.suffix != ".conf"
    ]
    assert len({path.name for path in found}) == len(found)
    return found


@pytest.fixture(scope="module")
def services(units: list[Path]) -> list[Path]:
    found = [p for p in units if p.suffix == ".service" and p.name not in RUN_NO_PROGRAM]
    assert len(found) >= 40
    return found


def supervisor_files(tree: Path) -> list[Path]:
    found = sorted(
        path
        for path in tree.rglob("*.conf")
        if "supervis" in str(path)
        and re.search(r"^\[(program|supervisord)\b", path.read_text(), re.MULTILINE)
    )
    assert len(found) >= 5
    return found


def check_all_lines(path: Path, conversion: Conversion) -> None:
    """Every assignment of the file is carried over or named; counted by other means."""
    named = [setting for note in conversion.notes for setting in note.settings]
    covered = {setting.line for setting in (*conversion.carried, *named)}
    assert covered == set(assignments(path.read_text())), path


def assignments(text: str) -> Iterator[int]:
    """Numbers of the lines that begin an assignment (not those that continue one)."""
    goes_on = False
    for number, line in enumerate(text.split("\n"), 1):
        is_comment = line.lstrip().startswith(("#", ";"))
        if not goes_on and not is_comment and _ASSIGNMENT.match(line):
            yield number
        goes_on = goes_on if is_comment else line.endswith("\\")


def test_no_line_of_a_unit_is_dropped(units: list[Path]) -> None:
    for path in units:
        if path.name in RUN_NO_PROGRAM:
            continue
        file = UnitFile(path.name, str(path), (Source(path.name, path.read_text()),))
        (found,) = convert_units([file], UnitOptions({}))
        check_all_lines(path, found)


def test_what_cannot_be_carried_over_has_a_reason_of_its_own(services: list[Path]) -> None:
    for path in services:
        file = UnitFile(path.name, str(path), (Source(path.name, path.read_text()),))
        (found,) = convert_units([file], UnitOptions({}))
        assert not [str(note) for note in found.notes if "nothing like it" in note.why]


def test_units_become_bundles_that_a_repository_takes(
    services: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All are in one repository: it is valid, and nothing in it runs in a circle."""
    files = convert_all(services, tmp_path, capsys)
    assert len(files) == len(services)
    for file in files:
        assert find_problems(str(file)) == []
        # As root this machine's own services would be started: none is to be enabled.
        file.write_text(re.sub(r"(enabled ?= ?\"?)true", r"\1false", file.read_text()))
        bundle = read_bundle(str(file))
        assert not any(one.enabled for service in bundle.services for one in service.instances)
    daemon = Daemon(tmp_path / "root", "--milestone", "none")
    try:
        daemon.run("svccfg", "import", *files)
        known = set(daemon.run("svccfg", "list").split())
        assert {s.name for file in files for s in read_bundle(str(file)).services} <= known
        checks = "".join(f"validate {file}\n" for file in files)
        assert daemon.run("svccfg", "-f", "-", data=checks) == ""
        assert "maintenance" not in daemon.run("svcs", "-aH", "-o", "state,fmri")
    finally:
        daemon.stop()


def convert_all(
    paths: list[Path], directory: Path, capsys: pytest.CaptureFixture[str]
) -> list[Path]:
    """A file for each unit, by turns in both formats.

    What would take the name of another (a template and a plain unit, two ways to do one
    thing) gets a name of its own, as the command says one should.
    """
    found: list[Path] = []
    taken: set[str] = set()
    for number, path in enumerate(paths):
        form = ("toml", "xml")[number % 2]
        file = directory / f"{number}.{form}"
        options = ["--json", "--format", form, "-o", str(file)]
        services = run(capsys, *options, path)
        if not taken.isdisjoint(services):
            services = run(capsys, *options, "--name", f"site/n{number}", path)
        taken.update(services)
        found.append(file)
    return found


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[str]:
    """Run roost convert; returns the services that it made."""
    status = main([str(word) for word in words])
    shown = capsys.readouterr()
    assert status == 0, shown.err
    made: list[str] = json.loads(shown.out)["services"]
    assert made
    return made


def test_supervisord_files(tree: Path) -> None:
    count = 0
    for path in supervisor_files(tree):
        source = Source(path.name, path.read_text())
        options = SupervisorOptions({path.name: str(path.parent)}, ENVIRONMENT)
        found = joined("s", convert_supervisor([source], options))
        check_all_lines(path, found)
        count += len(found.bundle.services)
    assert count >= 5


def test_a_real_procfile(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = tree.rglob("data/example/Procfile")
    made = run(capsys, "--json", "-o", tmp_path / "app.toml", path)
    names = [service.name for service in read_bundle(str(tmp_path / "app.toml")).services]
    assert names == [name.removeprefix("svc:/") for name in made]
    assert names == [f"site/example/{name}" for name in ("ticker", "error", "utf8", "spawner")]
