"""Whatever a foreign file holds: no assignment is dropped, and what comes out can be read."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from roost.convert import Conversion
from roost.convert.unit_context import _DIRECTORIES, _LIMITS
from roost.convert.unit_depends import RELATIONS
from roost.convert.unit_rest import REASONS
from roost.errors import InvalidValue
from roost.manifest import normal_form, read_bundle, write_toml
from tests.unit.convert.conversions import procfile, supervisor, unit

_KEYS = sorted(
    {
        *_LIMITS, *_DIRECTORIES, *RELATIONS,
        *(key for reason in REASONS for key in reason.keys.split() if not set(key) & set("*?[")),
        "Type", "ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost",
        "ExecReload", "ExecCondition", "Restart", "RemainAfterExit", "User", "Group",
        "SupplementaryGroups", "WorkingDirectory", "UMask", "Environment", "EnvironmentFile",
        "Nice", "IOSchedulingClass", "IOSchedulingPriority", "OOMScoreAdjust", "CPUAffinity",
        "NoNewPrivileges", "StandardInput", "StandardOutput", "StandardError", "KillMode",
        "KillSignal", "SendSIGKILL", "TimeoutSec", "TimeoutStartSec", "TimeoutStopSec",
        "StartLimitBurst", "StartLimitIntervalSec", "Description", "Documentation", "Before",
        "ConditionPathExists", "AssertFileNotEmpty", "RequiresMountsFor", "DefaultDependencies",
        "WantedBy", "RequiredBy", "Alias", "Also", "AmbientCapabilities", "CapabilityBoundingSet",
        "DynamicUser", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve", "ReloadSignal",
    }
)  # fmt: skip
_WORDS = (
    "/bin/a", "-/bin/b", "+/bin/c", "!/d", "@/e", "x", "%i", "%n", "%H", "%%", "$A", "${B}", "$$",
    "a.service", "b@c.service", "x.socket", "multi-user.target", "shutdown.target", "s.mount",
    "dev-x.device", "no", "yes", "5", "-5", "1min", "infinity", "0", "644", "'", '"a b"', "|/p",
    "!/q", "~CAP_KILL", "CAP_KILL", "HUP", "mixed", "forking", "oneshot", "notify", "A=1", "é",
    "man:a(1)", "https://x.example", ";", "\\", "\\x41", "null", "append:/f", "root", "u", "[x]",
)  # fmt: skip
_values = st.lists(st.sampled_from(_WORDS), max_size=4).map(" ".join)
_lines = st.tuples(st.sampled_from(_KEYS), _values).map("=".join)
_units = st.lists(_lines, max_size=12).map(
    lambda lines: "[Service]\nExecStart=/bin/sleep 9\n" + "\n".join(lines) + "\n"
)


def covered(conversion: Conversion) -> set[int]:
    """The lines that were carried over or named."""
    named = [setting for note in conversion.notes for setting in note.settings]
    return {setting.line for setting in (*conversion.carried, *named)}


def check(text: str, conversion: Conversion) -> None:
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\n", r"\1 ", text)
    if joined == text:  # else the numbers of the lines need more than counting
        lines = enumerate(text.split("\n"), 1)
        assignments = {number for number, line in lines if re.match(r"\w+ *[=:]", line)}
        assert covered(conversion) == assignments
    written = write_toml(conversion.bundle)
    assert read_bundle(written, "x.toml") == normal_form(conversion.bundle)


@given(_units, st.sampled_from(["x.service", "x@.service", "x@y.service", "x.target", "x.socket"]))
def test_units(text: str, name: str) -> None:
    try:
        found = unit(text, name=name)
    except InvalidValue as refused:
        assert re.match(rf"{re.escape(name)}:[0-9]+: ", refused.why)  # noqa: PT017
        return
    check(text, found)


_OPTIONS = (
    "command", "process_name", "numprocs", "numprocs_start", "priority", "autostart",
    "autorestart", "startsecs", "startretries", "exitcodes", "stopsignal", "stopwaitsecs",
    "stopasgroup", "killasgroup", "user", "redirect_stderr", "stdout_logfile", "stderr_logfile",
    "stdout_logfile_maxbytes", "stderr_capture_maxbytes", "environment", "directory", "umask",
    "serverurl", "socket", "fancy",
)  # fmt: skip
_TEXTS = (
    "/bin/a", "b", "%(program_name)s", "%(process_num)02d", "%(ENV_HOME)s", "%(here)s", "%", "%%",
    "true", "no", "3", "-1", "QUIT", "NONE", "AUTO", "/v/l", 'A="1"', "A=1,B='2'", "'", "; c",
    "077",
)  # fmt: skip
_options = st.tuples(
    st.sampled_from(_OPTIONS), st.lists(st.sampled_from(_TEXTS), max_size=3).map(" ".join)
).map("=".join)
_programs = st.tuples(
    st.sampled_from(["program", "fcgi-program", "eventlistener", "odd"]),
    st.sampled_from("abc"),
    st.lists(_options, max_size=8),
).map(lambda parts: f"[{parts[0]}:{parts[1]}]\ncommand=/bin/x\n" + "\n".join(parts[2]))


@given(st.lists(_programs, max_size=3).map("\n".join), st.lists(_options, max_size=4))
def test_supervisor(text: str, own: list[str]) -> None:
    whole = text + "\n[supervisord]\n" + "\n".join(own) + "\n"
    try:
        found = supervisor(whole, HOME="/h")
    except InvalidValue as refused:
        assert re.match(r"s\.conf:[0-9]+: ", refused.why)  # noqa: PT017
        return
    check(whole, found)


_CONVERTERS: tuple[Callable[[str], Conversion], ...] = (unit, supervisor, procfile)


@given(st.text(), st.sampled_from(_CONVERTERS))
def test_any_text_is_converted_or_refused(text: str, convert: Callable[[str], Conversion]) -> None:
    try:
        found = convert(text)
    except InvalidValue as refused:
        assert re.match(r"[^:]+:[0-9]+: ", refused.why)  # noqa: PT017
    else:
        write_toml(found.bundle)
