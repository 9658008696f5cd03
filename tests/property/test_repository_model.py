"""The repository against an obvious model: dictionaries, and the upgrade table as a function.

OLD is what the last manifest said, CUR what readers see. An import merges by the table; all
else edits CUR. Whatever happened, the repository and the model must tell the same.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roost.errors import AlreadyExists, Conflict, NotFound, RequestError, TypeMismatch
from roost.layout import Layout
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import PropertyGroup, compose
from roost.repository import Layer, Repository, open_repository
from roost.repository.layers import cells_of, claim_of
from roost.repository.port import Change, View
from tests.property.levels import (
    Level,
    applied,
    changes,
    group_names,
    groups_of,
    levels,
    merged,
    plain,
)

SERVICE, INSTANCE = "svc:/x", "svc:/x:default"
entities = st.sampled_from([SERVICE, INSTANCE])
live_names = st.sampled_from(["live", "live2"])


class RepositoryMachine(RuleBasedStateMachine):
    """One service with one instance."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.repository: Repository = open_repository(Layout(self.root))
        self.old: dict[str, Level] = {}
        self.cur: dict[str, Level] = {}
        self.live: dict[str, Level] = {SERVICE: {}, INSTANCE: {}}
        self.snapshots: dict[str, tuple[Level, Level]] = {}
        self.seen: dict[tuple[str, str], tuple[int | None, object]] = {}
        self.highest: dict[tuple[str, str], int] = {}

    def teardown(self) -> None:
        self.repository.close()
        shutil.rmtree(self.root)

    @initialize(service=levels, instance=levels)
    def first_import(self, service: Level, instance: Level) -> None:
        # A service whose manifest has never said a thing is a case of its own in the table.
        service = {**service, "always": {}}
        self._import(service, instance)
        self.cur = {SERVICE: dict(service), INSTANCE: dict(instance)}
        self.old = {SERVICE: dict(service), INSTANCE: dict(instance)}
        self.snapshots["initial"] = (dict(instance), dict(service))

    @rule(service=levels, instance=levels)
    def import_again(self, service: Level, instance: Level) -> None:
        service = {**service, "always": {}}
        self.snapshots["previous"] = (dict(self.cur[INSTANCE]), dict(self.cur[SERVICE]))
        self._import(service, instance)
        for fmri, new in ((SERVICE, service), (INSTANCE, instance)):
            self.cur[fmri] = merged(self.old[fmri], new, self.cur[fmri])
            self.old[fmri] = dict(new)

    def _import(self, service: Level, instance: Level) -> None:
        said = ServiceBundle(
            "x",
            groups=groups_of(service),
            instances=(InstanceBundle("default", groups=groups_of(instance)),),
        )
        self.repository.import_bundle(Bundle(BundleType.MANIFEST, "m", (said,)))

    @rule(fmri=entities, name=group_names | live_names, wanted=changes, stale=st.booleans())
    def commit(self, fmri: str, name: str, wanted: list[Change], stale: bool) -> None:
        level = self.live[fmri] if name in self.live[fmri] else self.cur[fmri]
        present = level.get(name)
        after = applied(present, wanted) if present is not None else None
        generation = self.repository.generation(fmri, name)
        asked = generation - 1 if stale and generation is not None else generation
        try:
            result = self.repository.commit(fmri, name, wanted, asked)
        except Conflict:
            assert stale
        except NotFound:
            assert after is None
        except RequestError:
            assert present is not None
            assert after is None
        else:
            assert after is not None
            assert generation is not None
            assert result == generation + (after != present)
            level[name] = after

    @rule(fmri=entities, name=group_names | live_names)
    def add_group(self, fmri: str, name: str) -> None:
        live = name.startswith("live")
        level = self.live[fmri] if live else self.cur[fmri]
        try:
            self.repository.add_group(fmri, name, "application", persistent=not live)
        except AlreadyExists:
            assert name in level
        else:
            assert name not in level
            level[name] = {}

    @rule(fmri=entities, name=group_names | live_names)
    def delete_group(self, fmri: str, name: str) -> None:
        level = self.live[fmri] if name in self.live[fmri] else self.cur[fmri]
        try:
            self.repository.delete_group(fmri, name)
        except NotFound:
            assert name not in level
        else:
            del level[name]

    @rule(fmri=entities, wanted=levels)
    def write_volatile(self, fmri: str, wanted: Level) -> None:
        groups = {f"live{'2' if name == 'h' else ''}": props for name, props in wanted.items()}
        try:
            self.repository.write_volatile({fmri: groups_of(groups)})
        except TypeMismatch:
            raise AssertionError("no persistent group has these names") from None
        self.live[fmri] |= groups

    @rule(name=st.sampled_from(["running", "start"]))
    def take_snapshot(self, name: str) -> None:
        self.repository.take_snapshot(INSTANCE, name)
        self.snapshots[name] = (dict(self.cur[INSTANCE]), dict(self.cur[SERVICE]))

    @precondition(lambda self: "running" in self.snapshots)
    @rule()
    def link_snapshot(self) -> None:
        self.repository.link_snapshots([(INSTANCE, "start", "running")])
        self.snapshots["start"] = self.snapshots["running"]

    @rule(name=st.sampled_from(["running", "start", "initial", "previous"]))
    def revert(self, name: str) -> None:
        try:
            self.repository.revert(INSTANCE, name)
        except NotFound:
            assert name not in self.snapshots
            return
        instance, service = self.snapshots[name]
        self.snapshots["previous"] = (dict(self.cur[INSTANCE]), dict(self.cur[SERVICE]))
        self.cur = {INSTANCE: dict(instance), SERVICE: dict(service)}

    @rule(fresh_boot=st.booleans())
    def reopen(self, fresh_boot: bool) -> None:
        self.repository.close()
        self.repository = open_repository(Layout(self.root), fresh_boot=fresh_boot)
        if fresh_boot:
            self.live = {SERVICE: {}, INSTANCE: {}}
            for fmri, name in list(self.highest):
                if name.startswith("live"):
                    del self.highest[fmri, name]
                    self.seen.pop((fmri, name), None)

    @invariant()
    def tells_the_same(self) -> None:
        if not self.cur:
            return
        found: dict[str, dict[str, PropertyGroup]] = {}
        for fmri in (SERVICE, INSTANCE):
            found[fmri] = self.repository.groups(fmri)
            assert list(found[fmri]) == sorted(found[fmri])
            live = {name for name, group in found[fmri].items() if not group.persistent}
            assert live == self.live[fmri].keys()
            assert plain(found[fmri]) == {**self.cur[fmri], **self.live[fmri]}
        composed = compose(found[INSTANCE], found[SERVICE])
        assert self.repository.groups(INSTANCE, View.COMPOSED) == composed
        exported = self.repository.export_service(SERVICE)
        assert plain({g.name: g for g in exported.groups}) == self.cur[SERVICE]
        assert plain({g.name: g for g in exported.instances[0].groups}) == self.cur[INSTANCE]

    @invariant()
    def snapshots_stand(self) -> None:
        if not self.cur:
            return
        names = self.repository.snapshots(INSTANCE)
        assert names == sorted({*self.snapshots, "last-import"})
        both = {**self.snapshots, "last-import": (self.old[INSTANCE], self.old[SERVICE])}
        for name in names:
            seen = self.repository.groups(INSTANCE, View.SNAPSHOT, name)
            instance, service = both[name]
            assert plain(seen) == {
                group: {**service.get(group, {}), **instance.get(group, {})}
                for group in service.keys() | instance.keys()
            }

    @invariant()
    def generations_tell_every_change(self) -> None:
        if not self.cur:
            return
        for fmri in (SERVICE, INSTANCE):
            groups = self.repository.groups(fmri)
            for name in groups.keys() | {n for f, n in self.seen if f == fmri}:
                group = groups.get(name)
                now = self.repository.generation(fmri, name)
                content = replace(group, generation=0) if group is not None else None
                assert now == (group.generation if group is not None else None)
                before = self.seen.get((fmri, name), (None, None))
                if before != (now, content):
                    assert before[0] != now
                    assert now is None or now > self.highest.get((fmri, name), 0)
                self.seen[fmri, name] = (now, content)
                if now is not None:
                    self.highest[fmri, name] = now

    @invariant()
    def admin_layer_is_a_difference(self) -> None:
        if not self.cur:
            return
        for fmri in (SERVICE, INSTANCE):
            for group in self.repository.layered(fmri).values():
                below = cells_of(group, Layer.ADMIN)
                for name, cell in group.layer(Layer.ADMIN).items():
                    assert name in below if cell.masked else not cell.says(below.get(name))
                claim = group.claims.get(Layer.ADMIN)
                under = claim_of(group, Layer.ADMIN)
                assert claim is None or (under is None) is not claim.masked


RepositoryMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestRepository = RepositoryMachine.TestCase
