"""What each setting of supervisord.conf becomes."""

from __future__ import annotations

import pytest

from roost.convert import Kind, Source, included_patterns
from roost.errors import InvalidValue
from tests.unit.convert.conversions import (
    context,
    groups_of,
    method,
    needs,
    only,
    start_of,
    supervisor,
    why,
)

CAT = "[program:cat]\ncommand=/bin/cat\n"


def test_a_plain_program() -> None:
    found = supervisor(f"; comment\n[supervisord]\n{CAT}")
    bundle = only(found)
    assert bundle.name == "site/cat"
    groups = groups_of(bundle)
    assert groups["startd"].value("duration") == "child"
    assert (start_of(found), method(found, "stop")) == ("/bin/cat", ":kill")
    assert groups["stop"].value("timeout_seconds") == "10"
    assert [(one.name, one.enabled) for one in bundle.instances] == [("default", True)]
    assert found.notes == ()


def test_settings_of_a_program() -> None:
    found = supervisor(
        "[program:web]\n"
        "command = %(here)s/run 'a b' --name=%(program_name)s  ; and so on\n"
        "    --home %(ENV_HOME)s  # of whom\n"
        "directory: /srv/%(program_name)s\n"
        "user=www\numask=027\nautostart=false\nstopsignal=QUIT\nstopwaitsecs=60\n"
        "stopasgroup=true\nautorestart=true\n"
        "environment=A=\"1,2\",B='x y', C=%(host_node_name)s\n",
        HOME="/home/a",
    )
    assert start_of(found) == '/etc/s/run "a b" --name=web --home /home/a'
    assert method(found, "stop") == ":kill -QUIT"
    assert groups_of(only(found))["stop"].value("timeout_seconds") == "60"
    assert only(found).instances[0].enabled is False
    for attribute, values in {
        "working_directory": ("/srv/web",), "user": ("www",), "umask": ("027",),
        "environment": ("A=1,2", "B=x y", "C=falcon"),
    }.items():  # fmt: skip
        assert context(found, attribute) == values
    (note,) = found.notes
    assert (note.line, note.kind) == (2, Kind.CHANGED)
    assert note.why == "%(ENV_...)s is the environment of this conversion"


def test_processes_become_instances() -> None:
    found = supervisor(
        "[program:w]\ncommand=/bin/w --port 80%(process_num)02d\nnumprocs=2\nnumprocs_start=8\n"
        "process_name=%(program_name)s_%(process_num)02d\nuser=u\n"
    )
    bundle = only(found)
    assert [one.name for one in bundle.instances] == ["w_08", "w_09"]
    assert groups_of(bundle, "w_09")["start"].value("exec") == "/bin/w --port 8009"
    assert {group.name for group in bundle.groups} >= {"stop", "method_context", "startd"}
    same = supervisor(f"{CAT}numprocs=3\nprocess_name=c%(process_num)d\n")
    assert [one.groups for one in only(same).instances] == [(), (), ()]


def test_groups_are_part_of_the_name_and_priorities_order() -> None:
    found = supervisor(
        "[program:a]\ncommand=/bin/a\npriority=10\n[program:b]\ncommand=/bin/b\npriority=20\n"
        "[program:c]\ncommand=/bin/c\n[group:g]\nprograms=b, c\npriority=5\n"
    )
    services = {one.name: groups_of(one) for one in found.bundle.services}
    assert list(services) == ["site/a", "site/g/b", "site/g/c"]
    targets = {
        name: groups["priority"].values("entities") if "priority" in groups else ()
        for name, groups in services.items()
    }
    assert targets == {
        "site/g/b": (), "site/g/c": ("svc:/site/g/b",), "site/a": ("svc:/site/g/c",)}  # fmt: skip
    assert "priority" not in needs(supervisor(CAT))


def test_supervisord_hands_down() -> None:
    found = supervisor(
        f"[supervisord]\nuser=u\ndirectory=/d\numask=077\nenvironment=A=1,B=2\nminfds=99\n"
        f"logfile=/l\npidfile=/p\n{CAT}environment=B=3\n"
    )
    assert context(found, "user") == ("u",)
    assert context(found, "working_directory") == ("/d",)
    assert context(found, "umask") == ("077",)
    assert context(found, "environment") == ("A=1", "B=3")
    assert why(found, "minfds").startswith("lost: ")
    assert why(found, "[supervisord]") == "aside: logfile, pidfile: about supervisord itself"


def test_output() -> None:
    dropped = supervisor(f"{CAT}stdout_logfile=NONE\nredirect_stderr=true\n")
    assert start_of(dropped) == "/bin/cat >/dev/null 2>&1"
    kept = supervisor(
        f"{CAT}stdout_logfile=/v/o\nstdout_logfile_maxbytes=1MB\nstderr_logfile=AUTO\n"
    )
    assert start_of(kept) == "/bin/cat"
    assert why(kept, "stdout_logfile=/v/o") == "changed: it goes to the service's log"
    assert why(kept, "stderr_logfile") == "changed: it goes to the service's log"
    assert why(kept, "stdout_logfile_maxbytes").startswith("lost: ")


def test_what_roost_does_its_own_way_is_explained() -> None:
    found = supervisor(
        f"{CAT}autorestart=false\nstartsecs=5\nstartretries=9\nexitcodes=0,2\nstopasgroup=false\n"
        "serverurl=AUTO\nfancy=1\n"
    )
    kinds = {note.subject.partition("=")[0]: note.kind for note in found.notes}
    assert kinds == {
        "autorestart": Kind.CHANGED, "startsecs": Kind.LOST, "startretries": Kind.LOST,
        "exitcodes": Kind.LOST, "stopasgroup": Kind.CHANGED, "serverurl": Kind.LOST,
        "fancy": Kind.LOST,
    }  # fmt: skip


def test_a_job_is_run_once() -> None:
    job = supervisor(f"{CAT}autorestart=false\nstartsecs=0\n")
    assert groups_of(only(job))["startd"].value("duration") == "transient"
    (note,) = job.notes
    assert (note.kind, note.subject) == (Kind.CHANGED, "autorestart=false")
    assert note.why.startswith("a job that ends: ")
    for other in ("autorestart=false\nstartsecs=1\n", "startsecs=0\n", "autorestart=y\n"):
        assert groups_of(only(supervisor(CAT + other)))["startd"].value("duration") == "child"
    assert supervisor(f"{CAT}autorestart=y\n").notes == ()
    unexpected = supervisor(f"{CAT}autorestart=unexpected\n").notes
    assert [note.why for note in unexpected] == ["roost starts it again whatever its exit status"]


def test_other_sections_are_named_once_with_the_line_of_their_heading() -> None:
    found = supervisor(
        f"[unix_http_server]\nfile=/s\nchmod=0700\n{CAT}[eventlistener:e]\ncommand=/bin/e\n"
        "[rpcinterface:supervisor]\nx=y\n[odd]\na=b\n[include]\nfiles=*.conf\n"
    )
    assert [(note.line, note.subject, note.kind, len(note.settings)) for note in found.notes] == [
        (1, "[unix_http_server]", Kind.ASIDE, 2),
        (6, "[eventlistener:e]", Kind.LOST, 1),
        (8, "[rpcinterface:supervisor]", Kind.ASIDE, 1),
        (10, "[odd]", Kind.LOST, 1),
    ]


def test_a_fastcgi_program_waits_for_its_socket() -> None:
    found = supervisor("[fcgi-program:f]\ncommand=/bin/f\nsocket=unix:///s\n")
    assert only(found).instances[0].enabled is False
    assert why(found, "socket").startswith("lost: roost opens no sockets")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("command=x\n", "s.conf:1: 'command=x' stands before the first section"),
        ("[program:a]\nnonsense\n", "s.conf:2: 'nonsense' is no assignment"),
        ("[program:a]\nuser=x\n", "s.conf:1: program a has no command"),
        ("[program:a]\ncommand=\n", "s.conf:2: the command is empty"),
        ("[program:a]\ncommand='x\n", "s.conf:2: No closing quotation"),
        ("[program:a]\ncommand=%(ENV_X)s\n", "s.conf:2: %(ENV_X)s is not set"),
        ("[program:a]\ncommand=50%\n", "s.conf:2: '50%' has a lone percent sign"),
        (f"{CAT}numprocs=2\n", "s.conf:2: all 2 processes are called cat"),
        (f"{CAT}numprocs=0\n", "s.conf:1: numprocs=0 is out of range"),
        (f"{CAT}[group:g]\nprograms=dog\n", "s.conf:4: there is no program dog"),
    ],
)
def test_what_supervisord_refuses_is_refused_by_line(text: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        supervisor(text)
    assert refused.value.why.startswith(reason)


def test_includes() -> None:
    source = Source("s.conf", "[include]\nfiles = conf.d/*.conf %(here)s/x.ini ; y\n")
    assert included_patterns(source, "/e", {}) == ["conf.d/*.conf", "/e/x.ini"]
    assert included_patterns(Source("s.conf", CAT), "/e", {}) == []
