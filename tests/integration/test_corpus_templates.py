"""The templates that roost ships against every manifest of the shared corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

import roost
from roost.cli.cfg.templates import GLOBAL, MASTER, bundle_problems
from roost.errors import ManifestError
from roost.manifest import read_bundle
from roost.model.bundle import Bundle, BundleType
from roost.model.properties import Groups

SHIPPED = Path(roost.__file__).parent / "share/lib/svc/manifest/system/svc"
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "manifests"

REMAINING = {
    # Its second instance has a group config without two properties that the service requires.
    "solaris-ips/src/svc/pkg-auto-update.xml": 2,
    # Its patterns of type boolean allow words such as 'yes' and 'local'.
    "solaris-userland/components/openssh/sources/ssh.xml": 8,
}


def shipped(name: str) -> Bundle:
    return read_bundle(str(SHIPPED / f"{name}.xml"))


def known() -> dict[str, Groups]:
    found = (service for name in ("global", "restarter") for service in shipped(name).services)
    return {f"svc:/{one.name}": {group.name: group for group in one.groups} for one in found}


def test_what_is_shipped_is_valid() -> None:
    assert set(known()) == {GLOBAL, MASTER}
    for name in ("global", "restarter"):
        assert bundle_problems(shipped(name), lambda fmri: known().get(fmri, {})) == []
        assert shipped(name).services[0].instances == ()


@pytest.mark.corpus
@pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the shared corpus of manifests is not on this machine"
)
def test_the_corpus_agrees_with_what_is_shipped() -> None:
    others = known()
    checked = 0
    found: dict[str, int] = {}
    for path in sorted(CORPUS.rglob("*.xml")):
        try:
            bundle = read_bundle(str(path))
        except ManifestError:
            continue
        if bundle.type is BundleType.MANIFEST:
            checked += 1
            texts = bundle_problems(bundle, lambda fmri: others.get(fmri, {}))
            if texts:
                found[str(path.relative_to(CORPUS))] = len(texts)
    assert checked > 300
    assert found == REMAINING
