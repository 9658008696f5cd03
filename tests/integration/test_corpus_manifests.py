"""Every service bundle of the shared corpus: read, written and read again; or refused by line."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from roost.errors import ManifestError
from roost.manifest import find_problems, read_bundle, write_bundle, write_toml
from roost.manifest._schema import ELEMENTS
from roost.model.bundle import Bundle
from roost.model.bundle_json import bundle_from_json, bundle_to_json

PROJECT = Path(__file__).resolve().parents[2]
CORPUS = PROJECT.parent / "shared" / "corpus" / "manifests"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(
        not CORPUS.is_dir(), reason="the shared corpus of manifests is not on this machine"
    ),
]

TESTS = "smf-tests/usr/src/test/smf-tests/tests/svccfg"
NOT_WELL_FORMED = {
    f"{TESTS}/apply/apply_007_profile.xml",
    f"{TESTS}/templates/pg_pattern_name/pg_pattern_name.xml",
    f"{TESTS}/templates/pg_pattern_required/pg_pattern_required.xml",
    f"{TESTS}/templates/pg_pattern_target/pg_pattern_target_restarter.xml",
    f"{TESTS}/templates/pg_pattern_type/pg_pattern_type.xml",
}
NOT_VALID = {
    f"{TESTS}/import-export/invalid/emptylist.in.xml": "needs an element 'value_node'",
}
WRONG_VALUES = {
    # Valid for a document type definition, which does not look at values.
    "solaris-userland/tools/sc_profile.xml": "'XXX_UID_XXX' as a value of type count",
}
ONLY_SOLARIS_11 = {
    "solaris-ips/src/svc/pkg-auto-update.xml",
    "solaris-ips/src/svc/pkg-mirror.xml",
    "solaris-ips/src/svc/pkg-sysrepo-cache.xml",
    "solaris-userland/components/desktop/accountsservice/files/accountsservice.xml",
    "solaris-userland/components/ftp-proxy/ftp-proxy.Solaris/firewall-ftp-proxy.xml",
    "solaris-userland/components/krb5/Solaris/krb5kdc.xml",
    "solaris-userland/components/openldap/Solaris/ldap-olslapd.xml",
    "solaris-userland/components/openssh/sources/ssh.xml",
    "solaris-userland/components/pflogd/pflogd.Solaris/firewall-pflog.xml",
    "solaris-userland/components/rsyslog/files/rsyslog.xml",
    "solaris-userland/components/squid/files/http-squid.xml",
    "solaris-userland/components/trousers/tcsd.xml",
}
"""Not valid for the original document type definition, but good with what Solaris 11 added."""
PLACE = re.compile(r".+:[0-9]+: .+", re.DOTALL)


@cache
def outcomes() -> dict[str, Bundle | ManifestError]:
    """What reading each file gave, by its name in the corpus."""
    found: dict[str, Bundle | ManifestError] = {}
    for path in sorted(CORPUS.rglob("*")):
        if not path.is_file() or path == CORPUS / "README.md":
            continue
        name = str(path.relative_to(CORPUS))
        try:
            found[name] = read_bundle(str(path), name)
        except ManifestError as problem:
            found[name] = problem
    return found


def files(*, templates: bool) -> dict[str, Bundle | ManifestError]:
    return {
        name: result
        for name, result in outcomes().items()
        if name.startswith("templates/") == templates
    }


def test_the_counts_are_those_of_the_corpus() -> None:
    assert len(files(templates=False)) == 329
    assert len(files(templates=True)) == 132
    well_formed = files(templates=False).keys() - NOT_WELL_FORMED
    assert len(well_formed) == 324
    assert len(well_formed - ONLY_SOLARIS_11 - NOT_VALID.keys()) == 311


def test_exactly_the_expected_files_are_refused() -> None:
    refused = {
        name: result.why
        for name, result in files(templates=False).items()
        if isinstance(result, ManifestError)
    }
    assert refused.keys() == NOT_WELL_FORMED | NOT_VALID.keys() | WRONG_VALUES.keys()
    assert all("not well-formed XML" in refused[name] for name in NOT_WELL_FORMED)
    for name, why in (NOT_VALID | WRONG_VALUES).items():
        assert why in refused[name]
    assert all(PLACE.fullmatch(why) for why in refused.values())


def test_templates_are_read_or_refused_by_line() -> None:
    refused = [r for r in files(templates=True).values() if isinstance(r, ManifestError)]
    assert 0 < len(refused) < 132
    assert all(PLACE.fullmatch(problem.why) for problem in refused)


def test_problems_are_listed_for_the_refused_and_only_for_them() -> None:
    for name, result in outcomes().items():
        problems = find_problems(str(CORPUS / name), name)
        assert bool(problems) == isinstance(result, ManifestError)
        assert all(PLACE.fullmatch(problem) for problem in problems)


def test_written_and_read_again_each_is_the_same() -> None:
    for name, result in outcomes().items():
        if isinstance(result, Bundle):
            written = write_bundle(result)
            assert read_bundle(written, name) == result
            assert write_bundle(read_bundle(written, name)) == written
            assert bundle_from_json(bundle_to_json(result)) == result


def test_over_toml_each_is_the_same() -> None:
    for name, result in outcomes().items():
        if isinstance(result, Bundle):
            written = write_toml(result)
            again = read_bundle(written, f"{name}.toml")
            assert again == result, name
            # Orders too, which equality of mappings does not see.
            assert bundle_to_json(again) == bundle_to_json(result), name
            assert write_bundle(again) == write_bundle(result), name
            assert write_toml(again) == written, name


def test_toml_is_short() -> None:
    """Hardly more than half of what XML takes; and hardly a group has to be spelt out."""
    bundles = [result for result in outcomes().values() if isinstance(result, Bundle)]
    written = [write_toml(bundle) for bundle in bundles]
    assert sum(map(len, written)) < 0.55 * sum(len(write_bundle(bundle)) for bundle in bundles)
    assert sum(text.count(b".property_group.") for text in written) <= 5


ADDITIONS = re.compile(
    r"<(periodic_method|scheduled_method|logfile_attributes)\b"
    r"|\s(complete|clearance|trusted_path|audit_flags|corefile_pattern)=\"(?!.*<)"
)


def test_what_is_written_needs_no_addition_of_solaris() -> None:
    assert {"periodic_method", "scheduled_method", "logfile_attributes"} <= ELEMENTS.keys()
    for name, result in outcomes().items():
        if isinstance(result, Bundle):
            written = write_bundle(result).decode()
            assert not ADDITIONS.search(written), name
            assert written.count("<method_credential ") == written.count("<method_credential user=")


def test_the_corpus_has_what_the_tests_are_about() -> None:
    bundles = [result for result in outcomes().values() if isinstance(result, Bundle)]
    services = [service for bundle in bundles for service in bundle.services]
    entities = services + [inner for service in services for inner in service.instances]
    types = {group.type for entity in entities for group in entity.groups}
    assert {"dependency", "method", "notify_params", "schedule", "template"} <= types
    assert {"template_pg_pattern", "template_prop_pattern"} <= types
    assert sum(len(entity.dependents) for entity in entities) > 50
    assert any(entity.overrides for entity in entities)
    assert any(entity.deleted_groups for entity in entities)
