"""svcs: what state the services are in, what they depend on, and why they do not run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

from roost.api import typed
from roost.api.client import Client
from roost.cli.columns import (
    COLUMNS,
    DEFAULT_COLUMNS,
    DEFAULT_ORDER,
    LONGER_COLUMNS,
    SHORT_STATES,
    column_named,
    columns_of,
    header,
    in_order,
    line_of,
    process_line,
)
from roost.cli.command import (
    HELP,
    JSON,
    Option,
    Parsed,
    Syntax,
    exclude,
    layout_at,
    print_error,
    run,
)
from roost.cli.output import plain, print_json
from roost.cli.replies import (
    ExplanationView,
    InstanceView,
    ProcessView,
    Record,
    dependencies_of,
    instances_of,
    matches_of,
)
from roost.errors import InvalidName, NotFound, UsageError

_COLUMN_HELP = "\n".join(f"  {c.name:<6}  {c.help}" for c in COLUMNS.values())
_STATE_HELP = "\n".join(f"  {n:<13}  {a:<3}  {b}" for n, (a, b) in SHORT_STATES.items())

SYNTAX = Syntax(
    "svcs",
    "List services and their states.",
    (
        "[-aHpv] [-o COLUMN[,COLUMN]]... [-R RESTARTER]... [-sS COLUMN]... [FMRI | PATTERN]...",
        "{-d | -D} [-Hpv] [-o COLUMN[,COLUMN]]... [-sS COLUMN]... [FMRI | PATTERN]...",
        "{-l | -L} [-pv] FMRI | PATTERN...",
        "-x [-v] [FMRI | PATTERN]...",
    ),
    (
        Option("-a", "all instances, also those that are disabled"),
        Option("-d", "what the operands depend on"),
        Option("-D", "what depends on the operands"),
        Option("-l", "everything about each instance"),
        Option("-L", "the path of each log"),
        Option("-x", "explain what does not run, and why"),
        Option("-v", "more columns; with -x and -l: more"),
        Option("-p", "the processes of each instance"),
        Option("-H", "no header"),
        Option("-o", "show these columns", "COLUMNS"),
        Option("-s", "sort by this column, ascending", "COLUMN"),
        Option("-S", "sort by this column, descending", "COLUMN"),
        Option("-R", "instances of this restarter; a path is the root directory", "RESTARTER|DIR"),
        Option("-z", "the zone; only 'global' is there", "ZONE"),
        Option("-Z", "all zones; no effect"),
        JSON,
        *HELP,
    ),
    f"Columns:\n{_COLUMN_HELP}\n\nStates (with the short name and the letter):\n{_STATE_HELP}",
)
_MODES = ("-d", "-D", "-l", "-L", "-x")
_BESIDE_X = {"-x", "-v", "-R", "-z", "-Z", "--json"}


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    restarters = [name for name in parsed.values("-R") if not _is_path(name)]
    roots = [name for name in parsed.values("-R") if _is_path(name)]
    _check(parsed, restarters)
    with Client(layout_at(roots[-1] if roots else None)) as client:
        return Listing(client, parsed, restarters).show()


def _is_path(text: str) -> bool:
    return text.startswith(("/", "."))


def _check(parsed: Parsed, restarters: Sequence[str]) -> None:
    """Refuse what excludes each other, before anything is asked."""
    exclude(parsed, _MODES)
    mode = next(iter(parsed.given(_MODES)), "")
    if mode == "-x":
        for flag, _ in parsed.options:
            if flag not in _BESIDE_X:
                raise UsageError(f"use -x with {flag}", "beside -x only -v is allowed")
    if mode and restarters:
        raise UsageError(f"use {mode} with -R RESTARTER", "they exclude each other")
    if mode in ("-l", "-L") and not parsed.operands:
        raise UsageError(f"use {mode}", "it needs an FMRI or a pattern")
    if any(zone != "global" for zone in parsed.values("-z")):
        raise UsageError(f"look into zone '{parsed.value('-z')}'", "the only zone is global")
    columns_of(parsed.values("-o"))
    for name in parsed.values("-s", "-S"):
        column_named(name)


class Listing:
    """One run of svcs."""

    def __init__(self, client: Client, parsed: Parsed, restarters: Sequence[str]) -> None:
        self._client = client
        self._parsed = parsed
        self._restarters = restarters
        self._patterns = list(parsed.operands)
        self._as_json = parsed.has("--json")
        self._status = 0

    def show(self) -> int:
        """Print what was asked for; returns the exit status."""
        if self._parsed.has("-x"):
            self._show_explanations()
        elif self._parsed.has("-L"):
            self._show_logs()
        elif self._parsed.has("-l"):
            self._show_details()
        elif self._parsed.has("-d", "-D"):
            self._show_table(self._related())
        else:
            self._show_table(self._selected())
        return self._status

    # --- which instances ---------------------------------------------------------------

    def _list(self, patterns: Sequence[str]) -> list[InstanceView]:
        reply = self._client.call("Manager.List", patterns=list(patterns))
        self._complain(typed.texts(reply, "unmatched"))
        return instances_of(reply)

    def _complain(self, unmatched: Iterable[str]) -> None:
        for pattern in unmatched:
            self._status = 1
            problem = NotFound(f"find '{pattern}'", "it matches no instance", "svcs -a")
            print_error(SYNTAX.program, problem)

    def _selected(self) -> list[InstanceView]:
        found = self._list(self._patterns)
        if self._restarters:
            wanted = _restarters_named(self._restarters, found)
            found = [view for view in found if view.restarter in wanted]
        if self._patterns or self._parsed.has("-a"):
            return found
        return [view for view in found if view.enabled or view.enabled_permanent]

    def _related(self) -> list[InstanceView]:
        """What the operands (without any: the default selection) depend on, or the reverse."""
        fmris = (
            self._dependents(self._patterns)
            if self._parsed.has("-D") and self._patterns
            else self._neighbours([view.fmri for view in self._selected()])
        )
        return [view for view in self._list([]) if view.fmri in fmris]

    def _neighbours(self, fmris: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for fmri in fmris:
            if self._parsed.has("-D"):
                found.update(self._dependents_of(fmri))
            else:
                reply = self._client.call("Manager.Dependencies", fmri=fmri)
                for group in dependencies_of(reply):
                    for target in group.targets:
                        found.update(target.instances)
        return found

    def _dependents(self, patterns: Sequence[str]) -> set[str]:
        """An operand that names a service stands for the service, not for its instances."""
        from roost.fmri import is_glob, match_services  # noqa: PLC0415  seldom needed, slow

        found: set[str] = set()
        reply = self._client.call("Manager.Resolve", patterns=list(patterns))
        for match in matches_of(reply):
            if not match.instances and not match.services:
                self._complain([match.pattern])
            services = match_services(match.pattern, match.services)
            named = [*services, *match.instances] if is_glob(match.pattern) else services
            for fmri in named or match.instances:
                found.update(self._dependents_of(fmri))
        return found

    def _dependents_of(self, fmri: str) -> list[str]:
        return typed.texts(self._client.call("Manager.Dependents", fmri=fmri), "instances")

    # --- how they are shown ------------------------------------------------------------

    def _show_table(self, instances: Sequence[InstanceView]) -> None:
        parsed = self._parsed
        order = [(name, flag == "-S") for flag, name in parsed.options if flag in ("-s", "-S")]
        ordered = in_order(instances, order or DEFAULT_ORDER)
        processes = self._processes(ordered) if parsed.has("-p") else {}
        if self._as_json:
            print_json({"instances": [_with_processes(v, processes) for v in ordered]})
            return
        names = LONGER_COLUMNS if parsed.has("-v") else DEFAULT_COLUMNS
        columns = columns_of(parsed.values("-o") or names)
        lines = [] if parsed.has("-H") else [header(columns)]
        now_s = time.time()
        for view in ordered:
            lines.append(line_of(view, columns, now_s))
            lines += [process_line(process, now_s) for process in processes.get(view.fmri, ())]
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")

    def _processes(self, instances: Sequence[InstanceView]) -> dict[str, list[ProcessView]]:
        found: dict[str, list[ProcessView]] = {view.fmri: [] for view in instances}
        reply = self._client.call("Manager.Processes", fmris=list(found))
        for record in typed.records(reply, "processes"):
            process = ProcessView.read(record)
            found.setdefault(process.fmri, []).append(process)
        return found

    def _show_logs(self) -> None:
        found = self._list(self._patterns)
        if self._as_json:
            print_json({"logs": [{"fmri": v.fmri, "logfile": v.logfile or None} for v in found]})
            return
        for view in found:
            print(view.logfile or "-")

    def _show_details(self) -> None:
        from roost.cli.details import Details  # noqa: PLC0415  only for -l

        found = self._list(self._patterns)
        processes = self._processes(found) if self._parsed.has("-p") else {}
        blocks = []
        for view in found:
            reply = self._client.call("Manager.Dependencies", fmri=view.fmri)
            groups = self._groups(view.fmri)
            blocks.append(
                Details(
                    view,
                    dependencies_of(reply),
                    _manifests_in(groups),
                    processes.get(view.fmri, ()),
                    groups if self._parsed.has("-v") else (),
                )
            )
        if self._as_json:
            print_json({"instances": [details.record() for details in blocks]})
        elif blocks:
            print("\n\n".join(details.text() for details in blocks))

    def _groups(self, fmri: str) -> list[Record]:
        only = None if self._parsed.has("-v") else "manifestfiles"
        view = "running" if self._parsed.has("-v") else "composed"
        reply = self._client.call("Repository.Groups", fmri=fmri, view=view, group=only)
        return [*typed.records(reply, "groups")]

    def _show_explanations(self) -> None:
        from roost.cli.explain import block  # noqa: PLC0415  only for -x

        fmris = [view.fmri for view in self._list(self._patterns)] if self._patterns else []
        if self._patterns and not fmris:
            views = []
        else:
            reply = self._client.call("Manager.Explain", fmris=fmris)
            views = [ExplanationView.read(r) for r in typed.records(reply, "explanations")]
        if self._as_json:
            print_json({"explanations": [view.record for view in views]})
        elif views:
            print("\n\n".join(block(view, longer=self._parsed.has("-v")) for view in views))


def _restarters_named(names: Sequence[str], instances: Sequence[InstanceView]) -> set[str]:
    from roost.fmri import match_instances  # noqa: PLC0415  seldom needed, slow

    restarters = sorted({view.restarter for view in instances})
    found: set[str] = set()
    for name in names:
        matches = match_instances(name, restarters)
        if not matches and not _is_instance(name):
            what = f"list the instances of '{name}'"
            raise InvalidName(what, "it is no instance's FMRI", "svcs -a")
        found.update(matches)
    return found


def _is_instance(name: str) -> bool:
    from roost.fmri import parse  # noqa: PLC0415  seldom needed, slow

    try:
        return parse(name).instance is not None
    except InvalidName:
        return False


def _with_processes(
    view: InstanceView, processes: dict[str, list[ProcessView]]
) -> dict[str, object]:
    record = dict(view.record)
    if view.fmri in processes:
        record["processes"] = [process.record for process in processes[view.fmri]]
    return record


def _manifests_in(groups: Sequence[Record]) -> list[str]:
    return [
        plain(value)
        for group in groups
        if typed.text(group, "name") == "manifestfiles"
        for prop in typed.records(group, "properties")
        for value in typed.texts(prop, "values")
    ]


if __name__ == "__main__":
    sys.exit(main())
