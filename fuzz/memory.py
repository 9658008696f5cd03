"""How much memory a large input costs: ``python -m fuzz.memory TARGET < INPUT``.

Prints the process's peak resident memory in MiB after the target has read its input. The
inputs themselves come from `swollen`: a small piece, repeated until a megabyte is full,
whole and inside the frame that the target's language wants around it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from fuzz.targets import MEGABYTE, TARGETS

_MANIFEST_FRAME = (
    (
        b'<?xml version="1.0"?><service_bundle type="manifest" name="x">'
        b'<service name="site/x" type="service" version="1">'
    ),
    b"</service></service_bundle>",
)
_PIECES: dict[str, tuple[tuple[bytes, bytes, bytes], ...]] = {
    "manifest": (
        (b"", b"<a>", b""),
        (b"", b"<", b""),
        (b"", b"&amp;", b""),
        (_MANIFEST_FRAME[0], b"<property_group name='g' type='t'>", _MANIFEST_FRAME[1]),
        (_MANIFEST_FRAME[0], b"<property_group name='g' type='t'/>", _MANIFEST_FRAME[1]),
        (_MANIFEST_FRAME[0], b"<instance name='i' enabled='true'/>", _MANIFEST_FRAME[1]),
        (b"<service_bundle " + b"a='", b"&#65;", b"'/>"),
        (b"<service_bundle ", b"a='' ", b"/>"),
        (b"<!DOCTYPE x [", b"<!ENTITY a 'aaaaaaaaaa'>", b"]><x/>"),
        (b"<x>", b"<!-- -->", b"</x>"),
        (b"<x>", b"<?a b?>", b"</x>"),
        (b"", b"\xff\xfe<\0", b""),
    ),
    "toml": (
        (b"", b"a=1\n", b""),
        (b"a=", b"[", b""),
        (b"a=", b"{a=", b""),
        (b"", b"[a.b.c.d.e.f.g.h]\n", b""),
        (b"", b"[[a]]\n", b""),
        (b"a.", b"a.", b"a=1"),
        (b"a='''", b"\n", b"'''"),
        (b"a=[", b"{b=1},", b"]"),
        (b'[service."site/x"]\n', b'[service."site/x".g]\n', b""),
        (b'[service."site/x".g]\nv=[', b'"a",', b"]\n"),
    ),
    "svccfg": (
        (b"setprop a/b = (", b"x ", b")"),
        (b'setprop a/b = "', b"\\\\", b'"'),
        (b"", b"\n", b""),
        (b"", b'"', b""),
        (b"list ", b"*[", b""),
    ),
    "fmri": ((b"svc:/", b"a/", b"a:b"), (b"", b"*", b""), (b"", b"[", b""), (b"svc:", b"/", b"")),
    "unit": (
        (b"[Service]\n", b"A=b\n", b""),
        (b"[Service]\nExecStart=/x", b" a", b"\n"),
        (b"[Service]\nExecStart=/x ", b"%n", b"\n"),
        (b"[Service]\nExecStart=/x\nEnvironment=", b"A=1 ", b"\n"),
        (b"[Service]\nExecStart=/x ", b"\\\n", b"\n"),
        (b"", b"[", b""),
    ),
    "supervisor": (
        (b"[program:x]\ncommand=x", b" a", b""),
        (b"[program:x]\ncommand=", b"%(here)s", b""),
        (b"[program:x]\ncommand=x\nenvironment=", b"A=1,", b""),
        (b"", b"[program:x]\n", b""),
        (b"[program:x]\ncommand=x\nnumprocs=99999999\n", b"#\n", b""),
    ),
    "procfile": ((b"", b"a: b\n", b""), (b"a: ", b"$(", b""), (b"a: ", b"'", b"")),
    "security": ((b"", b"[", b""), (b"a=", b"[", b""), (b"[users]\na=[", b"'b',", b"]")),
    "wire": (
        (b'{"method":"x","parameters":', b"[", b"\0"),
        (b'{"a":', b'{"a":', b"\0"),
        (b"", b"{}\0", b""),
        (b'{"a":"', b"\\u0000", b'"}\0'),
        (b'{"a":[', b"1,", b"1]}\0"),
        (b'{"a":', b"9", b"}\0"),
        (b"", b"\0", b""),
    ),
}


def swollen(target: str) -> Iterator[bytes]:
    """Inputs of a megabyte, each made of one small piece over and over."""
    for start, piece, end in _PIECES[target]:
        room = MEGABYTE - len(start) - len(end)
        yield start + piece * (room // len(piece)) + end


def main() -> None:
    """Read the input with the target; print the peak in MiB."""
    TARGETS[sys.argv[1]](sys.stdin.buffer.read())
    with open("/proc/self/status") as status:
        # Not ru_maxrss: that begins with what the process had that started this one.
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    assert peak is not None
    print(int(peak[1]) // 1024)


if __name__ == "__main__":
    main()
