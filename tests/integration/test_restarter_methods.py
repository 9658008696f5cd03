"""Methods with real processes: what arrives in them, what is refused, what is logged."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.engine.events import ExitStatus
from tests.integration.restarter_house import (
    REFRESH,
    START,
    STOP,
    Context,
    House,
    X,
    emptied,
    exited,
    open_house,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root rights")
WAYS: dict[str, Context] = {
    "posix_spawn": {},
    "fork": {"limits": ("nofile=512",)},
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


def said(house: House) -> list[str]:
    """What the method itself printed."""
    return [line for line in house.log().splitlines() if not line.startswith("[ ")]


@pytest.mark.parametrize("way", WAYS)
def test_a_method_begins_clean_whichever_way_it_is_started(house: House, way: str) -> None:
    old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        script = house.script(
            "state",
            """
read -r _ _ _ _ _ session _ < /proc/$$/stat
[ "$session" = $$ ] && echo leader
grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -s '\\t' ' '
umask
readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2
""",
        )
        house.finish(script, context=WAYS[way])
    finally:
        signal.signal(signal.SIGUSR1, old)
    log = house.layout.log_of(X)
    leader, *masks, umask, nothing, out, err = said(house)
    assert (leader, umask, nothing, out, err) == ("leader", "0022", "/dev/null", log, log)
    # Signals 32 and 33 are the C library's own; it lets nobody touch them.
    own = 0b11 << 31
    assert [mask.split()[0] for mask in masks] == ["SigBlk:", "SigIgn:"]
    assert [int(mask.split()[1], 16) & ~own for mask in masks] == [0, 0]


@pytest.mark.parametrize("way", WAYS)
def test_only_three_descriptors_are_passed_on(tmp_path: Path, way: str) -> None:
    with (tmp_path / "open").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        with open_house(tmp_path / "root") as house:
            house.finish("ls -1 /proc/self/fd", context=WAYS[way])
            # ls itself has the directory open as 3.
            assert said(house)[-4:] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("way", WAYS)
def test_the_environment_is_built_in_smf_s_order(house: House, way: str) -> None:
    house.finish(
        "env",
        environment=("PATH=/bin:/usr/bin:/mine", "A=1", "A=2", "SMF_FMRI=x", "novalue"),
        context=WAYS[way],
    )
    found = dict(line.split("=", 1) for line in said(house) if "=" in line)
    assert found["PATH"] == "/bin:/usr/bin:/mine"
    assert found["A"] == "1"
    assert found["SMF_FMRI"] == X
    assert found["SMF_METHOD"] == "start"
    assert found["SMF_RESTARTER"] == "svc:/system/svc/restarter:default"
    assert found["SMF_ZONENAME"] == "global"
    assert found["ROOST_ROOT"] == str(house.root)
    assert "Ignoring SMF_FMRI of the environment" in house.log()
    assert "Ignoring 'novalue' of the environment" in house.log()


@needs_root
def test_credentials_and_surroundings_arrive(house: House) -> None:
    script = "id -u; id -g; id -G; umask; pwd; ulimit -Sn; ulimit -Hn; echo $HOME $USER $LOGNAME"
    house.finish(
        f"sh -c '{script}'",
        user="daemon",
        group="mail",
        supp_groups="adm, 1234",
        umask="027",
        working_directory="/usr",
        limits=("nofile=300:400", "core=0"),
    )
    uid, gid, groups, *rest = said(house)
    assert (uid, gid) == ("1", "8")
    assert set(groups.split()) == {"8", "4", "1234"}
    assert rest == ["0027", "/usr", "300", "400", "/usr/sbin daemon daemon"]


@needs_root
def test_the_groups_of_the_user_are_the_default(house: House) -> None:
    house.finish("id", user="nobody")
    assert said(house)[0].startswith("uid=65534(nobody) gid=65534(nogroup)")


@needs_root
def test_a_number_without_an_entry_needs_all_else_given(house: House) -> None:
    house.finish("id -u", user="54321", group="54321", supp_groups="", working_directory="/")
    assert said(house)[0] == "54321"
    status = house.finish("id -u", user="54321")
    assert "no entry in the user database" in status.refusal


@needs_root
def test_privileges_become_capabilities(house: House) -> None:
    house.finish(
        "grep -E 'Cap(Eff|Amb|Bnd)' /proc/self/status",
        user="nobody",
        privileges="basic,net_privaddr,!proc_info",
        limit_privileges="net_privaddr,file_chown",
    )
    found = dict(line.split(":\t") for line in said(house))
    assert int(found["CapEff"], 16) == int(found["CapAmb"], 16) == 1 << 10
    assert int(found["CapBnd"], 16) == (1 << 10) | 1
    assert "privileges: 'proc_info' cannot be taken away on Linux." in house.log()


@needs_root
def test_root_without_a_privilege_lacks_the_capability(house: House) -> None:
    house.finish("grep -E 'Cap(Prm|Eff)' /proc/self/status", privileges="all,!sys_time")
    found = dict(line.split(":\t") for line in said(house))
    assert int(found["CapEff"], 16) & (1 << 25) == 0
    assert int(found["CapEff"], 16) & 1 == 1


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"user": "no-such-user"}, "there is no user 'no-such-user'"),
        ({"group": "no-such-group"}, "there is no group 'no-such-group'"),
        ({"use_profile": "true", "profile": "p"}, "execution profile 'p'"),
        ({"use_profile": "false"}, "no user is given"),
        ({"umask": "99"}, "not an octal number"),
        ({"limits": ("nofiles=3",)}, "'nofiles' is not a resource limit"),
        ({"working_directory": "here"}, "not an absolute path"),
    ],
)
def test_a_context_that_cannot_be_had_is_refused(
    house: House, attributes: Context, why: str
) -> None:
    status = house.finish("/bin/true", context=attributes)
    assert why in status.refusal
    assert why in house.log()
    assert house.restarter.contract_ids(X) == ()


@pytest.mark.parametrize("directory", ["/no/such/place", "/etc/passwd"])
def test_a_wrong_directory_is_an_error_of_the_configuration(house: House, directory: str) -> None:
    assert house.finish("/bin/true", working_directory=directory) == ExitStatus(code=96)
    assert f"Cannot enter the directory {directory}" in house.log()


@needs_root
def test_a_directory_the_user_may_not_enter(house: House) -> None:
    closed = house.root / "closed"
    closed.mkdir(mode=0o700)
    status = house.finish("/bin/true", user="nobody", working_directory=str(closed))
    assert status == ExitStatus(code=96)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/no/such/method start", "cannot execute /no/such/method: there is no such file"),
        ("/etc/passwd", "not an executable file"),
        ("/tmp", "not an executable file"),
        ("", "exec is empty"),
        (":kill", "it starts nothing"),
        (":kil", "the words are :true and :kill"),
        ("sleep %x", "'%x' is not a token"),
        ("sleep %{foo/bar}", "there is no property foo/bar"),
    ],
)
def test_a_method_that_cannot_be_run_is_refused(house: House, command: str, why: str) -> None:
    assert why in house.finish(command).refusal
    assert house.diary[0][0] == "method"
    assert len(house.diary) == 1


def test_methods_that_run_nothing(house: House) -> None:
    assert house.finish(None, REFRESH) == ExitStatus(code=0)
    assert house.finish(":true", START) == ExitStatus(code=0)
    assert "No 'refresh' method defined.  Treating as :true." in house.log()
    assert house.restarter.contract_ids(X) == ()


def test_kill_as_a_method_signals_the_service(house: House) -> None:
    got = house.root / "got"
    text = f"(trap 'echo hup > {got}; exit 0' HUP; touch {got}.ready; sleep 1000 & wait) &"
    house.finish(house.script("daemon", f"{text}\nexit 0"))
    house.until(lambda: Path(f"{got}.ready").exists())
    assert house.finish(":kill -HUP", REFRESH) == ExitStatus(code=0)
    house.until(got.exists)
    assert "Executing refresh method (:kill -HUP)." in house.log()


def test_tokens_reach_the_method(house: House) -> None:
    house.properties["", "options/words"] = ("a b", "c;d")
    house.properties["svc:/site/other:default", "config/port"] = ("22",)
    other = "%{svc:/site/other:default/:properties/config/port}"
    house.finish(f"echo %m %i %s %r 100%% %{{options/words,}} {other}")
    assert said(house) == ["start default site/x svc.startd 100% a b,c;d 22"]


def test_the_contract_s_id_is_a_token_of_the_stop_method(house: House) -> None:
    house.finish(house.script("daemon", "sleep 1000 &\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    house.finish("echo stop %{restarter/contract}", STOP)
    assert said(house) == [f"stop {house.restarter.contract_ids(X)[0]}"]


def test_only_the_first_simple_command_is_run(house: House) -> None:
    house.finish("echo one; echo two")
    assert said(house) == ["one"]


def test_a_method_below_lib_svc_is_taken_from_below_the_root(house: House) -> None:
    house.script("lib/svc/method/mine", "echo below the root: $1")
    house.finish("/lib/svc/method/mine %m")
    assert said(house) == ["below the root: start"]
    assert house.restarter.command_of(X, START) == "/lib/svc/method/mine start"


def test_a_shell_that_cannot_be_started_is_a_failure_to_try_again(house: House) -> None:
    too_long = "x" * 200_000  # one argument has at most 128 KiB: exec says E2BIG
    status = house.finish(f"echo {too_long}")
    house.until_told(emptied())
    assert house.diary == [("method", X, (START, status)), emptied()]
    assert status.code == 10


def test_lines_of_the_log_have_smf_s_form(house: House) -> None:
    house.finish("echo hello")
    stamp = r"\[ [A-Z][a-z]{2} [ 0-9][0-9] \d\d:\d\d:\d\d "
    first, output, last = house.log().splitlines()
    assert re.fullmatch(stamp + r'Executing start method \("echo hello"\)\. \]', first)
    assert output == "hello"
    assert re.fullmatch(stamp + r'Method "start" exited with status 0\. \]', last)
    assert house.restarter.tail(X, 2) == [output, last]


def test_a_log_that_cannot_be_written_stops_no_service(house: House) -> None:
    Path(house.layout.log_directory).parent.mkdir(parents=True)
    Path(house.layout.log_directory).write_text("in the way")
    assert house.finish("echo hello") == ExitStatus(code=0)
    assert house.finish("echo hello") == ExitStatus(code=0)
    (complaint,) = house.complaints
    assert complaint.startswith("cannot write ")


def test_what_has_no_effect_is_said_once(house: House) -> None:
    for _ in range(2):
        house.finish("/bin/true", project="p", resource_pool=":default", security_flags="aslr")
    assert house.log().count("project 'p' has no effect") == 1
    assert house.log().count("security_flags 'aslr' has no effect") == 1
    assert "resource_pool" not in house.log()


def test_processes_are_described(house: House) -> None:
    house.run("sleep 4321", child=True)
    house.until_told(exited(0))
    house.until(lambda: [p.command for p in house.restarter.processes(X)] == ["sleep"])
    (found,) = house.restarter.processes(X)
    assert found.arguments == "sleep 4321"
    assert found.pid == house.restarter.start_pid(X)
    started = Path(f"/proc/{found.pid}").stat().st_mtime
    assert abs(found.start_time - started) < 5


@needs_root
def test_without_root_rights(tmp_path: Path) -> None:
    """A whole restarter as another user: its own user is fine, others are refused."""
    os.chmod(tmp_path, 0o777)
    text = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.integration.restarter_house import open_house
with open_house(Path({str(tmp_path)!r})) as house:
    for user in (None, "nobody", "65534", ":default", "root", "daemon"):
        attributes = {{}} if user is None else {{"user": user}}
        print(user, house.finish("/bin/true", context=attributes))
    print(house.finish("/bin/true", group="mail").refusal)
    print(house.finish("/bin/true", limits=("nofile=99999999",)))
"""
    setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    ran = subprocess.run(
        [*setpriv, sys.executable, "-c", text],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    lines = ran.stdout.splitlines()
    assert ran.stderr == ""
    assert all("code=0" in line for line in lines[:4]), lines
    assert "user 'root' needs root rights, and svc.startd runs as uid 65534" in lines[4]
    assert "user 'daemon' needs root rights" in lines[5]
    assert "group 'mail' needs root rights" in lines[6]
    assert "code=96" in lines[7]
