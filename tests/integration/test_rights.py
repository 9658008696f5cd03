"""The matrix of smf_security(7), cell by cell, with real commands of a user without rights.

Root starts svc.startd. For each command each authorization of its row is granted alone in
etc/security/roost.toml and must suffice; with all others granted the command is refused.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from roost.api.client import Client
from roost.api.idl import packaged_interfaces
from roost.daemon.journal import MasterLog
from roost.daemon.rights import READS
from roost.errors import NotAllowed
from tests.integration.daemon import Daemon, service
from tests.integration.other_user import User, needs_root
from tests.integration.refusals import call, stopped_clean

pytestmark = needs_root

MANAGE, MODIFY, SHUTDOWN = "solaris.smf.manage", "solaris.smf.modify", "solaris.system.shutdown"
FRAMEWORK, METHOD, DEPENDENCY, APPLICATION = (
    f"{MODIFY}.{kind}" for kind in ("framework", "method", "dependency", "application")
)
UID, GID, TEAM = 65533, 65532, 65531
"""No database has them: the file names them by number."""
BOB = User(UID, GID, (TEAM,))

WEB, X = "svc:/site/web", "svc:/site/web:default"
GROUPS = """
<property_group name="general" type="framework">
  <propval name="action_authorization" type="astring" value="t.act"/>
  <propval name="modify_authorization" type="astring" value="t.general.modify"/>
  <propval name="value_authorization" type="astring" value="t.general.value"/>
</property_group>
<property_group name="config" type="application">
  <propval name="port" type="count" value="8080"/>
  <propval name="modify_authorization" type="astring" value="t.modify"/>
  <propval name="value_authorization" type="astring" value="t.value"/>
</property_group>
<property_group name="secrets" type="application">
  <propval name="key" type="astring" value="xyzzy"/>
  <propval name="modify_authorization" type="astring" value="t.modify"/>
  <propval name="value_authorization" type="astring" value="t.value"/>
  <propval name="read_authorization" type="astring" value="t.read"/>
</property_group>
<property_group name="typed" type="application">
  <propval name="port" type="count" value="1"/>
  <propval name="value_authorization" type="ustring" value="t.value"/>
  <propval name="modify_authorization" type="ustring" value="t.modify"/>
</property_group>
<property_group name="plain" type="template">
  <propval name="text" type="astring" value="x"/>
</property_group>"""

ALL = (
    *(MANAGE, MODIFY, SHUTDOWN, FRAMEWORK, METHOD, DEPENDENCY, APPLICATION),
    *("t.act", "t.general.modify", "t.general.value", "t.modify", "t.value", "t.read"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A command, any one authorization that allows it, and what root does to undo it."""

    command: str
    row: tuple[str, ...]
    undo: str = ""
    before: str = ""
    """What root does before it, each time. Several commands have ``; `` between them."""

    def __str__(self) -> str:
        return self.command


ACT = (MANAGE, MODIFY, "t.act")
ENABLE = (MODIFY, FRAMEWORK, "t.general.modify", "t.general.value")
CHANGE = (MODIFY, APPLICATION, "t.modify")
VALUES = (*CHANGE, "t.value")
SET_PORT = f"svccfg -s {WEB} setprop config/port = 8080"
ROWS = (
    # Entities, snapshots, whole bundles, layers.
    Row("svccfg add site/new", (MODIFY,), "svccfg delete site/new"),
    Row("svccfg -s site/web add new", (MODIFY,), f"svccfg delete {WEB}:new"),
    Row("svccfg delete site/new", (MODIFY,), before="svccfg add site/new"),
    Row(f"svccfg delete {WEB}:new", (MODIFY,), before="svccfg -s site/web add new"),
    Row(f"svccfg -s {X} revert running", (MODIFY,)),
    Row("svccfg import {public}/new.xml", (MODIFY,), "svccfg delete site/imported"),
    Row(
        "svccfg restore {public}/archive.xml",
        (MODIFY,),
        before=f"svccfg -s {WEB} delpg plain",
    ),
    Row(
        "svccfg delhash {public}/new.xml",
        (MODIFY,),
        "svccfg delete site/imported",
        before="svccfg import {public}/new.xml",
    ),
    Row(f"svccfg -s {WEB} delcust nothing", (MODIFY,)),
    # Groups.
    Row(
        f"svccfg -s {WEB} addpg new application",
        (MODIFY, APPLICATION),
        f"svccfg -s {WEB} delpg new",
    ),
    Row(f"svccfg -s {WEB} addpg new method", (MODIFY, METHOD), f"svccfg -s {WEB} delpg new"),
    Row(f"svccfg -s {X} addpg new dependency", (MODIFY, DEPENDENCY), f"svccfg -s {X} delpg new"),
    Row(f"svccfg -s {X} addpg new framework P", (MODIFY, FRAMEWORK), f"svccfg -s {X} delpg new"),
    Row(f"svccfg -s {X} addpg new template", (MODIFY,), f"svccfg -s {X} delpg new"),
    Row(f"svccfg -s {X} addpg start application", (MODIFY,), f"svccfg -s {X} delpg start"),
    # What was imported is not for everybody with a right for one type to say.
    Row(
        "svccfg -s smf/manifest addpg new application",
        (MODIFY,),
        "svccfg -s smf/manifest delpg new",
    ),
    Row(
        f"svccfg -s {X} addpg restarter_actions framework P",
        (*ACT, FRAMEWORK),
        f"svccfg -s {X} delpg restarter_actions",
    ),
    Row(
        f"svccfg -s {X} addpg general_ovr framework P",
        (*ACT, FRAMEWORK),
        f"svccfg -s {X} delpg general_ovr",
    ),
    Row(
        f"svccfg -s {X} addpg general_ovr framework",
        (MODIFY, FRAMEWORK),
        f"svccfg -s {X} delpg general_ovr",
    ),
    Row(
        f"svccfg -s {WEB} delpg new",
        (MODIFY, APPLICATION),
        before=f"svccfg -s {WEB} addpg new application",
    ),
    Row(f"svccfg -s {WEB} delpg new", (MODIFY,), before=f"svccfg -s {WEB} addpg new template"),
    # Properties.
    Row(f"svccfg -s {WEB} setprop config/port = 1", VALUES, SET_PORT),
    Row(f"svccfg -s {WEB} addpropvalue config/port 2", VALUES, SET_PORT),
    Row(f"svccfg -s {WEB} setprop config/value_authorization = t.value", VALUES),
    Row(f"svccfg -s {WEB} setprop config/modify_authorization = t.modify", CHANGE),
    Row(
        f"svccfg -s {WEB} setprop config/new = astring: x",
        CHANGE,
        f"svccfg -s {WEB} delprop config/new",
    ),
    Row(
        f"svccfg -s {WEB} delprop config/new",
        CHANGE,
        before=f"svccfg -s {WEB} setprop config/new = astring: x",
    ),
    Row(f"svccfg -s {WEB} setprop plain/text = y", (MODIFY,)),
    # Of type ustring, these list nothing.
    Row(f"svccfg -s {WEB} setprop typed/port = 2", (MODIFY, APPLICATION)),
    # The instance's group lists nothing itself: the service's does.
    Row(
        f"svccfg -s {X} setprop config/port = 3",
        VALUES,
        f"svccfg -s {X} delpg config",
        before=f"svccfg -s {X} -f {{public}}/own",
    ),
    Row(
        f"svccfg -s {WEB} setenv A B",
        (MODIFY, METHOD),
        f"svccfg -s {WEB} unsetenv A",
    ),
    # The group general.
    Row(f"svccfg -s {X} setprop general/enabled = true", ENABLE),
    Row(f"svcadm disable {X}", ENABLE, f"svcadm enable -s {X}"),
    Row(f"svcadm disable -c why {X}", ENABLE, f"svcadm enable -s {X}"),
    Row(f"svcadm enable {X}", ENABLE, before=f"svcadm disable -sc why {X}"),
    Row(f"svccfg -s {WEB} setprop general/action_authorization = t.act", (MODIFY, MANAGE)),
    Row(f"svccfg -s {WEB} setprop general/value_authorization = t.general.value", ENABLE),
    Row(
        f"svccfg -s {WEB} setprop general/modify_authorization = t.general.modify",
        (MODIFY, FRAMEWORK, "t.general.modify"),
    ),
    # Requests.
    Row(f"svcadm disable -t {X}", ACT, f"svcadm enable -s {X}"),
    Row(f"svcadm disable -t -c why {X}", ACT, f"svcadm enable -s {X}"),
    Row(f"svcadm enable -t {X}", ACT, f"svcadm enable -s {X}", before=f"svcadm disable -st {X}"),
    Row(
        f"svccfg -s {X} setprop general_ovr/enabled = true",
        ACT,
        f"svcadm enable -s {X}",
        before=f"svcadm enable -t {X}",
    ),
    Row(
        f"svccfg -s {X} setprop general_ovr/other = astring: x",
        (MODIFY, FRAMEWORK),
        f"svcadm enable -s {X}",
        before=f"svcadm enable -t {X}",
    ),
    Row(
        f"svccfg -s {X} setprop restarter_actions/restart = integer: 1",
        ACT,
        f"svccfg -s {X} delpg restarter_actions",
        before=f"svccfg -s {X} addpg restarter_actions framework P",
    ),
    Row(f"svcadm restart {X}", ACT, f"svcadm enable -s {X}"),
    Row(f"svcadm refresh {X}", ACT),
    Row(f"svccfg -s {X} refresh", ACT),
    Row(f"svcadm mark maintenance {X}", ACT, f"svcadm clear {X}; svcadm enable -s {X}"),
    Row(f"svcadm mark degraded {X}", ACT, f"svcadm clear {X}; svcadm enable -s {X}"),
    Row(f"svcadm clear {X}", ACT, before=f"svcadm enable -s {X}; svcadm mark -I maintenance {X}"),
    # Reading.
    Row(f"svcprop -p secrets/key {X}", (*VALUES, "t.read")),
    Row(f"svcprop -p secrets/value_authorization {WEB}", (*VALUES, "t.read")),
    Row(f"svcprop -p secrets/modify_authorization {X}", (*CHANGE, "t.read")),
    Row("svccfg export -a site/web", (*CHANGE, "t.read")),
)


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    """A directory that everybody may pass, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        yield Path(place)


@pytest.fixture(scope="module")
def daemon(public: Path) -> Iterator[Daemon]:
    found = Daemon(public / "root")
    (public / "root/etc/security").mkdir(parents=True)
    found.load(service("site/imported", ":true", ":true", duration="transient", enabled=False))
    (public / "new.xml").write_bytes((found.root / "test.xml").read_bytes())
    found.run("svccfg", "delete", "site/imported")
    found.load(service("site/web", ":true", ":true", duration="transient", extra=GROUPS))
    (public / "archive.xml").write_text(call(found.root, "svccfg archive -a").clean(0).out)
    (public / "own").write_text("addpg config application\nsetprop config/port = count: 1\n")
    found.wait_state(X, "online")
    yield found
    stopped_clean(found)


def grant(daemon: Daemon, *names: str, text: str = "") -> None:
    """Let etc/security/roost.toml say that BOB has these, or ``text``."""
    listed = ", ".join(f'"{name}"' for name in names)
    file = Path(daemon.layout.security)
    fresh = file.with_suffix(".new")
    fresh.write_text(text or f'[users]\n"{UID}" = [{listed}]\n')
    fresh.chmod(0o644)
    fresh.rename(file)


@pytest.fixture
def granted(daemon: Daemon) -> Iterator[Callable[..., None]]:
    yield lambda *names, text="": grant(daemon, *names, text=text)
    Path(daemon.layout.security).unlink(missing_ok=True)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_matrix(daemon: Daemon, public: Path, granted: Callable[..., None], row: Row) -> None:
    """Each authorization of the row alone suffices; all others together do not."""

    def as_root(commands: str) -> None:
        for command in filter(None, commands.format(public=public).split("; ")):
            call(daemon.root, command).clean(0)

    command = row.command.format(public=public)
    as_root(row.before)
    granted(*(name for name in ALL if name not in row.row))
    refused = BOB.run(daemon.root, command)
    refused.clean(1)
    assert f"user {UID} " in refused.err or "its values are protected" in refused.err
    if row.before:
        as_root(row.undo or row.command)
    for name in row.row:
        as_root(row.before)
        granted(name)
        BOB.run(daemon.root, command).clean(0)
        as_root(row.undo)


def test_every_operation_is_in_the_matrix() -> None:
    """Shutting down has a test of its own."""
    rows = {frozenset(row.row) for row in ROWS}
    assert {frozenset(names) for names in (ACT, ENABLE, CHANGE, VALUES)} <= rows
    assert frozenset(ALL) - {SHUTDOWN} == frozenset().union(*rows)


# --- who is granted what ----------------------------------------------------------------------

RESTART = f"svcadm restart {X}"


@pytest.mark.parametrize(
    ("text", "is_enough"),
    [
        (f'[groups]\n"{GID}" = ["{MANAGE}"]', True),
        (f'[groups]\n"{TEAM}" = ["{MANAGE}"]', True),
        (f'[groups]\n"{UID}" = ["{MANAGE}"]', False),
        (f'[users]\n"{GID}" = ["{MANAGE}"]', False),
        (f'[users]\n"{UID}" = ["Service Operator"]', True),
        (f'[users]\n"{UID}" = ["Web"]\n[profiles]\nWeb = ["t.act"]', True),
        (f'[users]\n"{UID}" = ["t."]', True),
        (f'[users]\n"{UID}" = ["t.*"]', True),
        (f'[users]\n"{UID}" = ["solaris.smf.*"]', True),
        (f'[users]\n"{UID}" = ["{MANAGE}.*"]', False),
        (f'[users]\n"{UID}" = ["{MANAGE}/default"]', True),
        (f'[users]\n"{UID}" = ["{MANAGE}/{X}"]', True),
        (f'[users]\n"{UID}" = ["{MANAGE}/{WEB}"]', True),
        (f'[users]\n"{UID}" = ["{MANAGE}/other"]', False),
        (f'[users]\n"{UID}" = ["{MANAGE}/svc:/site/other"]', False),
    ],
)
def test_who_is_granted_what(
    daemon: Daemon, granted: Callable[..., None], text: str, *, is_enough: bool
) -> None:
    granted(text=text)
    BOB.run(daemon.root, RESTART).clean(0 if is_enough else 1)


def test_names_of_the_databases(daemon: Daemon, granted: Callable[..., None]) -> None:
    nobody, daemon_group = User(65534, 65534), User(UID, 1)
    granted(text=f'[users]\nnobody = ["{MANAGE}"]\n[groups]\ndaemon = ["{MANAGE}"]')
    nobody.run(daemon.root, RESTART).clean(0)
    daemon_group.run(daemon.root, RESTART).clean(0)
    User(UID, GID, (1,)).run(daemon.root, RESTART).clean(0)
    User(UID, GID).run(daemon.root, RESTART).clean(1)


def test_a_right_for_one_instance_is_none_for_all(
    daemon: Daemon, granted: Callable[..., None], public: Path
) -> None:
    granted(f"{MODIFY}/{X}")
    BOB.run(daemon.root, f"svccfg import {public}/new.xml").clean(1)
    BOB.run(daemon.root, f"svccfg -s {X} revert running").clean(1)  # the service's groups too
    BOB.run(daemon.root, f"svccfg -s {WEB} setprop config/port = 1").clean(1)
    BOB.run(daemon.root, f"svccfg -s {X} addpg mine application").clean(0)
    BOB.run(daemon.root, f"svccfg -s {X} delpg mine").clean(0)


def test_a_file_that_is_broken_grants_nothing(daemon: Daemon, granted: Callable[..., None]) -> None:
    log = Path(MasterLog(daemon.layout).path)
    granted(text=f'[users]\n"{UID}" = ["{MANAGE}"]\nalice = [Service]\n')
    for _ in range(2):
        refused = BOB.run(daemon.root, RESTART)
        refused.refused(1, f"cannot restart {X}: {daemon.layout.security} line 3: ")
        assert f"; so user {UID} has none of {MANAGE}, t.act, {MODIFY}" in refused.err
    assert log.read_text().count("roost.toml line 3: ") == 1
    Path(daemon.layout.security).chmod(0o666)
    BOB.run(daemon.root, RESTART).refused(1, "others than its owner may write it (chmod go-w)")
    granted(MANAGE)
    os.chown(daemon.layout.security, UID, GID)
    BOB.run(daemon.root, RESTART).refused(1, f"it belongs to user {UID}; it must be root's")
    granted(MANAGE)
    BOB.run(daemon.root, RESTART).clean(0)


# --- the log ------------------------------------------------------------------------------------


def test_what_is_done_and_refused_is_logged(daemon: Daemon, granted: Callable[..., None]) -> None:
    log = Path(MasterLog(daemon.layout).path)
    other = User(64001, 64001)
    before = len(log.read_text())
    granted("t.act", "t.value")
    BOB.run(daemon.root, f"svcadm refresh {X}").clean(0)
    BOB.run(daemon.root, f"svccfg -s {WEB} setprop secrets/key = plugh").clean(0)
    BOB.run(daemon.root, ["svccfg", "-s", WEB, "setprop config/port = 70000000000000000000000"])
    other.run(daemon.root, f"svccfg -s {WEB} setprop secrets/key = plover").clean(1)
    call(daemon.root, f"svcadm refresh {X}").clean(0)
    lines = re.findall(r"User (\d+) \(uid (\d+), process \d+\) (.*)\. \]", log.read_text()[before:])
    me, them = (str(UID), str(UID)), ("64001", "64001")
    assert lines == [
        (*me, f"was allowed to refresh {X} by t.act"),
        (*me, f"was allowed to change secrets of {WEB} by t.value"),
        (*them, f"was not allowed to change secrets of {WEB}"),
    ]
    call(daemon.root, f"svccfg -s {WEB} setprop secrets/key = xyzzy").clean(0)


def test_nobody_fills_the_log_with_refusals(daemon: Daemon) -> None:
    log = Path(MasterLog(daemon.layout).path)
    pest = User(64002, 64002)
    for number in range(25):
        pest.run(daemon.root, f"svccfg add site/n{number}").clean(1)
    lines = [line for line in log.read_text().splitlines() if "uid 64002" in line]
    assert len(lines) == 21
    assert "was refused 20 times; more is not logged for a while" in lines[-1]


def test_a_caller_cannot_forge_the_log(daemon: Daemon) -> None:
    log = Path(MasterLog(daemon.layout).path)
    forged = "x ]\n[ Nov  1 00:00:00 all is well" * 99
    refusal = User(64003, 64003).do(lambda: _called(daemon, "Repository.AddService", name=forged))
    assert isinstance(refusal, NotAllowed)
    lines = [line for line in log.read_text().splitlines() if "all is well" in line]
    assert len(lines) == 1
    assert "uid 64003" in lines[0]
    assert len(lines[0]) < 600


# --- each call of the API -----------------------------------------------------------------------

_FILE = {"bundle": {"type": "manifest", "name": "n"}, "file": "/f.xml", "hash": ""}
CHANGES: Mapping[str, Mapping[str, object]] = {
    "Manager.Act": {"fmri": X, "action": "restart"},
    "Manager.Shutdown": {},
    "Repository.AddService": {"name": "site/n"},
    "Repository.AddInstance": {"service": WEB, "name": "n"},
    "Repository.Delete": {"fmri": WEB, "force": True},
    "Repository.AddGroup": {"fmri": WEB, "name": "n", "type": "application", "persistent": True},
    "Repository.DeleteGroup": {"fmri": WEB, "name": "config"},
    "Repository.Commit": {"fmri": WEB, "group": "config", "changes": []},
    "Repository.Revert": {"fmri": X, "snapshot": "running"},
    "Repository.Import": _FILE,
    "Repository.ImportFiles": {"files": [_FILE]},
    "Repository.Withdraw": {"files": []},
    "Repository.ForgetFile": {"file": "/f.xml"},
    "Repository.ReplaceLayer": {"layer": "site-profile", "files": [_FILE], "kept": []},
    "Repository.DropCustomizations": {"fmri": WEB, "masked_only": False},
}
INTROSPECTION = ("GetInfo", "GetInterfaceDescription")


def _called(daemon: Daemon, method: str, **parameters: object) -> object:
    with Client(daemon.layout) as client:
        return client.call(method, **parameters)


def test_each_call_that_changes_something_asks_for_a_right(daemon: Daemon) -> None:
    """A call that is new is in one of the tables, or this fails."""
    for name, interface in packaged_interfaces().items():
        for method in interface.methods:
            if f"{name}.{method}" in READS or method in INTROSPECTION:
                continue
            short = f"{name.rpartition('.')[2]}.{method}"
            answer = User(64004, 64004).do(partial(_called, daemon, short, **CHANGES[short]))
            assert isinstance(answer, NotAllowed), (short, answer)


def test_shutting_down(public: Path) -> None:
    daemon = Daemon(public / "down")
    (public / "down/etc/security").mkdir(parents=True)
    grant(daemon, *(name for name in ALL if name != SHUTDOWN))
    BOB.run(daemon.root, "roost shutdown").refused(1, f"lacks the authorization {SHUTDOWN}")
    grant(daemon, SHUTDOWN)
    BOB.run(daemon.root, "roost shutdown").clean(0)
    assert daemon.process.wait(60) == 0
    daemon._out.close()
