"""Service bundles as XML or TOML: reading them strictly, and writing them back.

The formats are in docs/formats/manifest.md and service_toml(5). `read_bundle` turns a document
into a `roost.model.bundle.Bundle` or raises ManifestError; `write_bundle` (XML) and `write_toml`
are its inverse; `find_problems` lists everything that is wrong with a document; `normal_form` is
the canonical form that reading gives. Standard library only. Opens no file but the document and
what it includes, and talks to nobody.
"""

from roost.manifest._normal import normal_form
from roost.manifest.reader import find_problems, read_bundle
from roost.manifest.writer import write_bundle, write_toml

__all__ = ["find_problems", "normal_form", "read_bundle", "write_bundle", "write_toml"]
