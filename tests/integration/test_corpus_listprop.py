"""Every manifest of the corpus through svccfg: import, export, delete, import: same listprop.

svc.startd serves the repository only (milestone ``none``): what the manifests would run is not
for this machine.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.cli import svccfg
from roost.errors import ManifestError
from roost.manifest import read_bundle
from roost.model.bundle import Bundle, BundleType
from tests.integration.daemon import Daemon

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "manifests"
pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus of manifests is not here"),
]


def manifests() -> Iterator[tuple[Path, Bundle]]:
    """Every file that can be read as a manifest."""
    for file in sorted(CORPUS.rglob("*.xml")):
        with contextlib.suppress(ManifestError):
            bundle = read_bundle(str(file))
            if bundle.type is BundleType.MANIFEST:
                yield file, bundle


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    made = Daemon(tmp_path_factory.mktemp("corpus") / "root", "--milestone", "none")
    yield made
    made.stop()


def cfg(daemon: Daemon, *words: str) -> str:
    """Run svccfg in this process, against the daemon; returns its stdout."""
    out, complaints = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
        status = svccfg.main(["-R", str(daemon.root), *words])
    assert status == 0, f"svccfg {words} exited {status}: {complaints.getvalue()}"
    return out.getvalue()


@pytest.mark.parametrize("notation", ["xml", "toml"])
def test_export_and_import_give_the_same_listprop(
    daemon: Daemon, tmp_path: Path, notation: str
) -> None:
    count = 0
    for file, bundle in manifests():
        cfg(daemon, "import", str(file))
        for service in bundle.services:
            fmri = f"svc:/{service.name}"
            names = [name for name in cfg(daemon, "-s", fmri, "list").split() if ":" not in name]
            entities = [fmri, *(f"{fmri}:{name}" for name in names)]
            before = [cfg(daemon, "-s", entity, "listprop") for entity in entities]
            exported = tmp_path / f"exported.{notation}"
            exported.write_text(cfg(daemon, "export", "-a", "--format", notation, fmri))
            cfg(daemon, "delete", "-f", fmri)
            cfg(daemon, "import", str(exported))
            after = [cfg(daemon, "-s", entity, "listprop") for entity in entities]
            assert before == after, f"{file}: {fmri}"
            count += 1
        for service in bundle.services:
            cfg(daemon, "delete", "-f", f"svc:/{service.name}")
    assert count >= 300


def test_what_is_refused_leaves_the_repository_untouched(daemon: Daemon) -> None:
    readable = {file for file, _ in manifests()}
    before = cfg(daemon, "archive")
    refused = 0
    for file in sorted(set(CORPUS.rglob("*.xml")) - readable):
        with contextlib.suppress(ManifestError):
            if read_bundle(str(file)).type is BundleType.PROFILE:
                continue
        complaints = io.StringIO()
        with contextlib.redirect_stderr(complaints):
            assert svccfg.main(["-R", str(daemon.root), "import", str(file)]) == 1
        first = complaints.getvalue().splitlines()[0]
        assert first.startswith(f"svccfg: cannot import {file}:"), first
        refused += 1
    assert refused >= 10
    assert cfg(daemon, "archive") == before


def test_a_directory_of_good_and_bad_files(daemon: Daemon) -> None:
    """Bad files do not stop the others."""
    bad = CORPUS / "smf-tests"
    out, complaints = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
        status = svccfg.main(["-R", str(daemon.root), "import", str(bad)])
    assert status == 1
    readable = [file for file, _ in manifests() if file.is_relative_to(bad)]
    profiles = 1
    assert out.getvalue().startswith(f"Loaded {len(readable) + profiles} ")
    refused = [line for line in complaints.getvalue().splitlines() if "cannot " in line]
    assert len(refused) >= 6
    assert all(".xml:" in line for line in refused), refused
