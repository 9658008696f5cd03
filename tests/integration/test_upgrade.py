"""A new version of a manifest, through svccfg import: what is mine stays, and is listed."""

from __future__ import annotations

from pathlib import Path

from tests.integration.svccfg_house import House, manifest

OLD = (
    manifest("web")
    .replace('<instance name="daily" enabled="false"/>', "")
    .replace(
        '<instance name="nightly"',
        """<property_group name="extra" type="application">
    <propval name="a" type="astring" value="1"/></property_group>
  <property_group name="kind" type="application">
    <propval name="a" type="astring" value="1"/></property_group>
  <instance name="nightly\"""",
    )
)
NEW = (
    OLD.replace('value="8080"', 'value="8081"')
    .replace('name="greeting" type="astring"', 'name="greeting" type="ustring"')
    .replace('<value_node value="a.example"/>', "")
    .replace(
        '<propval name="a" type="astring" value="1"/>',
        '<propval name="a" type="astring" value="2"/>',
        1,
    )
    .replace('name="kind" type="application"', 'name="kind" type="framework"')
    .replace('value="9090"', 'value="9091"')
    .replace('name="nightly" enabled="false"', 'name="nightly" enabled="true"')
)
MINE = """select site/web
setprop config/port = count: 90
setprop config/greeting = astring: hi
delprop config/search
delpg extra
delpg kind
addpg kind mine
select nightly
setprop config/own = astring: 1
"""


def test_what_is_mine_stays_and_is_listed(house: House, tmp_path: Path) -> None:
    path = tmp_path / "web.xml"
    path.write_text(OLD)
    assert house.run("import", str(path)).err == ""
    house.ok("-f", "-", text=MINE)
    before = house.props("site/web")
    assert house.run("import", str(path)).err == ""
    assert house.props("site/web") == before

    path.write_text(NEW)
    result = house.run("import", str(path))
    assert result.status == 0
    assert result.err.splitlines() == [
        f"svccfg: kept yours: svc:/site/web {line}"
        for line in (
            "config/greeting = astring: hi (manifest now says ustring: hello there)",
            "config/port = 90 (manifest now says 8081)",
            "config/search deleted (manifest now says b.example)",
            "extra deleted (the manifest has changed it)",
            "kind has type mine (manifest now says framework)",
        )
    ]
    assert house.props("site/web") == before
    nightly = {
        line.split()[0]: line.split()[-1] for line in house.props("site/web:nightly").splitlines()
    }
    assert nightly["config/port"] == "9091"
    assert nightly["config/own"] == "1"
    assert nightly["general/enabled"] == "false"
    assert house.run("import", str(path)).err == ""

    house.ok("-s", "site/web", "delcust")
    after = house.props("site/web")
    assert "8081" in after
    assert "extra/a" in after
