"""roost convert as a command: what it writes, says and refuses; converted services that run."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.manifest import read_bundle
from tests.integration.daemon import BIN, WAIT_S, Daemon

UNIT = """[Unit]
Description=A sleeper
[Service]
ExecStart=/bin/sleep 1000000
Restart=always
PrivateTmp=yes
[Install]
WantedBy=multi-user.target
"""


def convert(*words: str | Path, status: int = 0) -> tuple[str, str]:
    """Run it; returns what it printed, and what it said on standard error."""
    done = subprocess.run(
        [BIN / "roost", "convert", *words],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    path = tmp_path / "sleeper.service"
    path.write_text(UNIT)
    return path


@pytest.fixture
def startd(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "root")
    yield made
    made.stop()


# --- the command ------------------------------------------------------------------------


def test_the_document_goes_out_and_the_summary_beside_it(unit: Path) -> None:
    out, err = convert(unit)
    assert f"# {unit}:6: PrivateTmp=yes: roost does not confine services\n" in out
    assert '[service."site/sleeper"]\n' in out
    assert err == (
        "roost: svc:/site/sleeper: 4 lines converted; 1 not:\n"
        "roost:      1  roost does not confine services\n"
    )
    xml, _ = convert("--format", "xml", unit)
    assert xml.startswith("<?xml")
    assert f"{unit}:6: PrivateTmp=yes: roost does not confine services" in xml


def test_strict_fails_but_writes(unit: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.toml"
    convert("--strict", "-o", made, unit, status=1)
    assert [service.name for service in read_bundle(str(made)).services] == ["site/sleeper"]
    unit.write_text(UNIT.replace("PrivateTmp=yes\n", ""))
    convert("--strict", "-o", made, unit)


def test_a_directory_gets_a_file_for_each_service(unit: Path, tmp_path: Path) -> None:
    other = tmp_path / "cron.service"
    other.write_text(UNIT)
    out, err = convert("-o", f"{tmp_path}/made/", "--format", "xml", unit, other)
    assert out == ""
    assert sorted(os.listdir(tmp_path / "made")) == ["site-sleeper.xml", "system-cron.xml"]
    assert err.count("4 lines converted") == 2


def test_drop_ins_beside_a_unit_count(unit: Path, tmp_path: Path) -> None:
    directory = tmp_path / "sleeper.service.d"
    directory.mkdir()
    (directory / "20.conf").write_text("[Service]\nUMask=077\n")
    (directory / "10.conf").write_text("[Service]\nUMask=027\nEnvironment=A=1\n")
    out, _ = convert(unit)
    assert 'umask = "077"' in out
    assert 'environment = { A = "1" }' in out


def test_instances_and_names(tmp_path: Path, unit: Path) -> None:
    template = tmp_path / "s@.service"
    template.write_text(UNIT.replace("sleep 1000000", "sleep %i"))
    made = tmp_path / "made.toml"
    convert("-o", made, "--instance", "n1000", "--instance", "n2000", template)
    (service,) = read_bundle(str(made)).services
    assert [instance.name for instance in service.instances] == ["n1000", "n2000"]
    convert("-o", made, "--name", "svc:/app/x", unit)
    (service,) = read_bundle(str(made)).services
    assert service.name == "app/x"


def test_json(unit: Path) -> None:
    content = json.loads(convert("--json", unit)[0])
    assert content["services"] == ["svc:/site/sleeper"]
    assert content["files"] == []
    assert content["carried"] == 4
    assert content["document"].startswith('name = "sleeper"')
    assert content["notes"] == [
        {
            "kind": "lost",
            "service": "svc:/site/sleeper",
            "file": str(unit),
            "line": 6,
            "setting": "PrivateTmp=yes",
            "why": "roost does not confine services",
            "instead": "",
        }
    ]


def test_included_files_are_part_of_supervisords(tmp_path: Path) -> None:
    main = tmp_path / "supervisord.conf"
    main.write_text("[supervisord]\nuser=nobody\n[include]\nfiles=conf.d/*.conf\n")
    (tmp_path / "conf.d").mkdir()
    for name in "ab":
        text = f"[program:{name}]\ncommand=%(here)s/{name}\n"
        (tmp_path / "conf.d" / f"{name}.conf").write_text(text)
    out, err = convert(main)
    assert f'exec = "{tmp_path}/conf.d/b"' in out
    assert out.count('user = "nobody"') == 2
    assert err == "roost: svc:/site/a: 1 line converted\nroost: svc:/site/b: 1 line converted\n"


def test_a_socket_alone_is_no_service_and_each_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.socket"
    path.write_text("[Socket]\nListenStream=80\n")
    out, err = convert(path, status=1)
    assert out == ""
    why = "roost opens no sockets: the service has to listen itself"
    assert err.splitlines() == [
        f"roost: {path}:2: ListenStream=80: {why}",
        f"roost: cannot convert {path}: there is no service in it",
    ]
    (tmp_path / "x.service").write_text(UNIT)
    out, _ = convert(tmp_path / "x.service", path)
    assert f"# {path}:2: ListenStream=80: roost opens no sockets" in out


_NO_KIND = "it is neither a unit (NAME.service), nor a supervisord.conf, nor a Procfile"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.service", b"[Service]\nhm\n", "{path}:2: 'hm' is no assignment (Key=Value)"),
        ("x.service", b"[Service]\n\nA=\xff\n", "{path}:3: it is no UTF-8 text"),
        ("x.service", b"[Service]\nA=\0\n", "{path}:2: it holds a NUL, so it is no text"),
        ("x.service", b"", "{path}:1: it is empty: such a unit is masked, and never started"),
        ("x.conf", b"[program:a]\n", "{path}:1: program a has no command"),
        ("Procfile", b"web\n", "{path}:1: 'web' is no 'name: command'"),
        ("x.conf", b"a=b\n", _NO_KIND),
        ("unit", b"[Service]\n", "a unit is known by its name: NAME.service or the like"),
    ],
)
def test_bad_files_are_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    made = tmp_path / "made.toml"
    _, err = convert("-o", made, path, status=1)
    place = why.replace("{path}", str(path)) if "{path}" in why else f"{path}: {why}"
    assert err.splitlines()[0] == f"roost: cannot convert {place}"
    assert not made.exists()


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        ([], 2, "cannot convert anything: no file is given"),
        (["--format", "yaml", "x"], 2, "cannot convert to 'yaml': the formats are toml and xml"),
        (["--name", "a b", "x"], 1, "cannot use 'a b' as the name of a service"),
        (["--name", "a", "UNIT", "UNIT2"], 2, "cannot name 2 files a: --name is for one file"),
        (["--instance", "a", "UNIT"], 2, "no file is a template (NAME@.service)"),
        (["/no/such"], 1, "cannot convert /no/such: there is no such file"),
        (["/"], 1, "cannot convert /: Is a directory"),
        (["UNIT", "UNIT2"], 1, "2 of them become svc:/site/sleeper"),
        (["-o", "/proc/none/x", "UNIT"], 1, "cannot write /proc/none/x: "),
    ],
)
def test_what_cannot_be(
    words: list[str], status: int, why: str, unit: Path, tmp_path: Path
) -> None:
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / unit.name).write_text(UNIT)
    places = {"UNIT": str(unit), "UNIT2": str(tmp_path / "2" / unit.name)}
    _, err = convert(*(places.get(word, word) for word in words), status=status)
    assert why in err.splitlines()[0]


# --- what was converted runs ------------------------------------------------------------


def live(startd: Daemon, fmri: str, *, old: int = 0) -> int:
    """Wait until it is online with another process than ``old``; returns its id."""

    def pid(instance: dict[str, object]) -> int:
        shown = startd.run("svcprop", "-p", "restarter/start_pid", fmri).split()
        return int(shown[0]) if shown and instance["state"] == "online" else 0

    instance = startd.wait_until(fmri, lambda i: pid(i) not in (0, old), "online anew")
    return pid(instance)


class Mouth:
    """A FIFO to which a service writes what the test wants to know."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path

    def hear(self) -> str:
        """All that one process writes until it closes the FIFO."""
        fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            found = b""
            while True:
                ready, _, _ = select.select([fd], [], [], WAIT_S)
                assert ready, f"nobody wrote to {self._path}"
                part = os.read(fd, 4096)
                if not part:
                    return found.decode()
                found += part
        finally:
            os.close(fd)


def check_life(startd: Daemon, fmri: str) -> None:
    """Online; killed, and online again; disabled, and its process is gone."""
    first = live(startd, fmri)
    os.kill(first, signal.SIGKILL)
    second = live(startd, fmri, old=first)
    startd.run("svcadm", "disable", fmri)
    startd.wait_state(fmri, "disabled")
    assert not Path(f"/proc/{second}").exists()


def take_over(startd: Daemon, tmp_path: Path, path: Path, *words: str) -> None:
    made = tmp_path / "made.toml"
    convert(*words, "-o", made, path)
    assert startd.run("svccfg", "validate", made) == ""
    startd.run("svccfg", "import", made)


def test_a_unit_runs(startd: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "keeper.service"
    (tmp_path / "env").write_text("WORDS='three four'\n")
    path.write_text(f"""[Service]
Environment=ONE=1 "TWO=a b"
EnvironmentFile={tmp_path}/env
EnvironmentFile=-/none
WorkingDirectory={tmp_path}
UMask=0027
ExecStartPre=/bin/sh -c 'touch before; echo 100%%'
ExecStart=/bin/sh -c 'for w; do echo "<$w>"; done >said; while :; do sleep 1; done' x \\
    # of the middle
    $WORDS ${{TWO}} ${{ONE}}%% $$X 'it''s' "%p" $NONE
ExecReload=/bin/sh -c 'echo $MAINPID >reloaded'
[Install]
WantedBy=multi-user.target
""")
    said, reloaded = Mouth(tmp_path / "said"), Mouth(tmp_path / "reloaded")
    take_over(startd, tmp_path, path)
    fmri = "svc:/site/keeper:default"
    pid = live(startd, fmri)
    words = ["<three>", "<four>", "<a b>", "<1%>", "<$X>", "<its>", "<keeper>", ""]
    assert said.hear().split("\n") == words
    assert (tmp_path / "before").stat().st_mode & 0o777 == 0o640
    startd.run("svcadm", "refresh", fmri)
    assert reloaded.hear() == f"{pid}\n"
    startd.run("svcadm", "restart", fmri)
    assert said.hear().split("\n") == words
    os.kill(live(startd, fmri, old=pid), signal.SIGKILL)
    assert said.hear().split("\n") == words
    startd.run("svcadm", "disable", fmri)
    startd.wait_state(fmri, "disabled")


def test_a_stop_command_and_what_it_leaves(startd: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "forker.service"
    path.write_text(f"""[Service]
Type=forking
ExecStart=/bin/sh -c 'sleep 1000001 & sleep 1000002 & echo $! >{tmp_path}/pid'
PIDFile={tmp_path}/pid
ExecReload=/bin/kill -USR2 $MAINPID
ExecStop=/bin/sh -c 'kill $MAINPID'
ExecStopPost=/bin/touch {tmp_path}/after
[Install]
WantedBy=multi-user.target
""")
    take_over(startd, tmp_path, path)
    fmri = "svc:/site/forker:default"
    startd.wait_state(fmri, "online")
    startd.run("svcadm", "disable", fmri)
    startd.wait_state(fmri, "disabled")
    assert (tmp_path / "after").exists()


def test_programs_of_supervisor_run(startd: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "supervisord.conf"
    path.write_text(f"""[supervisord]
environment=GREETING="hello, you"
[program:worker]
command=/bin/sh -c 'echo "$GREETING from $0" >%(here)s/said.%(process_num)d; exec sleep 1000003'
    worker-%(process_num)02d
process_name=%(program_name)s_%(process_num)02d
numprocs=2
directory={tmp_path}
stopsignal=INT
autorestart=true
[program:late]
command=sleep 1000004
priority=1000
[program:job]
command=/bin/sh -c 'echo once >>%(here)s/job'
autorestart=false
startsecs=0
""")
    mouths = [Mouth(tmp_path / f"said.{number}") for number in (0, 1)]
    take_over(startd, tmp_path, path)
    for number, said in enumerate(mouths):
        fmri = f"svc:/site/worker:worker_0{number}"
        assert said.hear() == f"hello, you from worker-0{number}\n"
        os.kill(live(startd, fmri), signal.SIGKILL)
        assert said.hear() == f"hello, you from worker-0{number}\n"
    live(startd, "svc:/site/late:default")
    assert "svc:/site/worker" in startd.run("svcs", "-Hd", "-o", "fmri", "late")
    check_life(startd, "svc:/site/late:default")
    startd.wait_state("svc:/site/job:default", "online")
    assert (tmp_path / "job").read_text() == "once\n"


def test_an_application_with_a_procfile_runs(startd: Daemon, tmp_path: Path) -> None:
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / ".env").write_text("COLOUR='dark red'\n")
    (directory / "Procfile").write_text(
        'web: sh -c "echo \\"$COLOUR on $PORT\\" >said; exec sleep 1000005"\n'
        "clock: sleep 1000006 | cat\n"
    )
    said = Mouth(directory / "said")
    take_over(startd, tmp_path, directory / "Procfile")
    assert said.hear() == "dark red on 5000\n"
    os.kill(live(startd, "svc:/site/shop/web:default"), signal.SIGKILL)
    assert said.hear() == "dark red on 5000\n"
    check_life(startd, "svc:/site/shop/clock:default")
