"""The scripts of ``roost completion`` in real shells, against canned data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.cli.completion import levels
from roost.cli.shells import script
from roost.layout import Layout
from tests.unit.cli.canned_daemon import CannedDaemon, group, instance

BIN = Path(sys.executable).parent
WAIT_S = 60.0
QUOTES = "svc:/site/quotes:nightly"

# Splits words at blanks and colons as readline does, and prints what is offered. The cursor is
# at the ^, else at the end.
_BASH_DRIVER = """
. "$1"
shift
for line; do
    before=${line%%^*}
    COMP_LINE=${line/^/}
    COMP_POINT=${#before}
    COMP_WORDBREAKS=$' \\t\\n"><=;|&(:'
    read -ra COMP_WORDS <<<"${before//:/ : }"
    case $before in *' ') COMP_WORDS+=('') ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    read -ra after <<<"${COMP_LINE:$COMP_POINT}"
    COMP_WORDS+=("${after[@]}")
    COMPREPLY=()
    _roost_complete
    echo "${COMPREPLY[*]}"
done
"""

CASES = {
    # options, from the tables
    "svcs --": "--json --help",
    "svcadm enable -": "-r -s -t -T -v -n -R --json --help",
    "svccfg import -": "-V -p --standard --json",
    "svccfg listprop -l s": "system-profile site-profile",
    "svccfg listprop -o va": "value",
    "svccfg -s quotes setnotify to-m": "to-maintenance",
    "roost storage create --": "--from --passphrase-fd --help",
    "svc.startd --m": "--milestone",
    # subcommands
    "svcadm re": "restart refresh",
    "svcadm -v -S online re": "restart refresh",
    "svccfg -s quotes listp": "listpg listprop",
    "roost storage ": "create passphrase check",
    "roost help st": "storage status",
    # words of a kind
    "svcs -o sta": "sta state",
    "svcs -Ho state,sti": "state,stime",
    "svcs -o STATE,ST": "STATE,STA STATE,STATE STATE,STIME",
    "svcs -s fm": "fmri",
    "svcadm -S m": "maintenance",
    "svcadm mark de": "degraded",
    "svc.startd --milestone n": "none",
    "svccfg help exp": "export",
    "roost completion z": "zsh",
    "svcadm enable -T ": "",
    # FMRIs and abbreviations
    "svcs ": "relay quotes",
    "svcs q": "quotes",
    "svcs site": "site/quotes",
    "svcadm mark degraded rel": "relay",
    "svcadm enable -rs svc:/site/q": "/site/quotes:daily /site/quotes:nightly",
    "svcadm enable quotes:": "daily nightly",
    "svcadm enable quotes:n": "nightly",
    "svcs svc:/site/quotes:d": "daily",
    "svcs relay quotes:d": "daily",
    "svcs -R rel": "relay",
    "svccfg -s svc:/site/q": "/site/quotes /site/quotes:daily /site/quotes:nightly",
    "svcprop -p config/port q": "quotes",
    # properties and snapshots
    "svcprop -p restarter/st": "restarter/state restarter/state_timestamp",
    "svcprop -p conf^ quotes": "config config/port",
    "svccfg -s quotes:nightly setprop conf": "config config/port",
    "svcprop -s ru": "running",
    # nobody answers
    "svcs -R /nowhere rel": "",
    # nothing is offered after a subcommand that takes nothing
    "svccfg unselect ": "",
    "svcadm nonsense ": "",
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CannedDaemon]:
    made = CannedDaemon(Layout(str(tmp_path_factory.mktemp("root"))))
    made.add(
        instance(QUOTES),
        instance("svc:/site/quotes:daily"),
        instance("svc:/network/relay:default"),
    )
    config = group("config", "application", ("port", "count", ["80"]))
    made.groups[QUOTES, "attached"] = made.groups["svc:/site/quotes", "attached"] = [config]
    yield made
    made.close()


def needed(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


def environment(root: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ROOST_ROOT": root}


def run(words: list[str], root: str = "/nowhere") -> str:
    done = subprocess.run(
        words,
        env=environment(root),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def offered(daemon: CannedDaemon, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What bash offers for every line of CASES, from one run of it."""
    bash = needed("bash")
    path = tmp_path_factory.mktemp("script") / "completion.bash"
    path.write_text(script("bash", levels()))
    words = [bash, "--norc", "-c", _BASH_DRIVER, "bash", str(path), *CASES]
    return dict(zip(CASES, run(words, daemon.layout.root).splitlines(), strict=True))


@pytest.mark.parametrize("line", CASES)
def test_bash_offers(line: str, offered: dict[str, str]) -> None:
    assert offered[line] == CASES[line]


def in_bash(tmp_path: Path, *lines: str) -> list[str]:
    """What bash offers for each of the lines."""
    path = tmp_path / "completion.bash"
    path.write_text(script("bash", levels()))
    words = [needed("bash"), "--norc", "-c", _BASH_DRIVER, "bash", str(path), *lines]
    return run(words).splitlines()


def test_bash_asks_the_roost_of_the_command_line(daemon: CannedDaemon, tmp_path: Path) -> None:
    root = daemon.layout.root
    lines = (
        f"svcadm -R {root} clear rel",
        f"svcs -R {root} rel",
        f"svcs -R{root} rel",
        f"roost unlock -R {root} rel",
    )
    assert in_bash(tmp_path, *lines) == ["relay"] * 4


def test_bash_offers_files_and_directories(tmp_path: Path) -> None:
    (tmp_path / "two words").mkdir()
    (tmp_path / "two.xml").touch()
    files, directories = in_bash(tmp_path, f"svccfg import {tmp_path}/tw", f"svcs -R {tmp_path}/tw")
    assert files in (
        f"{tmp_path}/two words {tmp_path}/two.xml",
        f"{tmp_path}/two.xml {tmp_path}/two words",
    )
    assert directories == f"{tmp_path}/two words"


# As bashcompinit calls it.
_ZSH_DRIVER = """
autoload -Uz compinit && compinit -u -d "$1.dump"
. "$1"
shift
answer() {
    emulate -L sh
    setopt kshglob noshglob braceexpand
    COMP_LINE=$1 COMP_POINT=${#1}
    COMP_WORDS=($1)
    case $1 in *' ') COMP_WORDS+=('') ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _roost_complete
    echo "${COMPREPLY[*]}"
}
for line; do answer "$line"; done
echo $_comps[svcs]
"""


def test_zsh_offers(daemon: CannedDaemon, tmp_path: Path) -> None:
    path = tmp_path / "completion.zsh"
    path.write_text(script("zsh", levels()))
    expected = {
        "svcadm re": "restart refresh",
        "svcs -o state,sti": "state,stime",
        "svcadm enable quotes:": "quotes:daily quotes:nightly",
        "svcs svc:/site/quotes:d": "svc:/site/quotes:daily",
        "svcadm mark ": "maintenance degraded",
        "svcprop -p restarter/n": "restarter/next_state",
    }
    words = [needed("zsh"), "-f", "-c", _ZSH_DRIVER, "zsh", str(path), *expected]
    *shown, loaded = run(words, daemon.layout.root).splitlines()
    assert dict(zip(expected, shown, strict=True)) == expected
    assert loaded == "_bash_complete -F _roost_complete"


def test_fish_offers(daemon: CannedDaemon, tmp_path: Path) -> None:
    path = tmp_path / "completion.fish"
    path.write_text(script("fish", levels()))
    lines = "'svcadm re' 'svcs -o sti' 'svcadm enable quo' 'svc.startd --mil'"
    driver = f"source {path}; for line in {lines}; complete -C $line; end"
    shown = run([needed("fish"), "--no-config", "-c", driver], daemon.layout.root)
    assert [line.partition("\t")[0] for line in shown.splitlines()] == [
        "refresh",
        "restart",
        "stime",
        "quotes",
        "quotes:daily",
        "quotes:nightly",
        "--milestone",
    ]
