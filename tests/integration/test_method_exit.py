"""smf_method_exit from a method to the state, ``svcs -x`` and the log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roost.layout import Layout
from roost.restarter.contracts import ContractId
from roost.restarter.parting import PartingWords
from tests.integration.case import Case

SAYS = """
. "$ROOST_ROOT/lib/svc/share/smf_include.sh"
echo told to say
smf_method_exit "$1" "$2" "the tank is $2"
"""


@pytest.mark.parametrize("user", ["", "nobody"])
def test_a_degraded_start_is_explained(case: Case, user: str) -> None:
    if user and os.geteuid() != 0:
        pytest.skip("needs root rights, to start the method as another user")
    context = f'working_directory="/"><method_credential user="{user}"/>' if user else ""
    says = case.method("says", SAYS)
    if user:
        # What it has to read and write lies in a directory of root's.
        case.root.chmod(0o755)
        (case.root / "trail").touch()
        (case.root / "trail").chmod(0o666)
        for parent in case.root.parents:
            if not os.access(parent, os.X_OK) or not parent.stat().st_mode & 1:
                parent.chmod(parent.stat().st_mode | 0o111)
    name = f"a{user}"
    case.load(case.transient(name, f"{says} 103 half_full", context=context))
    case.wait_aux(name, "degraded", "half_full")
    told = case.svcs("-x")
    assert f"{case.fmri(name)} (?)\n State: degraded since" in told
    said = "Start method exited with $SMF_EXIT_DEGRADED: the tank is half_full."
    assert f"Reason: {said}\n" in told
    assert f"  Type: svcadm restart {case.fmri(name)}\n" in told
    assert said in case.explain(name)
    assert "the tank is half_full" in case.log(name)
    assert os.listdir(case.daemon.layout.parting_words) == []
    case.svcadm("clear", f"@{name}")
    case.wait(name, "online")
    assert case.fmri(name) not in case.svcs("-x")


def test_a_failed_start_is_explained(case: Case) -> None:
    says = case.method("says", SAYS)
    case.load(case.transient("a", f"{says} 96 empty"))
    case.wait_aux("a", "maintenance", "empty")
    assert "Start method exited with $SMF_EXIT_ERR_CONFIG: the tank is empty." in case.explain("a")


def test_words_are_bounded_and_clean(tmp_path: Path) -> None:
    words = PartingWords(Layout(str(tmp_path)).parting_words)
    place = Path(Layout(str(tmp_path)).parting_words)
    (place / "7").write_bytes(b"to ken\x1b[1m/\n a\tb\x1b[2J \xff\n c\n" + b"x" * 10000)
    token, message = words.take(ContractId(7))
    assert token == "token1m"
    assert message.startswith("a b?[2J \N{REPLACEMENT CHARACTER} c xxx")
    assert len(message) < 4096
    assert words.take(ContractId(7)) == ("", "")
    (place / "8").symlink_to("/etc/passwd")
    assert words.take(ContractId(8)) == ("", "")
    PartingWords(str(place))
    assert os.listdir(place) == []
