"""What a method runs as, where, and with what: its context."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from tests.integration.case import METHOD, Case

SAYS = """
echo "user $(id -un) $(id -u)"
echo "group $(id -gn)"
echo "groups $(id -G)"
echo "cwd $(pwd)"
echo "umask $(umask)"
echo "environment"
env | sort
echo "end"
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def load_and_read(case: Case, context: str, name: str = "a") -> dict[str, str]:
    """Start a service that prints what it is; returns that by its first word."""
    path = case.root / "lib/svc/method/says_all"
    path.write_text(f"#!/bin/sh\n{SAYS}")
    path.chmod(0o755)
    case.load(case.transient(name, f"{METHOD}/says_all", context=context))
    case.wait(name, "online")
    found: dict[str, str] = {}
    variables: list[str] = []
    lines = Path(case.daemon.layout.log_of(case.fmri(name))).read_text().splitlines()
    for line in lines[2:]:
        if line == "end":
            break
        if variables or line == "environment":
            variables.append(line)
        else:
            first, _, rest = line.partition(" ")
            found[first] = rest
    found.update(v.split("=", 1) for v in variables[1:] if "=" in v)  # type: ignore[misc]
    return found


def readable(case: Case) -> None:
    """Let other users reach the methods."""
    for directory in (case.root, *case.root.parents):
        if directory.stat().st_uid == os.geteuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o011)


class TestWithoutContext:
    def test_environment(self, case: Case) -> None:
        found = load_and_read(case, "")
        assert found["SMF_FMRI"] == case.fmri("a")
        assert found["SMF_METHOD"] == "start"
        assert found["SMF_RESTARTER"] == "svc:/system/svc/restarter:default"
        assert found["SMF_ZONENAME"] == "global"
        assert found["PATH"].endswith("/usr/sbin:/usr/bin")
        assert found["umask"] in ("0022", "022")
        assert found["user"].split()[1] == str(os.geteuid())

    def test_variables_are_not_those_of_svc_startd(self, case: Case) -> None:
        found = load_and_read(case, "")
        assert "PYTEST_CURRENT_TEST" not in found


def test_environment_of_the_context(case: Case) -> None:
    found = load_and_read(
        case,
        "working_directory='/usr'><method_environment>"
        "<envvar name='PATH' value='/bin:/usr/bin'/>"
        "<envvar name='GREETING' value='good morning'/>"
        "<envvar name='SMF_FMRI' value='svc:/forged:default'/>"
        "</method_environment>",
    )
    assert found["cwd"] == "/usr"
    assert found["PATH"] == "/bin:/usr/bin"
    assert found["GREETING"] == "good morning"
    assert found["SMF_FMRI"] == case.fmri("a")
    assert any("SMF_FMRI" in line and "reserved" in line for line in case.log("a"))


@needs_root
class TestCredentials:
    def test_user(self, case: Case) -> None:
        readable(case)
        nobody = pwd.getpwnam("nobody")
        credential = "<method_credential user='nobody'/>"
        found = load_and_read(case, f"working_directory='/'>{credential}")
        assert found["user"] == f"nobody {nobody.pw_uid}"
        assert found["group"] == grp.getgrgid(nobody.pw_gid).gr_name
        assert found["cwd"] == "/"
        assert found["USER"] == found["LOGNAME"] == "nobody"
        assert found["HOME"] == nobody.pw_dir

    def test_group_and_supplementary_groups(self, case: Case) -> None:
        readable(case)
        names = ("daemon", "sys")
        ids = sorted(grp.getgrnam(name).gr_gid for name in names)
        credential = (
            f"<method_credential user='nobody' group='{names[0]}' supp_groups='{','.join(names)}'/>"
        )
        found = load_and_read(case, f"working_directory='/'>{credential}")
        assert found["group"] == "daemon"
        assert sorted(map(int, found["groups"].split())) == ids

    def test_numbers_without_an_entry(self, case: Case) -> None:
        readable(case)
        credential = "<method_credential user='54321' group='54322' supp_groups=''/>"
        found = load_and_read(case, f"working_directory='/'>{credential}")
        assert found["user"].split()[-1] == "54321"
        assert found["groups"] == "54322"

    def test_the_service_runs_as_the_user_and_can_be_stopped(self, case: Case) -> None:
        readable(case)
        credential = "working_directory='/'><method_credential user='nobody'/>"
        case.load(case.service("a", "/bin/sleep 1000000 &", context=credential))
        case.wait("a", "online")
        case.load(case.service("b", "/bin/sleep 1000000", context=credential, duration="child"))
        case.wait("b", "online")
        (pid,) = case.pids("a")
        assert Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        case.svcadm("disable", "-s", "@a", "@b")
        assert case.pids("a") == case.pids("b") == []

    def test_a_home_directory_that_is_not_there(self, case: Case) -> None:
        user = next(e for e in pwd.getpwall() if e.pw_uid and not os.path.isdir(e.pw_dir))
        credential = f"working_directory=':home'><method_credential user='{user.pw_name}'/>"
        case.load(case.service("a", context=credential))
        case.wait_aux("a", "maintenance", "method_failed")
        assert user.pw_dir in " ".join(case.log("a"))


@pytest.mark.parametrize(
    ("context", "word"),
    [
        ("working_directory='/no/such/place'>", "/no/such/place"),
        ("working_directory='/etc/passwd'>", "/etc/passwd"),
        ("working_directory='/'><method_credential user='nobody-of-that-name'/>", "nobody-of-"),
        pytest.param(
            "working_directory='/'><method_credential user='root' group='no-such-group'/>",
            "no-such-group",
            marks=needs_root,
        ),
    ],
)
def test_what_cannot_be_had(case: Case, context: str, word: str) -> None:
    case.load(case.service("a", context=context))
    case.wait_aux("a", "maintenance", "method_failed")
    assert case.trail() == []
    assert word in " ".join(case.log("a"))
    assert "Start method" in case.explain("a")


def test_a_method_s_own_context_wins_attribute_by_attribute(case: Case) -> None:
    made = case.transient("a", "says", "says", context="working_directory='/usr'>")
    case.method("says", 'note "$(pwd) ${COLOUR:-none}"\n')
    own = (
        "<method_context><method_environment><envvar name='COLOUR' value='red'/>"
        "</method_environment></method_context></exec_method>"
    )
    before, stop, after = made.partition('name="stop"')
    made = before + stop + after.replace("/>", f">{own}", 1)
    case.load(made)
    case.wait("a", "online")
    case.svcadm("disable", "-s", "@a")
    assert case.trail() == ["a start", "a /usr none", "a stop", "a /usr red"]


def test_output_goes_to_the_log_and_the_console_on_request(case: Case) -> None:
    speaks = case.method(
        "speaks",
        """
echo plain output
echo an error >&2
. "$ROOST_ROOT/lib/svc/share/smf_include.sh"
echo "please type: unlock me" | smf_console
exit 95
""",
    )
    case.load(case.service("a", speaks))
    case.wait("a", "maintenance")
    assert "plain output" in case.log("a")
    assert "an error" in case.log("a")
    console = case.daemon.console.read_text()
    assert "please type: unlock me\n" in console
    # What the method says comes before what svc.startd says of it.
    assert console.index("unlock me") < console.index(f"{case.word}/a:default failed fatally")
