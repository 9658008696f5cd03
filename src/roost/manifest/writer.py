"""Writing a service bundle."""

from __future__ import annotations

from roost.errors import ManifestError
from roost.manifest._normal import normal_form
from roost.manifest._write import document
from roost.manifest.reader import read_bundle
from roost.model.bundle import Bundle


def write_bundle(bundle: Bundle) -> bytes:
    """The document that says what ``bundle`` says: reading it gives ``normal_form(bundle)``.

    The same bundle gives the same bytes. Raises ManifestError for a bundle that no document
    can express: an illegal name, a character that XML cannot hold, a manifest's instance
    without ``enabled``.
    """
    wanted = normal_form(bundle)
    data = document(wanted)
    what = f"write service bundle '{bundle.name}'"
    try:
        found = read_bundle(data, bundle.name or "bundle")
    except ManifestError as problem:
        raise ManifestError(what, problem.why) from None
    if found != wanted:
        names = [ours.name for ours in wanted.services if ours not in found.services]
        why = f"service {', '.join(names)} holds something that a document cannot express"
        raise ManifestError(what, why)
    return data
