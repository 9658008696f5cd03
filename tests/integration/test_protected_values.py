"""Values of protected groups: nobody without the right sees one, by any command, file or log.

Each secret is a word that occurs nowhere else. A user without rights runs every command in
every mode; then all that was printed is searched, and every file that everybody may read.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.api.client import Client
from roost.errors import InvalidValue
from tests.integration.daemon import HEADER, Daemon
from tests.integration.other_user import User, needs_root
from tests.integration.refusals import call, stopped_clean, told

pytestmark = needs_root

BOB = User(65533, 65533)
S, X, BROKEN = "svc:/site/vault", "svc:/site/vault:default", "svc:/site/broken:default"

FIRST, SECOND, OWN, GONE, EARLIER, BARE, VOLATILE, TEMPLATE, REMOVED = SECRETS = tuple(
    f"xyzzy{word}xyzzy"
    for word in ("one", "two", "own", "gone", "early", "bare", "lost", "name", "cut")
)
NUMBER = "987612345"
ALL_SECRETS = (*SECRETS, NUMBER)

PROTECTED = '<propval name="read_authorization" type="astring" value="t.read"/>'


def _manifest(key: str, start: str, extra: str = "") -> str:
    return f"""{HEADER}
<service_bundle type="manifest" name="vault">
<service name="site/vault" type="service" version="1">
  <dependency name="on" grouping="optional_all" restart_on="none" type="service">
    <service_fmri value="{BROKEN}"/>
  </dependency>
  <exec_method type="method" name="start" exec="{start}" timeout_seconds="60"/>
  <exec_method type="method" name="stop" exec=":true" timeout_seconds="60"/>
  <property_group name="startd" type="framework">
    <propval name="duration" type="astring" value="transient"/>
    {PROTECTED}
  </property_group>
  <property_group name="secrets" type="application">
    <propval name="key" type="astring" value="{key}"/>
    <propval name="pin" type="count" value="{NUMBER}"/>
    <propval name="modify_authorization" type="astring" value="t.modify"/>
    <propval name="value_authorization" type="astring" value="t.value"/>
    {PROTECTED}
  </property_group>
  <property_group name="removed" type="application">
    <propval name="key" type="astring" value="{REMOVED}"/>{PROTECTED}
  </property_group>
  {extra}
  <instance name="default" enabled="true">
    <property_group name="secrets" type="application">
      <propval name="token" type="astring" value="{OWN}"/>
    </property_group>
  </instance>
  <stability value="Unstable"/>
</service>
<service name="site/broken" type="service" version="1">
  <create_default_instance enabled="true"/>
  <exec_method type="method" name="start"
    exec="sh -c 'exit 95' %{{{S}/:properties/secrets/key}}" timeout_seconds="60"/>
  <exec_method type="method" name="stop" exec=":true" timeout_seconds="60"/>
</service>
</service_bundle>"""


TEMPLATE_GROUPS = f"""
addpg tm_common_name template
setprop tm_common_name/C = ustring: {TEMPLATE}
setprop tm_common_name/read_authorization = astring: t.read
addpg bare custom
setprop bare/read_authorization = astring: ()
setprop bare/key = astring: {BARE}
addpg gone application
setprop gone/read_authorization = astring: t.read
setprop gone/key = astring: {GONE}
addpg late application
setprop late/key = astring: {EARLIER}
addpg notes framework
setprop notes/read_authorization = astring: t.read
setprop notes/text = astring: everybody
setprop secrets/key = {SECOND}
delpg removed
select default
addpg lost application P
setprop lost/read_authorization = astring: t.read
setprop lost/key = astring: {VOLATILE}
refresh
select {S}
setprop late/read_authorization = astring: t.read
"""


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    """A directory that everybody may pass, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        yield Path(place)


@pytest.fixture(scope="module")
def private() -> Iterator[Path]:
    """Root's own directory, for files that hold secrets."""
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)


@pytest.fixture(scope="module")
def daemon(public: Path, private: Path) -> Iterator[Daemon]:
    """A vault with secrets everywhere, and a method of another service that is given one."""
    found = Daemon(public / "root")
    (public / "root/etc/security").mkdir(parents=True)
    method = private / "method"
    method.write_text(f'#!/bin/sh\nprintf %s "$1" > {private}/seen\n')
    method.chmod(0o700)
    file = private / "vault.xml"
    file.write_text(_manifest(FIRST, f"{method} %{{secrets/key}}"))
    call(found.root, f"svccfg import {file}").clean(0)
    found.wait_state(X, "online")
    found.wait_state(BROKEN, "maintenance")
    (private / "commands").write_text(f"select {S}\n{TEMPLATE_GROUPS}")
    call(found.root, f"svccfg -f {private}/commands").clean(0)
    # Twice, with other values: messages about what was kept, and two more snapshots.
    file.write_text(_manifest(FIRST.upper(), f"{method} %{{secrets/key}}"))
    outcome = call(found.root, f"svccfg import {file}").clean(0)
    assert f"kept yours: {S} secrets/key = [protected]" in outcome.err
    assert not _secrets_in(outcome.out + outcome.err)
    call(found.root, f"svcadm restart {X}").clean(0)
    call(found.root, f"svccfg -s {S} delpg gone").clean(0)  # snapshots still have it
    yield found
    stopped_clean(found)


def _secrets_in(text: str) -> list[str]:
    return [secret for secret in ALL_SECRETS if secret in text.lower()]


VIEWS = ("", "-c", "-C", *(f"-s {name}" for name in ("running", "initial", "last-import")),
         "-s previous", "-s start")  # fmt: skip
READS = (
    *(f"svcprop {view} {form} {X}" for view in VIEWS for form in ("", "-a", "-f --json")),
    *(f"svcprop {form} {S}" for form in ("", "-c", "-C", "-a", "-t", "-f", "--json")),
    *(f"svcprop -l {layer} {form} {fmri}" for layer in ("all", "manifest", "admin", "current")
      for form in ("", "-af", "--json") for fmri in (S, X)),
    f"svcprop -g application -g custom {X}",
    *(f"svccfg -s {fmri} listprop {form}" for fmri in (S, X)
      for form in ("", "--json", "*/key", "-l all", "-l manifest -f", "-l admin --json")),
    *(f"svccfg -s {fmri} {command}" for fmri in (S, X)
      for command in ("listpg", "listcust", "listcust -L", "listcust -M", "listcust --json",
                      "describe", "describe -v", "describe -t", "describe -v secrets/key")),
    f"svccfg -s {X} listsnap",
    "svccfg export site/vault",
    "svccfg export --format toml site/vault",
    "svccfg archive",
    "svccfg archive --format toml",
    "svccfg extract",
    f"svccfg validate {X}",
    "svccfg list",
    "svcs -a --json",
    "svcs -xv",
    "svcs -x --json",
    *(f"{command} {fmri}" for fmri in (X, BROKEN) for command in
      ("svcs -x", "svcs -xv", "svcs -lv", "svcs -l --json", "svcs -pv", "svcs -dv", "svcs -Dv")),
    "svcs -o FMRI,DESC",
    *(f"roost history {form}" for form in ("", "--json", "--changes", "--states", X, S)),
    "roost status",
    "roost status --json",
    f"svcadm -n restart {X}",
    f"svcadm -n refresh {X}",
)  # fmt: skip
SESSIONS = tuple(
    f"select {X}\nselectsnap {name}\nlistprop\nlistprop */key\n"
    for name in ("running", "initial", "last-import", "previous", "start")
)


def test_the_method_is_given_the_secret(daemon: Daemon, private: Path) -> None:
    daemon.wait_state(X, "online")
    assert (private / "seen").read_text() == SECOND
    assert '/method [protected]")' in daemon.log(X)


@pytest.mark.parametrize("command", READS)
def test_no_command_shows_a_secret(daemon: Daemon, command: str) -> None:
    outcome = BOB.run(daemon.root, command).clean(0)
    assert not _secrets_in(outcome.out + outcome.err)


def test_the_same_commands_show_root_every_secret(daemon: Daemon, private: Path) -> None:
    """Else the test above would look in the wrong places."""
    shown = ""
    for command in READS:
        if command.startswith(("svcprop", "svccfg")):
            shown += call(daemon.root, command).clean(0).out
    for text in SESSIONS:
        (private / "session").write_text(text)
        shown += call(daemon.root, f"svccfg -f {private}/session").clean(0).out
    assert set(_secrets_in(shown)) == set(ALL_SECRETS)


def test_no_session_shows_a_secret(daemon: Daemon, public: Path) -> None:
    for number, text in enumerate(SESSIONS):
        file = public / f"session{number}"
        file.write_text(text)
        outcome = BOB.run(daemon.root, f"svccfg -f {file}").clean(0)
        assert "secrets/key" in outcome.out
        assert not _secrets_in(outcome.out)


def test_no_editor_is_shown_a_secret(daemon: Daemon, public: Path) -> None:
    seen = public / "editor.seen"
    seen.touch()
    seen.chmod(0o666)
    script = public / "editor"
    script.write_text(f'#!/bin/sh\ncat "$1" > {seen}\n')
    script.chmod(0o755)
    os.environ["EDITOR"] = str(script)
    try:
        BOB.run(daemon.root, f"svccfg -s {S} editprop").clean(0)
    finally:
        del os.environ["EDITOR"]
    # No command that would wipe it, were its comment taken away.
    assert "## secrets/key is protected" in seen.read_text()
    assert "setprop secrets/key" not in seen.read_text()
    assert not _secrets_in(seen.read_text())


def test_what_is_protected_does_not_look_empty(daemon: Daemon) -> None:
    for command in ("listprop secrets/key", "listprop -l all secrets/key", "describe secrets/key"):
        lines = BOB.run(daemon.root, f"svccfg -s {S} {command}").clean(0).out.splitlines()
        assert lines
        assert all(line.split()[0] == "secrets/key" for line in lines)
        assert all(line.endswith("[protected]") for line in lines), lines
    record = json.loads(BOB.run(daemon.root, f"svccfg -s {S} describe --json secrets/key").out)
    (prop,) = record["groups"][0]["properties"]
    assert (prop["values"], prop["protected"]) == ([], True)
    shown = call(daemon.root, f"svccfg -s {S} describe --json secrets/key").out
    assert not json.loads(shown)["groups"][0]["properties"][0]["protected"]


def test_asking_for_all_is_refused(daemon: Daemon) -> None:
    names = "solaris.smf.modify, solaris.smf.modify.application, t.modify, t.read"
    for command in ("svccfg export -a site/vault", "svccfg archive -a"):
        outcome = BOB.run(daemon.root, command)
        outcome.refused(1, f"cannot export the protected values of {X}: ")
        assert not _secrets_in(outcome.out + outcome.err)
    assert f"has none of {names}" in BOB.run(daemon.root, "svccfg export -a site/vault").err


def test_what_is_framework_is_open(daemon: Daemon) -> None:
    for name in ("notes/text", "startd/duration"):
        assert BOB.run(daemon.root, f"svcprop -C -p {name} {S}").clean(0).out.strip()


def test_names_and_types_are_open(daemon: Daemon) -> None:
    lines = BOB.run(daemon.root, f"svcprop -C {S}").clean(0).out.splitlines()
    assert "secrets/key astring " in lines
    assert "secrets/pin count " in lines
    outcome = BOB.run(daemon.root, f"svcprop -p secrets/key {S}")
    outcome.refused(1, f"cannot read 'secrets/key' of {S}: its values are protected")


def test_root_sees_everything(daemon: Daemon) -> None:
    shown = call(daemon.root, f"svcprop -c {X}").clean(0).out
    for secret in (SECOND, OWN, NUMBER, BARE, VOLATILE, EARLIER):
        assert secret in shown
    assert SECOND in call(daemon.root, "svccfg export -a site/vault").clean(0).out
    # Without -a an export is for everybody, whoever makes it; the authorizations stay in it.
    for form in ("xml", "toml"):
        text = call(daemon.root, f"svccfg export --format {form} site/vault").clean(0).out
        assert not _secrets_in(text)
        assert "t.read" in text


def test_errors_of_a_commit_tell_no_value(daemon: Daemon) -> None:
    change = {"op": "set", "name": "pin", "type": "count", "values": [EARLIER]}
    with Client(daemon.layout) as client, pytest.raises(InvalidValue) as refused:
        client.call("Repository.Commit", fmri=S, group="secrets", changes=[change])
    assert refused.value.what == f"change secrets of {S}"
    assert not _secrets_in(str(refused.value))


PATTERN = """
<template>
  <common_name><loctext xml:lang="C">vault</loctext></common_name>
  <pg_pattern name="secrets" type="application" target="instance" required="false">
    <prop_pattern name="key" type="astring" required="true">
      <constraints><value name="open"/></constraints>
    </prop_pattern>
  </pg_pattern>
</template>"""


def test_what_is_wrong_in_a_file_is_told_without_values(daemon: Daemon, private: Path) -> None:
    """Such messages go into logs: at a start svc.startd has manifests imported."""
    file = private / "wrong.xml"
    head, pin, tail = (
        _manifest(FIRST, ":true").replace("site/", "other/").partition(f'value="{NUMBER}"')
    )
    wrong = f'value="{SECOND}"'
    for text, status, phrase in (
        (f"{head}{wrong}{tail}", 1, "[protected] is no value of type count"),
        (
            f"{head}{pin}{tail}".replace("</service>", f"{PATTERN}</service>", 1),
            0,
            "has the value [protected]",
        ),
    ):
        file.write_text(text)
        for act in ("import", "validate"):
            outcome = call(daemon.root, f"svccfg {act} {file}")
            outcome.clean(status if act == "import" else 1)
            assert phrase in outcome.err
            assert not _secrets_in(outcome.out + outcome.err)
    for command in (f"secrets/pin = {SECOND}", f"secrets/new = {SECOND}"):
        file.write_text(f"select {S}\nsetprop {command}\n")
        outcome = call(daemon.root, f"svccfg -f {file}").clean(1)
        assert not _secrets_in(outcome.out + outcome.err)


def test_what_was_exported_wipes_nothing(daemon: Daemon, private: Path) -> None:
    for form, command in (("xml", "import"), ("toml", "import"), ("xml", "restore")):
        file = private / f"{command}.{form}"
        source = "archive" if command == "restore" else "export"
        what = "" if command == "restore" else "site/vault"
        text = call(daemon.root, f"svccfg {source} --format {form} {what}").clean(0).out
        file.write_text(text)
        outcome = call(daemon.root, f"svccfg {command} {file}").clean(0)
        assert not _secrets_in(outcome.out + outcome.err)
        for name, secret in (("key", SECOND), ("token", OWN), ("pin", NUMBER)):
            prop = f"svcprop -c -p secrets/{name} {X}"
            assert call(daemon.root, prop).clean(0).out.strip() == secret


def test_no_stream_tells_a_secret(daemon: Daemon) -> None:
    """What a watcher of states is sent while a service that is given a secret fails again."""

    def follow() -> str:
        with Client(daemon.layout) as client:
            stream = client.follow("Manager.Watch", {"fmris": [BROKEN, X]})
            return str([next(stream), next(stream)])

    call(daemon.root, f"svcadm clear {BROKEN}").clean(0)
    daemon.wait_state(BROKEN, "maintenance")
    text = BOB.do(follow)
    assert isinstance(text, str)
    assert not _secrets_in(text)


def test_no_file_shows_a_secret(daemon: Daemon) -> None:
    """Last: what the tests before have left in logs, on the console, in files below the root."""
    assert not _secrets_in(told(daemon))
    assert 'Method "sh -c' in told(daemon)
    seen = 0
    for directory, _, names in os.walk(daemon.root):
        for name in names:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_mode & 0o044:
                seen += 1
                text = Path(path).read_bytes().decode(errors="replace")
                assert not _secrets_in(text), path
    assert seen > 5
