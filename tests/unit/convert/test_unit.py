"""What each setting of a service unit becomes."""

from __future__ import annotations

import pytest

from roost.convert import Kind
from roost.errors import InvalidValue
from tests.unit.convert.conversions import (
    context,
    groups_of,
    method,
    needs,
    notes,
    only,
    service,
    start_of,
    unit,
    why,
)

CAT = "ExecStart=/bin/cat"
LOCAL = "svc:/system/filesystem/local"


# --- types ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "duration"),
    [
        ("simple", "child"),
        ("exec", "child"),
        ("idle", "child"),
        ("notify", "child"),
        ("dbus", "child"),
        ("forking", "contract"),
        ("oneshot", "transient"),
    ],
)
def test_types(type_: str, duration: str) -> None:
    found = service(f"Type={type_}", CAT, "Restart=always")
    groups = groups_of(only(found))
    assert groups["startd"].value("duration") == duration
    assert start_of(found) == "/bin/cat"
    assert method(found, "stop") == (":true" if type_ == "oneshot" else ":kill")
    assert not found.lost()


def test_what_systemd_refuses_is_refused_by_line() -> None:
    for lines, text in (
        (["Type=forked", CAT], "x.service:4: 'forked' is no type of a service"),
        ([CAT, CAT], "x.service:5: Type=simple needs one ExecStart, and there are 2"),
        (["User=a"], "x.service:1: it has neither ExecStart nor ExecStop"),
        (["Type=notify"], "x.service:1: Type=notify needs one ExecStart, and there are 0"),
    ):
        with pytest.raises(InvalidValue) as refused:
            service(*lines)
        assert refused.value.message == f"cannot convert {text}"
    with pytest.raises(InvalidValue, match="masked"):
        unit("# nothing\n")


def test_restarts_are_explained() -> None:
    assert notes(service(CAT, "Restart=always", install="WantedBy=multi-user.target")) == []
    never = service(CAT, install="WantedBy=multi-user.target")
    assert notes(never) == [
        "x.service:1: no Restart=: systemd starts it once; roost starts it again whenever it ends"
    ]
    assert why(service(CAT, "Restart=on-failure"), "Restart=").startswith("changed: roost starts")
    assert why(service("Type=oneshot", CAT, "Restart=on-failure"), "Restart=").startswith("changed")


def test_start_limit_holds_where_roost_has_one() -> None:
    lines = ["Type=forking", CAT, "StartLimitIntervalSec=1min", "StartLimitBurst=3"]
    startd = groups_of(only(service(*lines)))["startd"]
    assert startd.value("critical_failure_period") == "60"
    assert startd.value("critical_failure_count") == "3"
    foreground = service(CAT, "StartLimitBurst=3")
    assert why(foreground, "StartLimitBurst").startswith("lost: ")


# --- commands ---------------------------------------------------------------------------


def test_what_comes_before_makes_a_script_that_ends_in_exec() -> None:
    found = service("ExecStartPre=/bin/a x", "ExecStartPre=-/bin/b 'y z'", "ExecStart=/bin/c -f")
    assert start_of(found) == "/bin/sh -ec '/bin/a x; /bin/b \"y z\" || :; exec /bin/c -f'"


def test_several_commands_of_a_oneshot_and_an_end_that_may_fail() -> None:
    found = service("Type=oneshot", "ExecStart=/bin/a ; /bin/b", "ExecStart=-/bin/c")
    assert start_of(found) == "/bin/sh -ec '/bin/a; /bin/b; /bin/c || :'"


def test_an_empty_assignment_takes_back_what_was_said() -> None:
    found = unit(f"[Service]\n{CAT}\nEnvironment=A=1\n", "[Service]\nExecStart=\nExecStart=/bin/b")
    assert start_of(found) == "/bin/b"
    assert context(found, "environment") == ("A=1",)
    assert {setting.line for setting in found.carried} == {2, 3}


def test_percent_signs_and_variables_reach_the_program_as_they_were() -> None:
    found = service("Environment='A=1 2'", "ExecStart=/bin/date +%%F%% $A ${A} $$x ':' \\;")
    assert start_of(found) == """/bin/date +%%F%% $A "${A}" '$x' : ";\""""
    assert context(found, "environment") == ("A=1 2",)


def test_variables_that_nothing_sets_are_named() -> None:
    assert "x.service:4: ExecStart: nothing here sets $OPTS: empty, as with systemd" in notes(
        service("ExecStart=/bin/a $OPTS")
    )


def test_environment_files_are_read_by_the_shell() -> None:
    found = service(
        "EnvironmentFile=/etc/a", "EnvironmentFile=-/etc/b c", "ExecStart=/bin/a $X",
        "ExecReload=/bin/r $X", "ExecStop=/bin/s",
    )  # fmt: skip
    read = "set -a; . /etc/a; [ ! -r /etc/b ] || . /etc/b; set +a"
    assert start_of(found) == f"/bin/sh -ec '{read}; exec /bin/a $X'"
    assert method(found, "refresh") == f"/bin/sh -ec '{read}; /bin/r $X'"
    assert "set -a" not in method(found, "stop")
    lost = service("EnvironmentFile=/etc/*.conf", CAT)
    assert why(lost, "EnvironmentFile").startswith("lost: only a single file")
    assert start_of(lost) == "/bin/cat"


def test_stop_commands_are_followed_by_a_signal_to_what_is_left() -> None:
    found = service("ExecStop=/bin/s -x", "KillSignal=SIGINT", "TimeoutStopSec=5", CAT)
    assert method(found, "stop") == (
        '/bin/sh -c \'/bin/s -x; . "$ROOST_ROOT/lib/svc/share/smf_include.sh"; '
        "smf_kill_contract %{restarter/contract} INT || :'"
    )
    assert groups_of(only(found))["stop"].value("timeout_seconds") == "5"
    after = service("ExecStopPost=/bin/p", "TimeoutStopSec=5", CAT)
    assert "TERM 1 5 || :; /bin/p || :'" in method(after, "stop")
    assert why(after, "ExecStopPost").startswith("changed")
    plain = service("Type=oneshot", "RemainAfterExit=yes", CAT, "ExecStop=/bin/s")
    assert method(plain, "stop") == "/bin/s"


@pytest.mark.parametrize(
    ("lines", "stop", "kind"),
    [
        (["KillSignal=SIGQUIT"], ":kill -QUIT", ""),
        (["KillMode=control-group"], ":kill", ""),
        (["KillMode=mixed"], "/bin/kill -TERM %{restarter/start_pid}", "changed"),
        (["KillMode=mixed", "Type=forking"], ":kill", "changed"),
        (["KillMode=process"], ":kill", "lost"),
        (["KillMode=none"], ":kill", "lost"),
    ],
)
def test_kill_modes(lines: list[str], stop: str, kind: str) -> None:
    found = service(*lines, CAT, "Restart=always")
    assert method(found, "stop") == stop
    kinds = [note.kind.value for note in found.notes if note.subject.startswith("Kill")]
    assert kinds == ([kind] if kind else [])


def test_reload_reaches_the_main_process() -> None:
    found = service(CAT, "ExecReload=/bin/kill -HUP $MAINPID")
    assert method(found, "refresh") == "/bin/kill -HUP %{restarter/start_pid}"
    filed = service("Type=forking", "PIDFile=d.pid", CAT, "ExecReload=kill -s HUP ${MAINPID}")
    assert method(filed, "refresh") == 'kill -s HUP "$(cat /run/d.pid)"'
    guess = service("Type=forking", CAT, "ExecReload=/bin/kill -s SIGUSR1 $MAINPID")
    assert method(guess, "refresh") == ":kill -USR1"
    assert why(guess, "ExecReload").startswith("changed: all processes get the signal")
    shell = service(CAT, "ExecReload=/bin/sh -c 'kill -HUP $MAINPID'")
    assert method(shell, "refresh") == (
        "env MAINPID=%{restarter/start_pid} /bin/sh -c 'kill -HUP $MAINPID'"
    )
    notify = service("Type=notify-reload", CAT)
    assert method(notify, "refresh") == "/bin/kill -HUP %{restarter/start_pid}"


def test_after_the_start_and_conditions_by_command() -> None:
    after = service("Type=forking", CAT, "ExecStartPost=/bin/p")
    assert start_of(after) == "/bin/sh -ec '/bin/cat; /bin/p'"
    assert why(service(CAT, "ExecStartPost=/bin/p"), "ExecStartPost").startswith("lost: ")
    for type_, status in (("simple", 96), ("forking", 94), ("oneshot", 0)):
        found = service(f"Type={type_}", CAT, "ExecCondition=/bin/c")
        assert start_of(found) == f"/bin/sh -ec '/bin/c || exit {status}; exec /bin/cat'"


def test_a_program_that_is_sought_gets_the_usual_path() -> None:
    assert context(service("ExecStart=node x.js"), "environment") == (
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    )
    assert context(service(CAT), "environment") == ()


def test_timeouts() -> None:
    groups = groups_of(only(service("Type=forking", CAT, "TimeoutSec=7", "ExecReload=/bin/r")))
    seconds = {name: groups[name].value("timeout_seconds") for name in ("start", "stop", "refresh")}
    assert seconds == {"start": "7", "stop": "7", "refresh": "7"}
    groups = groups_of(only(service("Type=oneshot", CAT)))
    assert [groups[n].value("timeout_seconds") for n in ("start", "stop")] == ["0", "90"]
    notify = service("Type=notify", CAT, "TimeoutStartSec=5")
    assert why(notify, "TimeoutStartSec").startswith("lost: ")
    assert groups_of(only(notify))["start"].value("timeout_seconds") == "0"


# --- context ----------------------------------------------------------------------------


def test_context() -> None:
    found = service(
        CAT, "User=web", "Group=www", "SupplementaryGroups=ssl video", "WorkingDirectory=/srv",
        "UMask=0027", "LimitNOFILE=1024:4096", "LimitCORE=infinity", "LimitMEMLOCK=1M",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=~CAP_SYS_ADMIN",
        "Environment=A=1 \"B=x y\" 'C=%n'",
    )  # fmt: skip
    wanted = {
        "user": ("web",), "group": ("www",), "supp_groups": ("ssl,video",), "umask": ("027",),
        "use_profile": ("false",), "working_directory": ("/srv",),
        "limits": ("core=unlimited", "memlock=1048576", "nofile=1024:4096"),
        "privileges": ("basic,cap_net_bind_service",),
        "limit_privileges": ("all,!cap_sys_admin",),
        "environment": ("A=1", "B=x y", "C=x.service"),
    }  # fmt: skip
    assert {name: context(found, name) for name in wanted} == wanted
    assert not found.lost()


def test_context_by_default_is_systemds() -> None:
    found = service(CAT)
    assert context(found, "working_directory") == ("/",)
    assert context(found, "user") == ()
    assert context(service(CAT, "WorkingDirectory=~", "User=a"), "working_directory") == (":home",)
    assert why(service(CAT, "WorkingDirectory=-/x"), "WorkingDirectory").startswith("changed")


def test_values_that_are_none_are_named() -> None:
    found = service(CAT, "LimitNOFILE=many", "UMask=9", "TimeoutStopSec=soon", "Nice=x")
    lost = {note.subject: note.why for note in found.lost()}
    assert lost == {
        "LimitNOFILE=many": "'many' is no number",
        "UMask=9": "'9' is no umask",
        "TimeoutStopSec=soon": "'soon' is no time",
        "Nice=x": "'x' is no number",
    }


def test_root_makes_its_directories_itself() -> None:
    found = service(CAT, "RuntimeDirectory=a b/c", "RuntimeDirectoryMode=750", "StateDirectory=d")
    assert start_of(found) == (
        "/bin/sh -ec 'install -d -m 0750 /run/a /run/b/c; install -d -m 0755 /var/lib/d; "
        "exec /bin/cat'"
    )
    assert set(context(found, "environment")) == {
        "RUNTIME_DIRECTORY=/run/a:/run/b/c", "STATE_DIRECTORY=/var/lib/d"}  # fmt: skip


def test_for_another_user_a_service_of_its_own_makes_them() -> None:
    found = service(CAT, "User=u", "Group=g", "RuntimeDirectory=a", "ExecStartPre=+/bin/p")
    setup, main = found.bundle.services
    assert setup.name == "site/x-setup"
    groups = groups_of(setup)
    assert groups["start"].value("exec") == (
        "/bin/sh -ec 'install -d -m 0755 -o u -g g /run/a; /bin/p'"
    )
    assert groups["startd"].value("duration") == "transient"
    assert "method_context" not in groups
    assert main.name == "site/x"
    assert start_of(found) == "/bin/cat"
    assert needs(found)["setup"] == ("require_all", "none", ("svc:/site/x-setup",))
    assert why(found, "ExecStartPre").startswith("changed: it runs as root before the first start")


def test_a_program_that_drops_its_rights_itself_starts_as_root() -> None:
    found = service("ExecStart=!/usr/sbin/d", "User=u", "RuntimeDirectory=a", "ExecStop=/bin/s")
    start = groups_of(only(found))["start"]
    assert (start.value("user"), start.value("group")) == ("root", "root")
    assert "install -d -m 0755 -o u /run/a; exec /usr/sbin/d" in start.value("exec")
    assert context(found, "user") == ("u",)


def test_other_programs_do_what_roost_does_not() -> None:
    found = service(
        CAT, "Nice=-5", "IOSchedulingClass=idle", "OOMScoreAdjust=-900", "CPUAffinity=0 2-3",
        "NoNewPrivileges=yes",
    )  # fmt: skip
    assert start_of(found) == (
        "nice -n -5 ionice -c 3 choom -n -900 -- taskset -c 0,2-3 setpriv --no-new-privs /bin/cat"
    )
    for_user = service(CAT, "User=u", "Nice=-5", "OOMScoreAdjust=100")
    assert start_of(for_user) == "choom -n 100 -- /bin/cat"
    assert why(for_user, "Nice") == "lost: u has not the right to do it"


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (["StandardOutput=journal", "StandardError=inherit"], ""),
        (["StandardOutput=null"], " >/dev/null 2>&1"),
        (["StandardOutput=append:/v/o"], " >>/v/o 2>&1"),
        (["StandardOutput=append:/v/o", "StandardError=journal"], " >>/v/o"),
        (["StandardOutput=truncate:/v/o", "StandardError=file:/v/e"], " >/v/o 2>>/v/e"),
        (["StandardError=null"], " 2>/dev/null"),
        (["StandardInput=file:/v/i"], " </v/i"),
    ],
)
def test_streams(lines: list[str], end: str) -> None:
    found = service(*lines, CAT)
    assert start_of(found) == f"/bin/cat{end}"
    assert not found.lost()


# --- dependencies -----------------------------------------------------------------------


def test_dependencies() -> None:
    found = service(
        CAT,
        head="Requires=db.service\nAfter=db.service network.target a.service\nWants=b.service\n"
        "BindsTo=c.service\nPartOf=p.service\nConflicts=e.service shutdown.target\n",
    )
    assert needs(found) == {
        "requires": ("require_all", "restart", ("svc:/site/db", "svc:/site/c")),
        "part_of": ("optional_all", "restart", ("svc:/site/p",)),
        "conflicts": ("exclude_all", "restart", ("svc:/site/e",)),
        "after": (
            "optional_all", "none",
            ("svc:/site/b", "svc:/milestone/network", "svc:/site/a", LOCAL),
        ),
    }  # fmt: skip
    assert why(found, "Requires") == "changed: svc:/site/db has to be there"


def test_targets_never_hold_anything_up() -> None:
    found = service(CAT, head="Requires=network-online.target\nDefaultDependencies=no")
    assert needs(found) == {"after": ("optional_all", "none", ("svc:/milestone/network",))}


def test_other_kinds_of_units() -> None:
    found = service(
        CAT,
        head="DefaultDependencies=no\nRequires=dev-sda1.device x.socket\nAfter=srv.mount\n"
        "Wants=a.timer\nAfter=system.slice\nRequires=foo@bar-1.service",
    )
    assert needs(found) == {
        "paths": ("require_all", "none", ("file://localhost/dev/sda1",)),
        "after": ("optional_all", "none", (LOCAL,)),
        "requires": ("require_all", "restart", ("svc:/site/foo:bar-1",)),
    }
    lost = {note.subject: note.why for note in found.lost()}
    assert lost["Requires=dev-sda1.device x.socket"].startswith("roost opens no sockets")
    assert "timer" in lost["Wants=a.timer"]
    assert "control groups" in lost["After=system.slice"]


def test_conditions_about_paths() -> None:
    found = service(
        CAT,
        head="DefaultDependencies=no\nConditionPathExists=/etc/x.conf\nConditionPathExists=!/run/no\n"
        "AssertPathIsDirectory=/srv\nConditionPathExists=|/a\nConditionPathExists=|/b\n"
        "ConditionVirtualization=no",
    )
    assert needs(found) == {
        "paths": ("require_all", "none", ("file://localhost/etc/x.conf", "file://localhost/srv")),
        "no_paths": ("exclude_all", "none", ("file://localhost/run/no",)),
        "any_path": ("require_any", "none", ("file://localhost/a", "file://localhost/b")),
    }
    assert why(found, "AssertPathIsDirectory").startswith("changed: ")
    assert why(found, "ConditionVirtualization").startswith("lost: ")
    mixed = service(CAT, head="ConditionPathExists=|/a\nConditionACPower=|true")
    assert why(mixed, "ConditionPathExists").startswith("lost: one of several")


def test_who_wants_it_waits_for_it() -> None:
    found = service(
        CAT, head="Before=late.service multi-user.target", install="WantedBy=multi-user.target"
    )
    bundle = only(found)
    assert bundle.instances[0].enabled
    assert [(d.name, d.grouping, d.restart_on, d.target) for d in bundle.dependents] == [
        ("x_late", "optional_all", "none", "svc:/site/late"),
        ("x_multi-user", "optional_all", "none", "svc:/milestone/multi-user"),
    ]
    required = service(CAT, install="RequiredBy=app.service")
    assert only(required).dependents[0].grouping == "require_all"


def test_no_circle_is_closed() -> None:
    for after in ("multi-user.target", "graphical.target"):
        found = service(CAT, head=f"After={after}", install="WantedBy=multi-user.target")
        assert only(found).dependents == ()
        assert only(found).instances[0].enabled
        assert why(found, "WantedBy").startswith("changed: ")


def test_what_nobody_wants_is_not_enabled() -> None:
    found = service(CAT)
    assert only(found).instances[0].enabled is False
    assert "x.service:1: no WantedBy=: nothing wants it, so it is not enabled; svcadm enable site/x" in notes(found)  # fmt: skip  # noqa: E501


# --- the rest ---------------------------------------------------------------------------


def test_description_and_documentation() -> None:
    found = service(CAT, head="Description=A %p thing\nDocumentation=man:cat(1) https://x.example/")
    groups = groups_of(only(found))
    assert groups["tm_common_name"].value("C") == "A x thing"
    pages = [group for name, group in groups.items() if name.startswith("tm_man_")]
    assert [(page.value("title"), page.value("section")) for page in pages] == [("cat", "1")]
    links = [group for name, group in groups.items() if name.startswith("tm_doc_")]
    assert [link.value("uri") for link in links] == ["https://x.example/"]


def test_what_cannot_be_is_named_with_a_reason_and_what_says_nothing_is_not() -> None:
    found = service(
        CAT, "PrivateTmp=yes", "ProtectHome=no", "WatchdogSec=5", "Fancy=1", "X-Own=1",
        "DynamicUser=yes", "Delegate=no", "NotifyAccess=main",
    )  # fmt: skip
    kinds = {note.subject: (note.kind, note.why) for note in found.notes}
    assert kinds["PrivateTmp=yes"] == (Kind.LOST, "roost does not confine services")
    assert "ProtectHome=no" not in kinds
    assert "Delegate=no" not in kinds
    assert kinds["WatchdogSec=5"][0] is Kind.LOST
    assert kinds["Fancy=1"] == (Kind.LOST, "roost has nothing like it")
    assert kinds["X-Own=1"][0] is Kind.ASIDE
    assert kinds["NotifyAccess=main"][0] is Kind.ASIDE
    assert kinds["DynamicUser=yes"] == (Kind.LOST, "roost makes no users")
    assert context(found, "user") == ("x",)


def test_notes_name_file_line_and_service() -> None:
    found = unit(f"[Service]\n{CAT}\n", "[Service]\n\nPrivateTmp=yes\n")
    (note,) = found.lost()
    assert str(note) == "1.conf:3: PrivateTmp=yes: roost does not confine services"
    assert note.fmri == "svc:/site/x"


def test_a_template_without_an_instance() -> None:
    found = unit("[Service]\nExecStart=/bin/d --name %i\n", name="d@.service")
    assert only(found).instances == ()
    assert start_of(found) == "/bin/d --name %i"
    assert any("convert with --instance NAME" in line for line in notes(found))


def test_instances_of_a_template() -> None:
    text = "[Service]\nExecStart=/bin/d --name %i --path %I\nWorkingDirectory=/srv/%i\n"
    text += "[Install]\nWantedBy=multi-user.target\n"
    found = unit(text, name="d@.service", instances=("a", "b-c"))
    bundle = only(found)
    assert [(one.name, one.enabled) for one in bundle.instances] == [("a", True), ("b-c", True)]
    assert groups_of(bundle, "a")["start"].value("exec") == "/bin/d --name a --path a"
    assert groups_of(bundle, "b-c")["start"].value("exec") == "/bin/d --name b-c --path b/c"
    assert bundle.groups == ()
    targets = [(d.name, d.target) for one in bundle.instances for d in one.dependents]
    assert targets == [
        ("d_a_multi-user", "svc:/milestone/multi-user"),
        ("d_b-c_multi-user", "svc:/milestone/multi-user"),
    ]


def test_a_target_is_a_milestone() -> None:
    found = unit("[Unit]\nDescription=All\nRequires=a.service\n", name="all.target")
    assert (only(found).name, only(found).kind) == ("milestone/all", "milestone")
    assert start_of(found) == ":true"
    assert needs(found)["requires"][2] == ("svc:/site/a",)


@pytest.mark.parametrize(
    ("kind", "line", "reason"),
    [
        ("socket", "ListenStream=80", "roost opens no sockets: the service has to listen itself"),
        ("timer", "OnCalendar=daily", "roost has no timers"),
        ("path", "PathExists=/x", "roost watches no paths"),
        ("mount", "Where=/x", "roost has nothing like a mount unit"),
    ],
)
def test_other_units_are_named_line_by_line(kind: str, line: str, reason: str) -> None:
    text = f"[Unit]\nDescription=d\n[{kind.title()}]\n{line}\n[Install]\nWantedBy=sockets.target\n"
    found = unit(text, name=f"x.{kind}")
    assert found.bundle.services == ()
    assert [(note.line, note.kind) for note in found.notes] == [
        (2, Kind.LOST), (4, Kind.LOST), (6, Kind.LOST)]  # fmt: skip
    assert found.notes[1].why == reason
    assert found.notes[1].fmri == ("" if kind == "mount" else "svc:/site/x")
