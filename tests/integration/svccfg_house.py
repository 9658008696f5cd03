"""A real svc.startd in a directory of its own, its svccfg, and a dialogue with it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60
HEAD = """<?xml version="1.0"?>
<!DOCTYPE service_bundle SYSTEM "/usr/share/lib/xml/dtd/service_bundle.dtd.1">
"""
QUOTES = (
    HEAD
    + """<service_bundle type="manifest" name="quotes">
<service name="site/quotes" type="service" version="1">
  <exec_method type="method" name="start" exec=":true" timeout_seconds="60"/>
  <exec_method type="method" name="stop" exec=":true" timeout_seconds="60"/>
  <property_group name="startd" type="framework">
    <propval name="duration" type="astring" value="transient"/>
  </property_group>
  <property_group name="config" type="application">
    <propval name="port" type="count" value="8080"/>
    <propval name="greeting" type="astring" value="hello there"/>
    <property name="search" type="astring">
      <astring_list><value_node value="a.example"/><value_node value="b.example"/></astring_list>
    </property>
  </property_group>
  <instance name="nightly" enabled="false">
    <property_group name="config" type="application">
      <propval name="port" type="count" value="9090"/>
    </property_group>
  </instance>
  <instance name="daily" enabled="false"/>
</service>
</service_bundle>
"""
)


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


class House:
    """A running svc.startd and its svccfg."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        ready, told = os.pipe()
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "roost.daemon.main", "-R", str(root), "--ready-fd", str(told)],
            pass_fds=[told],
            stdin=subprocess.DEVNULL,
            stdout=(root / "console").open("wb"),
            stderr=subprocess.STDOUT,
        )
        os.close(told)
        try:
            seen, _, _ = select.select([ready], [], [], TIMEOUT_S)
            assert seen, "svc.startd was not ready in time"
            assert os.read(ready, 1) == b"\n", (root / "console").read_text()
        except BaseException:
            self.close()
            raise
        finally:
            os.close(ready)

    def close(self) -> None:
        self.daemon.terminate()
        try:
            self.daemon.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "roost.cli.svccfg", "-R", str(self.root), *words]

    def run(
        self, *words: str, text: str | None = None, env: Mapping[str, str] | None = None
    ) -> Result:
        done = subprocess.run(
            self.command(*words),
            input=None if text is None else text.encode(errors="surrogateescape"),
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, **(env or {})},
        )
        out, err = (part.decode(errors="surrogateescape") for part in (done.stdout, done.stderr))
        assert "Traceback" not in err
        # What is suggested has the root in it; tests are about the rest of it.
        return Result(done.returncode, out, err.replace(f" -R {self.root}", ""))

    def ok(self, *words: str, text: str | None = None) -> str:
        """Run and return what it printed; it must succeed."""
        result = self.run(*words, text=text)
        assert result.status == 0, result
        return result.out

    def refused(self, *words: str, text: str | None = None, status: int = 1) -> str:
        """Run and return its complaint; it must fail with ``status``."""
        result = self.run(*words, text=text)
        assert result.status == status, result
        assert result.err.startswith("svccfg: "), result
        return result.err

    def props(self, fmri: str, pattern: str = "*") -> str:
        return self.ok("-s", fmri, f"listprop {pattern}")

    def clear(self) -> None:
        """Delete the services of earlier tests."""
        for service in self.ok("list").split():
            if service.startswith("site/"):
                self.ok(f"delete -f {service}")

    def with_quotes(self, directory: Path) -> House:
        """Import the service site/quotes."""
        path = directory / "quotes.xml"
        path.write_text(QUOTES)
        self.ok("import", str(path))
        return self


@contextmanager
def open_house(root: Path) -> Iterator[House]:
    """A svc.startd that ends with the block."""
    house = House(root)
    try:
        yield house
    finally:
        house.close()


def manifest(name: str) -> str:
    return QUOTES.replace("site/quotes", f"site/{name}")


def persistent(listing: str) -> list[str]:
    """The lines of listprop, columns collapsed, without the groups that a reboot loses and
    without the record of the files that an entity came from.
    """
    lines = listing.splitlines()
    gone = {line.split()[0] for line in lines if line.endswith("\tNONPERSISTENT")}
    gone.add("manifestfiles")
    return sorted(
        " ".join(line.split())
        for line in lines
        if line.split(maxsplit=1)[0].split("/")[0] not in gone
    )


class Terminal:
    """A dialogue with svccfg on a pseudo-terminal."""

    def __init__(self, command: Sequence[str], state: Path) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command,
            stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
            env={**os.environ, "XDG_STATE_HOME": str(state), "TERM": "dumb"},
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def expect(self, text: str) -> str:
        """Read until ``text`` shows; return all up to it."""
        end = time.monotonic() + TIMEOUT_S
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            try:
                data = os.read(self.master, 4096)
            except OSError:  # the other side is closed
                data = b""
            assert data, f"the end before {text!r} in {self.seen!r}"
            self.seen += data.decode()
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> int:
        try:
            return self.process.wait(TIMEOUT_S)
        finally:
            self.process.kill()
            os.close(self.master)
