"""svcbundle against a real svc.startd: what it writes is imported, and runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon

PING = "svc:/site/ping:default"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "root")
    made.run("svccfg", "import", "--standard")  # the first boot's import may still go on
    yield made
    made.stop()


def words(*texts: str) -> list[str]:
    return [word for text in texts for word in ("-s", text)]


def installed(daemon: Daemon) -> dict[str, list[str]]:
    """The files that svcbundle stored, by tree."""
    return {
        tree: sorted(os.listdir(place)) if place.is_dir() else []
        for tree in ("manifest", "profile")
        for place in [daemon.root / f"etc/svc/{tree}/site"]
    }


@pytest.mark.parametrize("suffix", ["xml", "toml"])
def test_a_written_manifest_is_imported_and_runs(suffix: str, daemon: Daemon) -> None:
    file = daemon.root / f"ping.{suffix}"
    daemon.run(
        "svcbundle",
        *("-o", file),
        *words("service-name=site/ping", "start-method=sleep 1000 &", "model=daemon"),
        *words("service-property=config:port:count:80"),
    )
    assert daemon.run("svccfg", "validate", file) == ""
    daemon.run("svccfg", "import", file)
    daemon.wait_state(PING, "online")
    assert daemon.run("svcprop", "-p", "config/port", PING) == "80\n"


def test_install_and_install_again(daemon: Daemon) -> None:
    mark = daemon.root / "mark"
    least = words("service-name=site/ping", f"start-method=echo %{{config/word}} >>{mark}")
    said = daemon.run("svcbundle", "-i", *least, *words("service-property=config:word::one"))
    assert f"{daemon.root}/etc/svc/manifest/site/ping.xml is written.\n" in said
    daemon.wait_state(PING, "online")
    assert mark.read_text() == "one\n"
    line = daemon.run("svcprop", "-l", "all", "-p", "config/word", "ping")
    assert line == "config/word astring manifest one\n"

    daemon.run("svcbundle", "-i", *least, *words("service-property=config:word::two"))
    assert daemon.run("svcprop", "-p", "config/word", PING) == "two\n"
    assert installed(daemon)["manifest"] == ["ping.xml"]


def test_a_file_of_another_service_stays(daemon: Daemon) -> None:
    daemon.run("svcbundle", "-i", *words("service-name=site/a-b", "start-method=:true"))
    before = (daemon.root / "etc/svc/manifest/site/a-b.xml").read_bytes()
    for name in ("site/a/b", "a/b"):
        said = daemon.run(
            "svcbundle", "-i", *words(f"service-name={name}", "start-method=:true"), status=1
        )
        assert f"cannot install svc:/{name}" in said
        assert "about svc:/site/a-b" in said
    least = words("service-name=site/a-b", "start-method=:true")
    assert "a-b.xml is there" in daemon.run("svcbundle", "-i", "--format", "toml", *least, status=1)
    assert (daemon.root / "etc/svc/manifest/site/a-b.xml").read_bytes() == before
    assert installed(daemon) == {"manifest": ["a-b.xml"], "profile": []}


def test_a_profile_goes_to_the_layer_of_the_site(daemon: Daemon) -> None:
    least = words("service-name=site/ping", "start-method=:true")
    daemon.run("svcbundle", "-i", *least, *words("service-property=config:word::one"))
    profile = words("bundle-type=profile", "service-name=site/ping")
    daemon.run("svcbundle", "-i", *profile, *words("service-property=config:word::site"))
    assert daemon.run("svcprop", "-l", "all", "-p", "config/word", "svc:/site/ping") == (
        "config/word astring manifest one\nconfig/word astring site-profile site\n"
    )
    assert daemon.run("svcprop", "-p", "config/word", PING) == "site\n"
    assert installed(daemon)["profile"] == ["ping.xml"]


def test_templates_and_schedules_are_told_of(daemon: Daemon) -> None:
    least = words("service-name=site/ping", "start-method=:true")
    said = daemon.run(
        "svcbundle", *least, *words("instance-property=startd:duration:astring:forever")
    )
    assert "'startd/duration' has the value 'forever', not contract" in said
    said = daemon.run("svcbundle", "-i", *least, *words("period=30"))
    assert "svcbundle: nothing runs periodic and scheduled services yet" in said
    restarter = daemon.run("svcprop", "-p", "general/restarter", PING)
    assert restarter == "svc:/system/svc/periodic-restarter:default\n"


def test_an_rc_script(daemon: Daemon) -> None:
    script = daemon.root / "S99x"
    script.write_text(f"#!/bin/sh\necho $1 >>{daemon.root}/said\n")
    script.chmod(0o755)
    daemon.run("svcbundle", "-i", *words("service-name=site/ping", f"rc-script={script}:3"))
    daemon.wait_state(PING, "online")
    daemon.run("svcadm", "disable", "-s", PING)
    assert (daemon.root / "said").read_text() == "start\nstop\n"
    assert PING.rpartition(":")[0] in daemon.run(
        "svcprop", "-p", "site_ping_multi_user_server/entities", "svc:/milestone/multi-user-server"
    )
