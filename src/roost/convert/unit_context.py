"""Who a unit's processes run as, where, and within which limits: the method context. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from roost.convert.ledger import Setting
from roost.convert.unit_model import Plan
from roost.convert.unit_syntax import (
    boolean,
    cpu_seconds,
    microseconds,
    number,
    size,
)
from roost.convert.words import USUAL_PATH, literal, shell_word

_LIMITS: dict[str, tuple[str, Callable[[str], str]]] = {
    "LimitAS": ("as", size),
    "LimitCORE": ("core", size),
    "LimitCPU": ("cpu", cpu_seconds),
    "LimitDATA": ("data", size),
    "LimitFSIZE": ("fsize", size),
    "LimitMEMLOCK": ("memlock", size),
    "LimitMSGQUEUE": ("msgqueue", size),
    "LimitNICE": ("nice", number),
    "LimitNOFILE": ("nofile", number),
    "LimitNPROC": ("nproc", number),
    "LimitRSS": ("rss", size),
    "LimitRTPRIO": ("rtprio", number),
    "LimitRTTIME": ("rttime", microseconds),
    "LimitSIGPENDING": ("sigpending", number),
    "LimitSTACK": ("stack", size),
}
"""Limit of a unit: its name in a context, and how its value is written."""

_DIRECTORIES = {
    "RuntimeDirectory": ("/run", "RUNTIME_DIRECTORY"),
    "StateDirectory": ("/var/lib", "STATE_DIRECTORY"),
    "CacheDirectory": ("/var/cache", "CACHE_DIRECTORY"),
    "LogsDirectory": ("/var/log", "LOGS_DIRECTORY"),
    "ConfigurationDirectory": ("/etc", "CONFIGURATION_DIRECTORY"),
}
"""Directory that systemd makes: below what, and the variable that tells where it is."""

_IO_CLASSES = {"none": "0", "realtime": "1", "best-effort": "2", "idle": "3"}
_OUTPUTS_TO_LOG = re.compile(r"(journal|syslog|kmsg|inherit)(\+console)?")
_GLOB = re.compile(r"[*?\[]")


def set_context(plan: Plan) -> None:
    """All attributes of the context, and what has to be done before a start for the rest."""
    _set_identity(plan)
    _set_directory(plan)
    umask = plan.unit.take("UMask", _umask, "")
    if umask:
        plan.draft.set_context("umask", umask)
    _set_limits(plan)
    _set_capabilities(plan)
    environment = _environment(plan)
    _add_directories(plan, environment)
    if plan.is_sought:
        environment.setdefault("PATH", USUAL_PATH)
    if environment:
        entries = [f"{name}={value}" for name, value in environment.items()]
        plan.draft.set_context("environment", *entries)
    _add_environment_files(plan)
    _add_wrappers(plan)
    _add_redirects(plan)


# --- identity ---------------------------------------------------------------------------


def read_identity(plan: Plan) -> None:
    """Find out the user and group first: commands are converted by them."""
    user = plan.unit.take("User", str, "")
    plan.user = "" if user in ("root", "0") else user
    plan.group = plan.unit.take("Group", str, "")
    dynamic = plan.unit.read("DynamicUser", boolean)
    if dynamic is None:
        return
    if not dynamic[1]:
        plan.unit.ledger.carry(dynamic[0])
        return
    plan.user = plan.user or plan.unit.name.partition(".")[0].partition("@")[0]
    plan.unit.ledger.lose(
        dynamic[0],
        "roost makes no users",
        f"make one: useradd --system --shell /usr/sbin/nologin {plan.user}",
    )


def _set_identity(plan: Plan) -> None:
    unit, draft = plan.unit, plan.draft
    groups: list[str] = []
    for setting in unit.all("SupplementaryGroups"):
        groups += unit.words(setting)
        unit.ledger.carry(setting)
    if plan.user or plan.group or groups:
        draft.set_credential(user=plan.user or "root")
    if plan.group:
        draft.set_context("group", plan.group)
    if not groups:
        return
    draft.set_context("supp_groups", ",".join(groups))
    if plan.user:
        for setting in unit.all("SupplementaryGroups"):
            why = f"only these: the groups that {plan.user} has in the user database are left out"
            unit.ledger.change(setting, why, "add them to method_context/supp_groups")


def _set_capabilities(plan: Plan) -> None:
    for key, attribute in (
        ("AmbientCapabilities", "privileges"),
        ("CapabilityBoundingSet", "limit_privileges"),
    ):
        settings = plan.unit.all(key)
        if not settings:
            continue
        plan.unit.ledger.carry(*settings)
        words = [word for setting in settings for word in setting.value.split()]
        is_inverted = words[:1] != [] and words[0].startswith("~")
        names = [word.lstrip("~").lower() for word in words if word != "~"]
        if is_inverted:
            value = ",".join(["all", *(f"!{name}" for name in names)])
        elif attribute == "privileges":
            value = ",".join(["basic", *names])
        else:
            value = ",".join(names) or "none"
        plan.draft.set_credential(user=plan.user or "root")
        plan.draft.set_context(attribute, value)


# --- place, mask, limits ----------------------------------------------------------------


def _set_directory(plan: Plan) -> None:
    found = plan.unit.read("WorkingDirectory", str)
    directory = "/"
    if found is not None:
        setting, directory = found
        if directory.startswith("-"):
            directory = directory[1:]
            why = "it has to exist: without it the service goes to maintenance"
            plan.unit.ledger.change(setting, why)
        plan.unit.ledger.carry(setting)
    plan.draft.set_context("working_directory", ":home" if directory == "~" else directory)


def _umask(text: str) -> str:
    if not re.fullmatch(r"[0-7]{1,4}", text) or int(text, 8) > 0o777:
        raise ValueError(f"'{text}' is no umask")
    return f"{int(text, 8):03o}"


def _set_limits(plan: Plan) -> None:
    limits = []
    for key, (name, parse) in _LIMITS.items():
        found = plan.unit.read(key, lambda text, parse=parse: _limit(text, parse))  # type: ignore[misc]
        if found is not None:
            plan.unit.ledger.carry(found[0])
            limits.append(f"{name}={found[1]}")
    if limits:
        plan.draft.set_context("limits", *limits)


def _limit(text: str, parse: Callable[[str], str]) -> str:
    return ":".join(parse(part.strip()) for part in text.split(":", 1))


# --- environment ------------------------------------------------------------------------


def _environment(plan: Plan) -> dict[str, str]:
    found: dict[str, str] = {}
    for setting in plan.unit.all("Environment"):
        plan.unit.ledger.carry(setting)
        for word in plan.unit.words(setting):
            name, has_value, value = word.partition("=")
            if has_value and name:
                found[name] = value
            else:
                plan.unit.ledger.change(setting, f"'{word}' is no NAME=value, and is left out")
    return found


def _add_environment_files(plan: Plan) -> None:
    files: list[str] = []
    for setting in plan.unit.all("EnvironmentFile"):
        for text in plan.unit.words(setting)[:1]:
            path = text.removeprefix("-")
            if _GLOB.search(path) or not path.startswith("/"):
                why = "only a single file can be read"
                plan.unit.ledger.lose(setting, why, "a start method that is a script can do it")
                continue
            word = shell_word(literal(path))
            files.append(f". {word}" if path == text else f"[ ! -r {word} ] || . {word}")
            why = "the shell reads it at each start"
            plan.unit.ledger.change(setting, why, "values with blanks need quotes in it")
    if files:
        plan.preludes += ["set -a", *files, "set +a"]


def _add_directories(plan: Plan, environment: dict[str, str]) -> None:
    unit = plan.unit
    for key, (parent, variable) in _DIRECTORIES.items():
        mode = unit.take(f"{key}Mode", _mode, "0755")
        names: list[str] = []
        for setting in unit.all(key):
            words = unit.words(setting)
            for name in words:
                if ":" in name:
                    unit.ledger.change(setting, f"the symbolic link of '{name}' is left out")
                names.append(name.partition(":")[0])
            if words and plan.needs_setup:
                why = f"root makes it in {setup_fmri(plan)}, before the first start after a boot"
                unit.ledger.change(setting, why)
            elif words:
                unit.ledger.carry(setting)
        if not names:
            continue
        paths = [f"{parent}/{name}" for name in names]
        environment.setdefault(variable, ":".join(paths))
        whose = f" -o {plan.user}" if plan.user else ""
        whose += f" -g {plan.group}" if plan.group else ""
        owner = "" if key == "ConfigurationDirectory" else whose
        shown = " ".join(shell_word(literal(path)) for path in paths)
        plan.setup.append(f"install -d -m {mode}{owner} {shown}")
    preserve = unit.one("RuntimeDirectoryPreserve")
    if preserve is not None:
        unit.ledger.change(preserve, "roost never removes the directory")


def setup_fmri(plan: Plan) -> str:
    """The service that does as root what has to be done before a start."""
    return f"svc:/{plan.service}-setup"


def _mode(text: str) -> str:
    if not re.fullmatch(r"[0-7]{3,4}", text):
        raise ValueError(f"'{text}' is no mode of a directory")
    return text.rjust(4, "0")


# --- what other programs can do ---------------------------------------------------------


def _add_wrappers(plan: Plan) -> None:
    unit = plan.unit
    nice = unit.read("Nice", _signed)
    if nice is not None and _may(plan, nice[0], is_free=nice[1] >= 0):
        plan.wrappers.append(f"nice -n {nice[1]}")
    io_class = unit.read("IOSchedulingClass", _io_class)
    level = unit.take("IOSchedulingPriority", number, "")
    if io_class is not None and _may(plan, io_class[0], is_free=io_class[1] != "1"):
        shown = f" -n {level}" if level and io_class[1] in ("1", "2") else ""
        plan.wrappers.append(f"ionice -c {io_class[1]}{shown}")
    elif io_class is None and level:
        plan.wrappers.append(f"ionice -c 2 -n {level}")
    score = unit.read("OOMScoreAdjust", _signed)
    if score is not None and _may(plan, score[0], is_free=score[1] >= 0):
        plan.wrappers.append(f"choom -n {score[1]} --")
    affinity = unit.read("CPUAffinity", _processors)
    if affinity is not None and _may(plan, affinity[0], is_free=True):
        plan.wrappers.append(f"taskset -c {affinity[1]}")
    privileges = unit.read("NoNewPrivileges", boolean)
    if privileges is not None:
        unit.ledger.carry(privileges[0])
        if privileges[1]:
            plan.wrappers.append("setpriv --no-new-privs")


def _may(plan: Plan, setting: Setting, *, is_free: bool) -> bool:
    """Can the service's user do this itself? Else it is lost."""
    if is_free or not plan.user:
        plan.unit.ledger.carry(setting)
        return True
    plan.unit.ledger.lose(setting, f"{plan.user} has not the right to do it")
    return False


def _signed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"'{text}' is no number") from None


def _io_class(text: str) -> str:
    found = _IO_CLASSES.get(text, text if text in _IO_CLASSES.values() else None)
    if found is None:
        raise ValueError(f"'{text}' is no class of ionice(1)")
    return found


def _processors(text: str) -> str:
    words = text.replace(",", " ").split()
    if not words or not all(re.fullmatch(r"[0-9]+(-[0-9]+)?", word) for word in words):
        raise ValueError(f"'{text}' is no list of processors")
    return ",".join(words)


# --- streams ----------------------------------------------------------------------------


def _add_redirects(plan: Plan) -> None:
    _add_input(plan)
    output = _stream(plan, "StandardOutput")
    error = _stream(plan, "StandardError")
    if output:
        plan.redirects.append(output)
    if error is None or error == output:
        # Standard error follows standard output unless it is told otherwise.
        plan.redirects += ["2>&1"] if output else []
    elif error:
        plan.redirects.append(f"2{error}")


def _stream(plan: Plan, key: str) -> str | None:
    """The redirection of a stream, "" for the log; None if it is not given, or inherited."""
    found = plan.unit.read(key, str)
    if found is None:
        return None
    setting, value = found
    target = _redirect(value)
    if target is not None or _OUTPUTS_TO_LOG.fullmatch(value):
        plan.unit.ledger.carry(setting)
    else:
        why = "it goes to the service's log"
        plan.unit.ledger.change(setting, why, f"'svcs -L {plan.service}' tells where that is")
    return None if value == "inherit" else target or ""


def _redirect(value: str) -> str | None:
    kind, has_path, path = value.partition(":")
    sign = {"file": ">>", "append": ">>", "truncate": ">"}.get(kind)
    if value == "null":
        return ">/dev/null"
    if sign is None or not has_path or not path.startswith("/"):
        return None
    return sign + shell_word(literal(path))


def _add_input(plan: Plan) -> None:
    found = plan.unit.read("StandardInput", str)
    if found is None:
        return
    setting, value = found
    if value == "null":
        plan.unit.ledger.carry(setting)
    elif value.startswith("file:/"):
        plan.unit.ledger.carry(setting)
        plan.redirects.append("<" + shell_word(literal(value.removeprefix("file:"))))
    else:
        plan.unit.ledger.lose(setting, "the standard input of a method is /dev/null")
