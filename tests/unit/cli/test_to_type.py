"""What is suggested to be typed reaches the same svc.startd as the command that suggests it."""

from __future__ import annotations

import pytest

from roost.cli.command import layout_at, to_type


@pytest.mark.parametrize(
    ("suggestion", "with_root"),
    [
        ("svcadm clear svc:/a:b", "svcadm -R '/my box' clear svc:/a:b"),
        ("roost unlock svc:/a:b", "roost unlock -R '/my box' svc:/a:b"),
        ("touch /x && svcadm refresh a", "touch /x && svcadm -R '/my box' refresh a"),
        ("svcs -R '/my box' -x", "svcs -R '/my box' -x"),
        ("roost run --root DIR", "roost run --root DIR"),
    ],
)
def test_a_root_given_as_an_option_is_repeated(suggestion: str, with_root: str) -> None:
    layout_at("/my box")
    assert to_type(suggestion) == with_root
    layout_at(None)
    assert to_type(suggestion) == suggestion
