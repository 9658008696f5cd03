"""Handlers of io.roost.Repository for whole bundles: what svccfg import and export ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from roost.api import typed
from roost.api.connection import Call
from roost.api.server import Answer, Handler, handlers_of
from roost.daemon.changes import settle
from roost.daemon.manager import Manager
from roost.errors import InvalidValue
from roost.model.bundle import Bundle, BundleType
from roost.model.bundle_json import bundle_from_json, bundle_to_json
from roost.model.properties import PropertyGroup
from roost.repository.layers import PROFILE_LAYERS
from roost.repository.port import FileReport, ImportReport, SourceFile


class ImportApi:
    """Stores bundles that clients have read, and makes bundles of what is stored."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._repository = manager.repository
        self._rights = manager.rights

    def handlers(self) -> dict[str, Handler]:
        """The handlers by full method name."""
        return handlers_of(
            "io.roost.Repository",
            Import=self._import,
            ImportFiles=self._import_files,
            ReplaceLayer=self._replace_layer,
            Withdraw=self._withdraw,
            ImportedFiles=self._imported_files,
            ForgetFile=self._forget_file,
            Export=self._export,
        )

    def _imported_files(self, _call: Call) -> Answer:
        return {"hashes": self._repository.imported_files()}

    def _forget_file(self, call: Call) -> Answer:
        file = typed.text(call.parameters, "file")
        self._rights.require_modify(call, f"forget the hash of {file}")
        self._repository.forget_file(file)
        return {}

    def _export(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "service")
        everything = typed.boolean(call.parameters, "all")
        found = self._repository.export_service(fmri)

        def readable(name: str, groups: Iterable[PropertyGroup]) -> tuple[PropertyGroup, ...]:
            by_name = {group.name: group for group in groups}
            if everything:
                what = f"export the protected values of {name}"
                self._rights.require_reading(call, what, name, by_name)
                return tuple(by_name.values())
            return tuple(self._rights.withheld(call, name, by_name).values())

        instances = tuple(
            replace(instance, groups=readable(f"{fmri}:{instance.name}", instance.groups))
            for instance in found.instances
        )
        service = replace(found, groups=readable(fmri, found.groups), instances=instances)
        bundle = Bundle(BundleType.MANIFEST, service.name, (service,))
        return {"bundle": bundle_to_json(bundle)}

    def _import(self, call: Call) -> Answer:
        given = call.parameters
        bundle = bundle_from_json(given["bundle"])
        self._rights.require_modify(call, f"import {bundle.name}")
        file = typed.text(given, "file")
        with self._repository.transaction() as changed:
            report = self._repository.import_bundle(
                bundle,
                file,
                typed.text(given, "hash"),
                is_delivered=self._manager.layout.is_delivered(file),
            )
            self._manager.take_running(report.instances)
        settle(self._manager, report.instances, changed)
        return {"report": _form(report)}

    def _import_files(self, call: Call) -> Answer:
        given = typed.records(call.parameters, "files")
        self._rights.require_modify(call, f"import {len(given)} files")
        files = [self._source(item) for item in given]
        with self._repository.transaction() as changed:
            reports = self._repository.import_files(files)
            instances = {fmri for each in reports for fmri in each.report.instances}
            self._manager.take_running(sorted(instances))
        settle(self._manager, sorted(instances), changed)
        return {"reports": [_file_form(each) for each in reports]}

    def _replace_layer(self, call: Call) -> Answer:
        name = typed.text(call.parameters, "layer")
        self._rights.require_modify(call, f"replace what layer {name} says")
        layer = next((each for each in PROFILE_LAYERS if each.label == name), None)
        if layer is None:
            known = " and ".join(each.label for each in PROFILE_LAYERS)
            raise InvalidValue(f"replace what layer '{name}' says", f"that goes for {known}")
        files = [self._source(item) for item in typed.records(call.parameters, "files")]
        kept = typed.texts(call.parameters, "kept")
        with self._repository.transaction() as changed:
            report = self._repository.replace_layer(layer, files, kept)
            self._manager.take_running(report.instances)
        settle(self._manager, report.instances, changed)
        reports = [_file_form(each) for each in report.files]
        return {"reports": reports, "instances": list(report.instances)}

    def _source(self, item: Mapping[str, object]) -> SourceFile:
        file = typed.text(item, "file")
        return SourceFile(
            file,
            lambda: bundle_from_json(item.get("bundle")),
            typed.text(item, "hash"),
            self._manager.layout.is_delivered(file),
        )

    def _withdraw(self, call: Call) -> Answer:
        files = typed.texts(call.parameters, "files")
        self._rights.require_modify(call, f"withdraw {len(files)} files")
        with self._repository.transaction() as changed:
            unsupported = self._repository.withdraw_files(files)
        self._manager.watchers.changed(changed)
        return {"unsupported": unsupported}


def _form(report: ImportReport) -> dict[str, object]:
    """Type ImportReport."""
    return {
        "services": list(report.services),
        "instances": list(report.instances),
        "messages": list(report.messages),
    }


def _file_form(each: FileReport) -> dict[str, object]:
    """Type FileReport."""
    return {"file": each.file, **_form(each.report), "error": each.error}
