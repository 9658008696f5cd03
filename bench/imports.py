"""How long the import of a whole system takes, the first time and when nothing is new."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.sides import BIN
from roost.errors import ManifestError
from roost.manifest import read_bundle
from roost.model.bundle import BundleType

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "manifests"
RUNS = 3


def run_imports(limits: Mapping[str, float]) -> bool:
    """Measure with the corpus of manifests beside the project; True if the limits are kept.

    Nothing of it is started: these are other systems' services.
    """
    if not CORPUS.is_dir():
        sys.stderr.write(f"no figures of imports: {CORPUS} is not on this machine\n")
        return True
    files = _manifests()
    figures: dict[str, list[float]] = {}
    for number in range(RUNS):
        sys.stderr.write(f"run {number + 1} of {RUNS}: import of {len(files)} manifests\n")
        with tempfile.TemporaryDirectory(prefix="roost-bench-") as directory:
            _run(Path(directory), files, figures)
    kept = True
    for name, values in figures.items():
        median_s = statistics.median(values)
        line: dict[str, object] = {"figure": name, "roost": round(median_s, 4)}
        if name in limits:
            line |= {"limit": limits[name], "met": median_s < limits[name]}
            kept = kept and median_s < limits[name]
        line |= {"files": len(files), "runs": [round(value, 4) for value in sorted(values)]}
        print(json.dumps(line), flush=True)
    return kept


def _manifests() -> list[Path]:
    """The files of the corpus that are valid manifests."""
    found = []
    for path in sorted(CORPUS.rglob("*.xml")):
        try:
            if read_bundle(str(path)).type is BundleType.MANIFEST:
                found.append(path)
        except ManifestError:
            continue
    return found


def _run(root: Path, files: Iterable[Path], figures: dict[str, list[float]]) -> None:
    process = _start(root)
    tree = root / "etc/svc/manifest"
    tree.mkdir()
    for number, path in enumerate(files):
        shutil.copyfile(path, tree / f"{number:03d}-{path.name}")
    for name in ("import_corpus_s", "import_unchanged_s"):
        started = time.monotonic()
        with (root / f"{name}.log").open("wb") as said:
            subprocess.run(
                [BIN / "svccfg", "-R", root, "import", "--standard"],
                stdout=said,
                stderr=subprocess.STDOUT,
                check=True,
                timeout=300,
            )
        figures.setdefault(name, []).append(time.monotonic() - started)
    process.terminate()
    process.wait(120)


def _start(root: Path) -> subprocess.Popen[bytes]:
    ready, write_fd = os.pipe()
    process = subprocess.Popen(
        [BIN / "svc.startd", "-R", root, "--milestone", "none", "--ready-fd", str(write_fd)],
        stdout=subprocess.DEVNULL,
        pass_fds=[write_fd],
    )
    os.close(write_fd)
    os.read(ready, 1)
    os.close(ready)
    return process
