"""Random sequences of subcommands: svccfg, with a real repository behind it, answers as the
plain model does, and refuses what it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roost.api import typed
from tests.property.in_process import Svccfg
from tests.property.svccfg_model import (
    MASKED,
    Group,
    Level,
    Model,
    Refused,
    Said,
    Value,
    service_of,
)

SERVICE, OTHER = "svc:/site/a", "svc:/site/b"
INSTANCE = f"{SERVICE}:i1"
HEAD = (
    '<?xml version="1.0"?><!DOCTYPE service_bundle SYSTEM '
    '"/usr/share/lib/xml/dtd/service_bundle.dtd.1">'
)

fmris = st.sampled_from([SERVICE, INSTANCE, f"{SERVICE}:i2", OTHER, f"{OTHER}:i1"])
names = st.sampled_from(["site/a", "site/b", "i1", "i2"])
groups = st.sampled_from(["g", "h"])
group_types = st.sampled_from(["application", "framework"])
props = st.sampled_from(["a", "b"])
types = st.sampled_from([None, "astring", "count"])
texts = st.sampled_from(["1", "2", "two words", "x", ""])
patterns = st.sampled_from([None, "*", "g", "g/*", "*/a", "h/b", "z"])
snapshot_names = st.sampled_from([None, "running", "initial", "last-import", "previous"])
values = st.builds(
    lambda kind, texts: Value(kind, tuple("1" if kind == "count" else t for t in texts)),
    st.sampled_from(["astring", "count"]),
    st.lists(texts, max_size=2),
)
levels = st.dictionaries(groups, st.dictionaries(props, values), max_size=2).map(
    lambda found: {name: Group("application", content) for name, content in found.items()}
)


class SvccfgMachine(RuleBasedStateMachine):
    """One session, two services, two names of instances."""

    def __init__(self) -> None:
        super().__init__()
        self.svccfg = Svccfg()
        self.model = Model()

    @initialize(service=levels, instance=levels, fmri=st.sampled_from([SERVICE, INSTANCE]))
    def begin(self, service: Level, instance: Level, fmri: str) -> None:
        """Most is possible only with something there, and selected."""
        self.import_manifest(service, instance)
        self.select(SERVICE)
        self.add("i2")
        self.select(fmri)
        self.addpg("g", "application")

    def teardown(self) -> None:
        self.svccfg.close()

    def both(self, line: str, wanted: Callable[[], list[str] | None]) -> None:
        """Run the line, and the model; both must tell the same."""
        status, out, err = self.svccfg.run(line)
        why, lines = "", []
        try:
            lines = wanted() or []
        except Refused as refused:
            why = str(refused)
        assert status == int(bool(why)), (line, why, err)
        assert why in err, line
        assert out.splitlines() == lines, line

    def records(self, line: str) -> list[dict[str, Any]] | None:
        """What the line prints as JSON; None if it is refused."""
        status, out, err = self.svccfg.run(line)
        if status:
            assert err, line
            return None
        return [dict(each) for each in typed.records(json.loads(out), "values")]

    # --- entities -------------------------------------------------------------------------

    @rule(fmri=fmris)
    def choose(self, fmri: str) -> None:
        self.select(fmri)

    def select(self, fmri: str) -> None:
        self.both(f"select {fmri}", lambda: self.model.select(fmri))

    @rule()
    def unselect(self) -> None:
        self.both("unselect", self.model.unselect)

    @rule(name=names)
    def add_child(self, name: str) -> None:
        self.add(name)

    def add(self, name: str) -> None:
        self.both(f"add {name}", lambda: self.model.add(name))

    @rule(fmri=fmris)
    def delete(self, fmri: str) -> None:
        self.both(f"delete {fmri}", lambda: self.model.delete(fmri))

    # --- groups and properties --------------------------------------------------------------

    @rule(name=groups, kind=group_types)
    def add_group(self, name: str, kind: str) -> None:
        self.addpg(name, kind)

    def addpg(self, name: str, kind: str) -> None:
        self.both(f"addpg {name} {kind}", lambda: self.model.addpg(name, kind, ""))

    @rule(kind=group_types)
    def addpg_volatile(self, kind: str) -> None:
        self.both(f"addpg live {kind} P", lambda: self.model.addpg("live", kind, "P"))

    @rule(name=groups | st.just("live"), by=st.sampled_from(["delpg", "delprop"]))
    def delpg(self, name: str, by: str) -> None:
        self.both(f"{by} {name}", lambda: self.model.delpg(name))

    @rule(
        group=groups | st.just("live"),
        prop=props,
        kind=types,
        said=st.lists(texts, max_size=3),
        in_list=st.booleans(),
    )
    def setprop(
        self, group: str, prop: str, kind: str | None, said: list[str], in_list: bool
    ) -> None:
        words = " ".join(f'"{text}"' for text in said)
        right = words if len(said) == 1 and not in_list else f"({words})"
        self.both(
            f"setprop {group}/{prop} = {f'{kind}: ' if kind else ''}{right}",
            lambda: self.model.setprop(group, prop, kind, said),
        )

    @rule(group=groups, prop=props, kind=types, text=texts)
    def addpropvalue(self, group: str, prop: str, kind: str | None, text: str) -> None:
        self.both(
            f'addpropvalue {group}/{prop} {f"{kind}: " if kind else ""}"{text}"',
            lambda: self.model.addpropvalue(group, prop, kind, text),
        )

    @rule(group=groups, prop=props, pattern=st.sampled_from(["1", "*", "[12]", "two*", "?"]))
    def delpropvalue(self, group: str, prop: str, pattern: str) -> None:
        self.both(
            f"delpropvalue {group}/{prop} {pattern}",
            lambda: self.model.delpropvalue(group, prop, pattern),
        )

    @rule(group=groups, prop=props)
    def delprop(self, group: str, prop: str) -> None:
        self.both(f"delprop {group}/{prop}", lambda: self.model.delprop(group, prop))

    # --- layers -----------------------------------------------------------------------------

    @precondition(
        lambda self: all(
            fmri not in self.model.now or self.model.below[fmri] for fmri in (SERVICE, INSTANCE)
        )
    )
    @rule(service=levels, instance=levels)
    def import_again(self, service: Level, instance: Level) -> None:
        self.import_manifest(service, instance)

    def import_manifest(self, service: Level, instance: Level) -> None:
        general = Group("framework", {"enabled": Value("boolean", ("false",))})
        says = {
            SERVICE: {**service, "always": Group("application")},
            INSTANCE: {**instance, "general": general},
        }
        file = self.svccfg.place / "m.xml"
        file.write_text(manifest(service, instance))
        self.both(f"import {file}", lambda: self.model.import_manifest(SERVICE, INSTANCE, says))

    @rule(pattern=patterns, only_masked=st.booleans())
    def listcust(self, pattern: str | None, only_masked: bool) -> None:
        options = " -M" if only_masked else ""
        found = self.records(f"listcust --json{options} {pattern or ''}")
        assert found is not None
        wanted = self.model.listcust(pattern, only_masked=only_masked)
        assert [(each["fmri"], said_in(each)) for each in found] == wanted

    @rule(pattern=patterns, only_masked=st.booleans())
    def delcust(self, pattern: str | None, only_masked: bool) -> None:
        options = " -M" if only_masked else ""
        found = self.records(f"delcust --json{options} {pattern or ''}")
        try:
            wanted = self.model.delcust(pattern, only_masked=only_masked)
        except Refused:
            assert found is None
        else:
            assert found is not None
            assert [(each["fmri"], said_in(each)) for each in found] == wanted

    # --- snapshots --------------------------------------------------------------------------

    @rule()
    def refresh(self) -> None:
        self.both("refresh", self.model.refresh)

    @rule(name=snapshot_names)
    def selectsnap(self, name: str | None) -> None:
        self.both(f"selectsnap {name or ''}", lambda: self.model.selectsnap(name))

    @rule(name=snapshot_names)
    def revert(self, name: str | None) -> None:
        self.both(f"revert {name or ''}", lambda: self.model.revert(name))

    # --- looking ----------------------------------------------------------------------------

    @rule(pattern=patterns)
    def listprop(self, pattern: str | None) -> None:
        self.both(f"listprop {pattern or ''}", lambda: self.model.listprop(pattern))

    @invariant()
    def tells_the_same(self) -> None:
        self.both("list", self._children)
        self.both("listpg", self.model.listpg)
        self.both("listprop", lambda: self.model.listprop(None))
        self.both("listsnap", self.model.listsnap)

    def _children(self) -> list[str]:
        found = self.model.list_children()
        if self.model.selection is None and self.svccfg.session.store.find("svc:/smf/manifest"):
            found.append("smf/manifest")  # what svc.startd keeps of imported files
        return sorted(found)

    @invariant()
    def layers_are_the_same(self) -> None:
        found = self.records("listprop -l manifest,admin --json")
        try:
            wanted = self.model.layers()
        except Refused:
            assert found is None
        else:
            assert found is not None
            assert {said_in(each) for each in found} == wanted


def said_in(record: dict[str, Any]) -> Said:
    """What listprop -l and its like print as JSON. Of what is masked the type does not matter."""
    value = MASKED if record["masked"] else Value(record["type"], tuple(record["values"]))
    return Said(record["group"], record["property"], record["layer"], value, record["holds"])


def manifest(service: Level, instance: Level) -> str:
    """A manifest of one service that has one instance; all groups are of type application."""
    name = service_of(SERVICE).removeprefix("svc:/")
    return (
        f'{HEAD}<service_bundle type="manifest" name="m">'
        f'<service name="{name}" type="service" version="1">'
        f'<property_group name="always" type="application"/>{elements(service)}'
        f'<instance name="i1" enabled="false">{elements(instance)}</instance>'
        "</service></service_bundle>"
    )


def elements(level: Level) -> str:
    return "".join(
        f'<property_group name="{name}" type="application">'
        + "".join(
            f'<property name="{prop}" type="{kind}">'
            + (f"<{kind}_list>{nodes(texts)}</{kind}_list>" if texts else "")
            + "</property>"
            for prop, (kind, texts) in group.props.items()
        )
        + "</property_group>"
        for name, group in level.items()
    )


def nodes(texts: tuple[str, ...]) -> str:
    return "".join(f'<value_node value="{text}"/>' for text in texts)


SvccfgMachine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSvccfg = SvccfgMachine.TestCase
