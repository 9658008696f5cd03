"""svccfg against a real svc.startd: manifests and profiles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.svccfg_house import (
    HEAD,
    QUOTES,
    TIMEOUT_S,
    House,
    manifest,
    persistent,
)


def test_import_of_a_directory(house: House, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "a.xml").write_text(manifest("a"))
    (tmp_path / "bad.xml").write_text("<service_bundle>")
    (tmp_path / "notes.txt").write_text("no manifest")
    (tmp_path / "site" / "b.xml").write_text(manifest("b"))
    result = house.run("import", str(tmp_path))
    assert result.status == 1
    assert f"{tmp_path}/bad.xml" in result.err
    assert result.out == "Loaded 2 service descriptions, 1 failed.\n"
    assert {"site/a", "site/b"} <= set(house.ok("list").split())

    heeding = {"SVCCFG_CHECKHASH": "1"}
    again = house.run("import", str(tmp_path), env=heeding)
    assert again.out == "Loaded 0 service descriptions, 2 unchanged, 1 failed.\n"
    (tmp_path / "bad.xml").unlink()
    (tmp_path / "a.xml").write_text(manifest("a").replace("9090", "9091"))
    answer = json.loads(house.run("import --json", str(tmp_path), env=heeding).out)
    assert [one["file"] for one in answer["imported"]] == [f"{tmp_path}/a.xml"]
    assert answer["unchanged"] == [f"{tmp_path}/site/b.xml"]
    assert house.props("site/a:nightly", "config/port") == "config/port  count    9091\n"


def test_import_writes_its_progress(house: House, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(manifest("a"))
    (tmp_path / "bad.xml").write_text("<service_bundle>")
    progress = tmp_path / "progress"
    assert house.run("import -p", str(progress), str(tmp_path)).status == 1
    assert progress.read_text() == f"failed {tmp_path}/bad.xml\nloaded {tmp_path}/a.xml\n"
    refused = house.refused("import -p /nonexistent/x", str(tmp_path))
    assert "cannot write /nonexistent/x: No such file or directory" in refused


def test_import_takes_paths_or_the_standard_ones(house: House, tmp_path: Path) -> None:
    assert "usage: import " in house.refused("import")
    assert "usage: import " in house.refused("import --standard", str(tmp_path))


def test_import_tells_of_conflicts(quotes: House, tmp_path: Path) -> None:
    quotes.ok("-s", "quotes:nightly", "setprop config/port = 1")
    path = tmp_path / "quotes.xml"
    path.write_text(QUOTES.replace("9090", "9091"))
    result = quotes.run("import", str(path))
    assert result.status == 0
    assert "config/port" in result.err
    assert quotes.props("quotes:nightly", "config/port") == "config/port  count    1\n"


def test_bad_files(house: House, tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text(QUOTES.replace('type="count"', 'type="number"'))
    for command in ("import", "validate", "inventory"):
        assert f"{bad}:" in house.refused(command, str(bad))
        assert "No such file" in house.refused(command, str(tmp_path / "absent.xml"))
    assert "site/quotes" not in house.ok("list")


INVENTORY = "svc:/site/quotes:nightly\nsvc:/site/quotes:daily\nsvc:/site/quotes\n"


def test_validate_and_inventory_need_no_daemon(tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    path.write_text(QUOTES)
    for words, expected in (
        (["validate", str(path)], ""),
        (["validate", f"file:{path}"], ""),
        (["inventory", str(path)], INVENTORY),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "roost.cli.svccfg", "-R", str(tmp_path / "no"), *words],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_export_delete_import(quotes: House, tmp_path: Path) -> None:
    quotes.ok("-s", "quotes", 'setprop config/greeting = "a \\"b\\" \\\\ <&> c"')
    quotes.ok("-s", "quotes:daily", "addpg extra application")
    quotes.ok("-s", "quotes:daily", "setprop extra/list = integer: (3 -1 2)")
    names = ("quotes", "quotes:daily", "quotes:nightly")
    before = [persistent(quotes.props(name)) for name in names]
    path = tmp_path / "exported.xml"
    assert quotes.ok(f"export site/quotes > {path}") == ""
    assert quotes.ok("export", "quotes") == path.read_text()
    quotes.ok("delete site/quotes")
    quotes.ok("import", str(path))
    assert [persistent(quotes.props(name)) for name in names] == before


PATTERN = """<template><common_name><loctext xml:lang="C">quotes</loctext></common_name>
<pg_pattern name="config" type="application" target="instance">
<prop_pattern name="port" type="count">
<constraints><range min="1024" max="65535"/></constraints></prop_pattern></pg_pattern></template>
</service>"""


def test_templates_warn_and_with_v_refuse(house: House, tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    path.write_text(QUOTES.replace("</service>", PATTERN).replace("8080", "80"))
    excluded = "svc:/site/quotes:daily: the property 'config/port' has the value '80'"
    assert excluded in house.refused("import -V", str(path))
    assert "site/quotes" not in house.ok("list")
    assert excluded in house.refused("validate", str(path))
    result = house.run("import", str(path))
    assert result.status == 0
    assert excluded in result.err
    assert excluded in house.refused("validate quotes:daily")
    assert "is valid" in house.ok("-v", "validate", "quotes:nightly")
    house.ok("-s", "quotes:nightly", "validate")
    house.ok("-s", "quotes", "setprop config/port = 8080")
    assert excluded in house.refused("validate quotes:daily")
    house.ok("-s", "quotes:daily", "refresh")
    house.ok("validate quotes:daily")


def test_what_export_refuses(quotes: House, tmp_path: Path) -> None:
    path = tmp_path / "kept.xml"
    path.write_text("kept")
    assert "Not found." in quotes.refused(f"export nothing > {path}")
    assert path.read_text() == "kept"
    assert "names the instance" in quotes.refused("export quotes:daily")
    result = quotes.run("export", "svc:/site/quotes:daily")
    assert result.status == 0
    assert "exporting svc:/site/quotes\n" in result.err
    assert "cannot write" in quotes.refused("export quotes > /nonexistent/x")


def test_extract_and_apply(quotes: House, tmp_path: Path) -> None:
    path = tmp_path / "profile.xml"
    quotes.ok(f"extract > {path}")
    text = path.read_text()
    assert 'type="profile"' in text
    assert "site/quotes" in text
    path.write_text(
        HEAD
        + """<service_bundle type="profile" name="p">
<service name="site/absent" type="service" version="1"><instance name="x" enabled="true"/></service>
<service name="site/quotes" type="service" version="1">
  <property_group name="config" type="application">
    <propval name="port" type="count" value="7"/>
    <propval name="colour" type="astring" value="red"/>
  </property_group>
  <instance name="daily" enabled="true"/>
</service></service_bundle>"""
    )
    quotes.ok("apply -n", str(path))
    assert quotes.props("quotes", "config/port") == "config/port  count    8080\n"
    quotes.ok("apply", str(path))
    assert quotes.props("quotes", "config/port") == "config/port  count    7\n"
    assert quotes.props("quotes", "config/colour") == "config/colour  astring  red\n"
    assert quotes.props("quotes:daily", "general/enabled").split()[2] == "true"
    out = quotes.ok(text="select quotes:daily\nselectsnap running\nlistprop config/colour\n")
    assert out == "config/colour  astring  red\n"
    assert quotes.ok("-v", "apply", str(path)) == (
        f"svc:/site/absent of {path} does not exist; passed over.\n"
        f"svc:/site/absent:x of {path} does not exist; passed over.\n"
    )
    assert "is a profile: applied" in quotes.run("import", str(path)).err


def test_archive_and_restore(quotes: House, tmp_path: Path) -> None:
    path = tmp_path / "archive.xml"
    quotes.ok("-s", "quotes:nightly", "setprop config/port = 1")
    before = persistent(quotes.props("quotes:nightly"))
    quotes.ok(f"archive > {path}")
    assert 'type="archive"' in path.read_text()
    quotes.ok("-s", "quotes:nightly", "setprop config/port = 2")
    quotes.ok("-s", "quotes:nightly", "setprop general/enabled = true")
    quotes.ok("restore", str(path))
    assert persistent(quotes.props("quotes:nightly")) == before
    quotes.ok("delete -f site/quotes")
    quotes.ok("restore", str(path))
    assert persistent(quotes.props("quotes:nightly")) == before
    assert "svccfg restore" in quotes.refused("import", str(path))


def test_what_was_restored_outlives_an_import(quotes: House, tmp_path: Path) -> None:
    path = tmp_path / "archive.xml"
    quotes.ok("-s", "quotes", "setprop config/port = 99")
    quotes.ok("-s", "quotes:nightly", "setprop general/enabled = true")
    quotes.ok(f"archive > {path}")
    for undo in ("-s quotes delcust", "delete -f quotes"):
        quotes.ok(*undo.split())
        quotes.ok("restore", str(path))
        manifest = tmp_path / "quotes.xml"
        manifest.write_text(QUOTES.replace("8080", "8081"))
        quotes.ok("import", str(manifest))
        listed = quotes.ok("-s", "quotes", "listprop -l all config/port")
        assert [line.split() for line in listed.splitlines()] == [
            ["config/port", "count", "manifest", "8081"],
            ["config/port", "count", "admin", "*", "99"],
        ]
        enabled = quotes.props("quotes:nightly", "general/enabled")
        assert enabled.split()[-1] == "true"
    # What is as the archive says is nobody's customization.
    assert "greeting" not in quotes.ok("listcust")


def test_an_archive_brings_back_instances_and_leaves_dependents_to_manifests(
    quotes: House, tmp_path: Path
) -> None:
    path = tmp_path / "archive.xml"
    manifest = tmp_path / "quotes.xml"
    dependent = (
        '<dependent name="after_quotes" grouping="optional_all" restart_on="none">'
        '<service_fmri value="svc:/site/other"/></dependent>'
    )
    with_dependent = QUOTES.replace("  <exec_method", f"  {dependent}<exec_method", 1)
    manifest.write_text(with_dependent)
    quotes.ok("import", str(manifest))
    quotes.ok(f"archive > {path}")
    quotes.ok("delete -f quotes:daily")
    quotes.ok("restore", str(path))
    assert "false" in quotes.props("quotes:daily", "general/enabled")
    quotes.ok("delete -f site/quotes")
    assert "after_quotes" not in quotes.ok("-s", "site/other", "listpg")
    quotes.ok("restore", str(path))
    assert "after_quotes" in quotes.ok("-s", "site/other", "listpg")
    manifest.write_text(QUOTES)
    quotes.ok("import", str(manifest))
    told = quotes.run("restore", str(path))
    assert told.status == 0
    assert "svc:/site/quotes: the dependent 'after_quotes' is left to its manifest" in told.err


CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "manifests"
SAMPLES = (
    "illumos-gate/usr/src/cmd/cron/cron.xml",
    "illumos-gate/usr/src/cmd/syslogd/system-log.xml",
    "solaris-userland/components/openssh/sources/ssh.xml",
    "illumos-gate/usr/src/cmd/rpcsvc/rusers.xml",
    "illumos-gate/usr/src/cmd/kbd/keymap.xml",
    "illumos-gate/usr/src/cmd/hal/hald/solaris/hal.xml",
    "illumos-gate/usr/src/cmd/fs.d/nfs/svc/client.xml",
    "illumos-extra/ntp/Solaris/ntp.xml",
    "solaris-ips/src/svc/pkg-server.xml",
)


@pytest.mark.corpus
@pytest.mark.parametrize("sample", SAMPLES)
def test_export_delete_import_of_real_manifests(sample: str, house: House, tmp_path: Path) -> None:
    path = CORPUS / sample
    if not path.exists():
        pytest.skip(f"the shared corpus of manifests has no {sample}")
    # Nothing of another system's services may start here.
    delivered = path.read_text().replace("enabled='true'", "enabled='false'")
    copy = tmp_path / "delivered.xml"
    copy.write_text(delivered.replace('enabled="true"', 'enabled="false"'))
    house.ok("import", str(copy))
    entities = house.ok("inventory", str(copy)).split()
    services = [fmri for fmri in entities if fmri.count(":") == 1]
    before = {fmri: persistent(house.props(fmri)) for fmri in entities}
    for service in services:
        exported = tmp_path / "exported.xml"
        house.ok(f"export -a {service} > {exported}")
        house.ok("delete", service)
        house.ok("import", str(exported))
    assert {fmri: persistent(house.props(fmri)) for fmri in entities} == before
    for service in services:
        house.ok("delete", service)
