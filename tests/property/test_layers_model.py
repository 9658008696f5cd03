"""The layers against an obvious model.

The model holds what each layer below admin says, and what readers see. What holds below admin is
what the highest layer says that says anything; when that changes, the upgrade table merges it
with what the administrator made of it. Whatever happened, the repository must tell the same.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roost.errors import AlreadyExists, NotFound, RequestError
from roost.layout import Layout
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import PropertyType
from roost.repository import Layer, Repository, open_repository
from roost.repository.layers import LayerValue
from roost.repository.port import Change, LayerReport, SourceFile
from tests.property.levels import (
    Level,
    Props,
    Value,
    applied,
    changes,
    group_names,
    groups_of,
    levels,
    merged,
    plain,
    prop_names,
)

SERVICE, INSTANCE = "svc:/x", "svc:/x:default"
PATHS = ("/p/a.xml", "/p/b.xml", "/p/c.xml")
HASH = "ab" * 32
profile_layers = st.sampled_from([Layer.SYSTEM_PROFILE, Layer.SITE_PROFILE])
entities = st.sampled_from([SERVICE, INSTANCE])


def _count(number: int) -> Value:
    return PropertyType.COUNT, (str(number),)


Word = dict[tuple[str, str], Props | None]
"""What a profile says: properties by entity and group; None deletes the group."""
words: st.SearchStrategy[Word] = st.dictionaries(
    st.tuples(entities, group_names),
    st.none() | st.dictionaries(prop_names, st.sampled_from([1, 2]).map(_count)),
    max_size=3,
)


@dataclass
class Says:
    """What a profile layer says of one group, and which file says it first."""

    file: str
    is_mask: bool
    props: dict[str, tuple[Value, str]] = field(default_factory=dict)


Saying = dict[tuple[str, str], Says]


def _contradicts(saying: Saying, word: Word) -> bool:
    for key, props in word.items():
        says = saying.get(key)
        if says is None:
            continue
        if says.is_mask != (props is None):
            return True
        if any(says.props.get(p, (v, ""))[0] != v for p, v in (props or {}).items()):
            return True
    return False


def _said(kept: Saying, files: dict[str, Word]) -> tuple[Saying, set[str]]:
    """What the files say together, on top of what is kept; and the files that are left out."""
    saying, refused = dict(kept), set()
    for file, word in files.items():
        if _contradicts(saying, word):
            refused.add(file)
            continue
        for key, props in word.items():
            says = saying.get(key) or Says(file, props is None)
            own = {name: (value, file) for name, value in (props or {}).items()}
            saying[key] = Says(says.file, says.is_mask, {**own, **says.props})
    return saying, refused


def _kept(saying: Saying, paths: set[str]) -> Saying:
    found: Saying = {}
    for key, says in saying.items():
        props = {name: each for name, each in says.props.items() if each[1] in paths}
        if says.file in paths or props:
            file = says.file if says.file in paths else next(iter(props.values()))[1]
            found[key] = Says(file, says.is_mask, props)
    return found


class LayersMachine(RuleBasedStateMachine):
    """One service with one instance."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.repository: Repository = open_repository(Layout(self.root))
        self.manifest: dict[str, Level] = {}
        self.profiles: dict[Layer, Saying] = {
            Layer.SYSTEM_PROFILE: {},
            Layer.SITE_PROFILE: {},
        }
        self.cur: dict[str, Level] = {}
        self.snapshot: dict[str, Level] | None = None

    def teardown(self) -> None:
        self.repository.close()
        shutil.rmtree(self.root)

    def below(self, fmri: str) -> Level:
        """What holds without the administrator: of each value, what the highest layer says."""
        result: Level = {name: dict(props) for name, props in self.manifest[fmri].items()}
        for saying in self.profiles.values():
            for (entity, name), says in saying.items():
                if entity != fmri:
                    continue
                if says.is_mask:
                    result.pop(name, None)
                else:
                    values = {prop: value for prop, (value, _) in says.props.items()}
                    result[name] = {**result.get(name, {}), **values}
        return result

    def _follow(self, old: dict[str, Level]) -> None:
        for fmri in (SERVICE, INSTANCE):
            self.cur[fmri] = merged(old[fmri], self.below(fmri), self.cur[fmri])

    def _belows(self) -> dict[str, Level]:
        return {fmri: self.below(fmri) for fmri in (SERVICE, INSTANCE)}

    # --- what files say

    @initialize(service=levels, instance=levels)
    def first_import(self, service: Level, instance: Level) -> None:
        self._import(service, instance)
        self.cur = self._belows()

    @rule(service=levels, instance=levels)
    def import_again(self, service: Level, instance: Level) -> None:
        old = self._belows()
        self._import(service, instance)
        self._follow(old)

    def _import(self, service: Level, instance: Level) -> None:
        # A service whose manifest has never said a thing is a case of its own in the table.
        self.manifest = {SERVICE: {**service, "always": {}}, INSTANCE: instance}
        inner = InstanceBundle("default", groups=groups_of(instance))
        said = ServiceBundle("x", groups=groups_of(self.manifest[SERVICE]), instances=(inner,))
        self.repository.import_bundle(Bundle(BundleType.MANIFEST, "m", (said,)))

    @rule(
        layer=profile_layers,
        files=st.dictionaries(st.sampled_from(PATHS), words, max_size=3),
        kept=st.sets(st.sampled_from(PATHS), max_size=2),
    )
    def replace_layer(self, layer: Layer, files: dict[str, Word], kept: set[str]) -> None:
        old, kept = self._belows(), kept - files.keys()
        present = self.profiles[layer]
        self.profiles[layer], refused = _said(_kept(present, kept), files)
        self._follow(old)
        report = self._replace(layer, files, kept)
        assert {each.file for each in report.files if each.error is not None} == refused
        with self.repository.transaction() as changed:
            again = self._replace(layer, files, kept)
        assert changed == set()
        assert again.instances == ()
        assert not [line for each in again.files for line in each.report.messages]

    def _replace(self, layer: Layer, files: dict[str, Word], kept: set[str]) -> LayerReport:
        sources = [
            SourceFile(file, lambda word=word: _bundle(word), HASH)  # type: ignore[misc]
            for file, word in files.items()
        ]
        return self.repository.replace_layer(layer, sources, sorted(kept))

    # --- what the administrator does

    @rule(fmri=entities, name=group_names, wanted=changes)
    def commit(self, fmri: str, name: str, wanted: list[Change]) -> None:
        present = self.cur[fmri].get(name)
        after = applied(present, wanted) if present is not None else None
        try:
            self.repository.commit(fmri, name, wanted)
        except RequestError:
            assert after is None
        else:
            assert after is not None
            self.cur[fmri][name] = after

    @rule(fmri=entities, name=group_names)
    def add_group(self, fmri: str, name: str) -> None:
        try:
            self.repository.add_group(fmri, name, "application")
        except AlreadyExists:
            assert name in self.cur[fmri]
        else:
            assert name not in self.cur[fmri]
            self.cur[fmri][name] = {}

    @rule(fmri=entities, name=group_names)
    def delete_group(self, fmri: str, name: str) -> None:
        try:
            self.repository.delete_group(fmri, name)
        except NotFound:
            assert name not in self.cur[fmri]
        else:
            del self.cur[fmri][name]

    @rule(
        fmri=entities,
        pattern=st.sampled_from([None, "*", "g", "h/*", "?/a", "none"]),
        masked_only=st.booleans(),
    )
    def drop_customizations(self, fmri: str, pattern: str | None, masked_only: bool) -> None:
        before = self._admin(fmri)
        dropped = self.repository.drop_customizations(fmri, pattern, masked_only=masked_only)
        assert self._admin(fmri) == before - {(v.group, v.property) for v in dropped}
        for value in dropped:
            assert value.layer is Layer.ADMIN
            assert value.masked or not masked_only
            path = f"{value.group}/{value.property}"
            assert (
                pattern is None
                or fnmatchcase(value.group, pattern)
                or fnmatchcase(path, pattern)
                or ((value.group, "") in {(v.group, v.property) for v in dropped})
            )
        if pattern in (None, "*") and not masked_only:
            self.cur[fmri] = self.below(fmri)
            assert self._admin(fmri) == set()
        else:
            self._undo(fmri, dropped)

    def _undo(self, fmri: str, dropped: list[LayerValue]) -> None:
        """What was dropped, and only that, is as it is below."""
        below, level = self.below(fmri), self.cur[fmri]
        for value in dropped:
            name, prop = value.group, value.property
            if not prop:
                level.pop(name, None)
                if name in below:
                    level[name] = dict(below[name])
            elif name in level:
                level[name].pop(prop, None)
                if prop in below.get(name, {}):
                    level[name][prop] = below[name][prop]

    def _admin(self, fmri: str) -> set[tuple[str, str]]:
        values = self.repository.layer_values(fmri)
        return {(v.group, v.property) for v in values if v.layer is Layer.ADMIN}

    @rule()
    def take_snapshot(self) -> None:
        self.repository.take_snapshot(INSTANCE, "mine")
        self.snapshot = {fmri: _copied(level) for fmri, level in self.cur.items()}

    @precondition(lambda self: self.snapshot is not None)
    @rule()
    def revert(self) -> None:
        self.repository.revert(INSTANCE, "mine")
        assert self.snapshot is not None
        self.cur = {fmri: _copied(level) for fmri, level in self.snapshot.items()}

    @rule()
    def reopen(self) -> None:
        self.repository.close()
        self.repository = open_repository(Layout(self.root))

    # --- what must hold

    @invariant()
    def readers_see_the_highest_that_speaks(self) -> None:
        for fmri in self.cur:
            assert plain(self.repository.groups(fmri)) == self.cur[fmri]

    @invariant()
    def layers_say_what_they_were_told(self) -> None:
        for fmri in self.cur:
            values = self.repository.layer_values(fmri)
            assert values == sorted(values, key=lambda v: (v.group, v.property, v.layer))
            for layer, saying in self.profiles.items():
                told = {
                    (group, prop, each): file
                    for (entity, group), says in saying.items()
                    if entity == fmri
                    for prop, each, file in [
                        ("", says.is_mask, says.file),
                        *((name, value, path) for name, (value, path) in says.props.items()),
                    ]
                }
                found = {
                    (v.group, v.property, (_typed(v) if v.property else v.masked)): v.file
                    for v in values
                    if v.layer is layer
                }
                assert found == told

    @invariant()
    def holds_is_what_readers_see(self) -> None:
        for fmri in self.cur:
            held = [value for value in self.repository.layer_values(fmri) if value.holds]
            assert not any(value.masked for value in held)
            seen: Level = {value.group: {} for value in held if not value.property}
            for value in held:
                if value.property:
                    assert value.property not in seen[value.group]
                    seen[value.group][value.property] = _typed(value)
            assert seen == self.cur[fmri]


def _typed(value: LayerValue) -> Value:
    return PropertyType(value.type), value.values


def _copied(level: Level) -> Level:
    return {name: dict(props) for name, props in level.items()}


def _bundle(word: Word) -> Bundle:
    of: dict[str, Level] = {SERVICE: {}, INSTANCE: {}}
    gone: dict[str, list[str]] = {SERVICE: [], INSTANCE: []}
    for (fmri, name), props in word.items():
        if props is None:
            gone[fmri].append(name)
        else:
            of[fmri][name] = props
    inner = InstanceBundle(
        "default", groups=groups_of(of[INSTANCE]), deleted_groups=tuple(gone[INSTANCE])
    )
    service = ServiceBundle(
        "x",
        groups=groups_of(of[SERVICE]),
        instances=(inner,),
        deleted_groups=tuple(gone[SERVICE]),
    )
    return Bundle(BundleType.PROFILE, "p", (service,))


LayersMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLayers = LayersMachine.TestCase
