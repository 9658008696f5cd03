"""Fuzz every reader for a bounded time, and measure what a megabyte of input costs each.

usage: python -m fuzz [--seconds N] [--seed N] [TARGET ...]

Prints a JSON line a target. Exits 1 if a target raised what it must not raise, or needed too
much memory; the input that did it is kept in fuzz/found/ and named.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.memory import swollen
from fuzz.seeds import seeds, words
from fuzz.targets import TARGETS

MAX_MIB = 200
MAX_INPUT_BYTES = 16384
FOUND = Path(__file__).parent / "found"
_GRACE_S = 120


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default 1)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    given = parser.parse_args()
    for name in given.targets:
        if name not in TARGETS:
            parser.error(f"there is no target '{name}'; the targets are {', '.join(TARGETS)}")
    good = True
    for name in given.targets or TARGETS:
        figures = {**fuzz(name, given.seconds, given.seed), **weigh(name)}
        print(json.dumps({"target": name, **figures}), flush=True)
        good = good and figures["raised"] == "" and int(str(figures["peak_mib"])) <= MAX_MIB
    return 0 if good else 1


def fuzz(name: str, seconds: int, seed: int) -> dict[str, object]:
    """One bounded run of libFuzzer; what it did, and what was raised ("" if nothing)."""
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        corpus = Path(work) / "corpus"
        corpus.mkdir()
        for number, data in enumerate(seeds(name)):
            (corpus / f"{number:04}").write_bytes(data)
        dictionary = Path(work) / "words"
        dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words(name)))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "fuzz.one", name, str(corpus)),
                *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_INPUT_BYTES}"),
                *(f"-dict={dictionary}", f"-artifact_prefix={FOUND}/{name}-"),
                *("-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1"),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + _GRACE_S,
            check=False,
        )
    text = done.stdout + done.stderr
    raised = ""
    if done.returncode:
        error = re.search(r"^ ?=== Uncaught Python exception: ===\n(.+)$", text, re.MULTILINE)
        where = re.search(r"written to (\S+)", text)
        raised = f"{error[1] if error else text[-300:]} ({where[1] if where else 'no input kept'})"
    return {
        "inputs": _number(r"number_of_executed_units: (\d+)", text),
        "new_inputs": _number(r"new_units_added: +(\d+)", text),
        "coverage": _number(r"(?s:.*) cov: (\d+)", text),
        "raised": raised,
    }


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _escaped(word: bytes) -> str:
    return "".join(
        chr(b) if b > 0x20 and b < 0x7F and b not in b'"\\' else f"\\x{b:02x}" for b in word
    )


def weigh(name: str) -> dict[str, object]:
    """The most memory (MiB, of the whole process) that a megabyte of input took."""
    peak = 0
    for data in swollen(name):
        done = subprocess.run(
            [sys.executable, "-m", "fuzz.memory", name],
            input=data,
            capture_output=True,
            timeout=_GRACE_S,
            check=True,
        )
        peak = max(peak, int(done.stdout))
    return {"peak_mib": peak}


if __name__ == "__main__":
    sys.exit(main())
