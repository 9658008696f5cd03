"""Fuzz one target in this process: ``python -m fuzz.one TARGET libFuzzer-option...``.

libFuzzer ends the process; what it found is in its output and in its artifact files.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["roost"]):
    from fuzz.targets import TARGETS


def main() -> None:
    """Run until libFuzzer's limits are reached, or something breaks."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
