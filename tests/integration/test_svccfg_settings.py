"""svccfg against a real svc.startd: its options, and the hashes of imported files."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from tests.integration.svccfg_house import QUOTES, House


def test_set_shows_and_changes_the_options(house: House) -> None:
    assert house.ok("set") == "verbose  off\nstrict   off\n"
    assert house.ok("-v", "set --json").split() == [
        "{", '"version":', "1,", '"verbose":', "true,", '"strict":', "false", "}",
    ]  # fmt: skip
    text = "set -v --strict\nset\nadd site/made\nset -V\ndelete site/made\nset --lenient\nset\n"
    assert house.ok(text=text) == (
        "verbose  on\nstrict   on\nsvc:/site/made added.\nverbose  off\nstrict   off\n"
    )
    assert "usage: set" in house.refused("set -v -V")
    assert "usage: set" in house.refused("set --strict --lenient")


def test_hash_tells_what_became_of_a_file(house: House, tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    path.write_text(QUOTES)
    assert house.ok("hash", str(path)) == f"new      -  {path}\n"
    house.ok("import", str(path))
    digest = sha256(QUOTES.encode()).hexdigest()
    assert house.ok("hash", str(path)) == f"same     {digest}  {path}\n"
    path.write_text(QUOTES.replace("8080", "8081"))
    assert house.ok("hash", str(path)) == f"changed  {digest}  {path}\n"
    path.unlink()
    assert f"gone     {digest}  {path}\n" in house.ok("hash")
    found = json.loads(house.ok("hash --json"))["files"]
    assert {"file": str(path), "hash": digest, "state": "gone"} in found
    assert "none was imported" in house.refused("hash", str(tmp_path / "never"))


def test_delhash_makes_an_import_that_heeds_hashes_read_the_file(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "quotes.xml"
    path.write_text(QUOTES)
    house.ok("import", str(path))
    house.ok("-s", "quotes", "setprop config/port = 1")

    def unchanged() -> object:
        done = house.run("import", "--json", str(path), env={"SVCCFG_CHECKHASH": "1"})
        return json.loads(done.out)["unchanged"]

    assert unchanged() == [str(path)]
    assert house.ok("-v", "delhash", str(path)) == f"The hash of {path} is forgotten.\n"
    assert house.ok("hash", str(path)) == f"new      -  {path}\n"
    assert str(path) not in house.ok("hash")
    assert unchanged() == []
    assert house.props("quotes", "config/port") == "config/port  count    1\n"
    assert "no such file was imported" in house.refused("delhash", str(tmp_path))


def test_delhash_of_a_file_that_is_gone_needs_d(house: House, tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    path.write_text(QUOTES)
    house.ok("import", str(path))
    path.unlink()
    complaint = house.refused("delhash", str(path))
    assert f"cannot forget the hash of {path}: there is no such file" in complaint
    assert f"try: svccfg delhash -d {path}" in complaint
    house.ok("delhash", "-d", str(path))
    assert "no such file was imported" in house.refused("delhash", "-d", str(path))
