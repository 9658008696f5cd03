"""A real ``svc.startd`` for tests: in a root of its own, without root rights needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from roost.api.client import Client
from roost.layout import Layout

BIN = Path(sys.executable).parent
WAIT_S = float(os.environ.get("ROOST_TEST_WAIT_S", "60"))
MANIFEST_IMPORT = "svc:/system/manifest-import:default"
HEADER = """<?xml version="1.0"?>
<!DOCTYPE service_bundle SYSTEM "/usr/share/lib/xml/dtd/service_bundle.dtd.1">
"""


class Daemon:
    """svc.startd below ``root``; `stop` ends it in order, `kill` at once."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root = root
        self.layout = Layout(str(root))
        self.console = root.with_name(root.name + ".console")
        self._out = self.console.open("ab")
        ready, write_fd = os.pipe()
        self.process = subprocess.Popen(
            [BIN / "svc.startd", "-R", root, "--ready-fd", str(write_fd), *options],
            stdout=self._out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[write_fd],
        )
        os.close(write_fd)
        answered = os.read(ready, 1)
        os.close(ready)
        assert answered, f"svc.startd did not start: {self.console.read_text()}"

    def run(
        self, *words: str | Path, data: str = "", status: int | None = 0, **environment: str
    ) -> str:
        """Run one of roost's commands against this root; returns its stdout (and stderr)."""
        done = subprocess.run(
            [BIN / words[0], *words[1:]],
            input=data,
            env={**os.environ, "ROOST_ROOT": str(self.root), "LC_ALL": "C.UTF-8", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        if status is not None and done.returncode != status:
            raise AssertionError(f"{words} exited {done.returncode}, not {status}: {done.stdout}")
        return done.stdout

    def load(self, services: str) -> None:
        """Import a manifest made of these service elements."""
        file = self.root / "test.xml"
        file.write_text(
            f'{HEADER}<service_bundle type="manifest" name="t">{services}</service_bundle>'
        )
        self.run("svccfg", "import", file)

    def settled(self) -> Daemon:
        """Wait until the imports of its start are over, both; returns itself."""
        deadline = time.monotonic() + WAIT_S
        with Client(self.layout) as client:
            # No instance can be watched before the first import has made it.
            while client.call("Manager.Status")["phase"] == "starting":
                assert time.monotonic() < deadline, "the import of manifests does not end"
                time.sleep(0.01)
        self.wait_state(MANIFEST_IMPORT, "online", "degraded")
        return self

    def wait_state(self, fmri: str, *states: str) -> dict[str, Any]:
        """Wait until the instance is in one of the states, at rest; returns its wire form."""
        return self.wait_until(
            fmri, lambda i: i["state"] in states and i["next_state"] == "none", f"{states}"
        )

    def wait_until(
        self, fmri: str, is_so: Callable[[dict[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        """Wait until the instance's wire form satisfies ``is_so``; returns it."""
        instance: dict[str, Any] = {}
        try:
            for instance in self.watch(fmri):
                if is_so(instance):
                    return instance
        except TimeoutError:
            log = self.log(fmri) if os.path.exists(self.layout.log_of(fmri)) else "(no log)"
            raise AssertionError(f"{fmri} was not seen {what}; {instance}\n{log}") from None
        raise AssertionError(f"no more was told of {fmri}")

    def watch(self, fmri: str) -> Iterator[dict[str, Any]]:
        """Each state of the instance from now on; the present one first. Bounded in time."""
        with Client(self.layout) as client:
            for reply in client.follow(
                "Manager.Watch", {"fmris": [fmri]}, time.monotonic() + WAIT_S
            ):
                yield reply["instance"]

    def log(self, fmri: str) -> str:
        """The instance's log."""
        return Path(self.layout.log_of(fmri)).read_text()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait(WAIT_S)
        self._out.close()

    def stop(self) -> None:
        """Shut down in order; twice asked if it takes too long."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(WAIT_S)
        finally:
            self._out.close()


def service(
    name: str,
    start: str = ":true",
    stop: str = ":kill",
    *,
    duration: str = "contract",
    enabled: bool = True,
    timeout_s: int = 30,
    needs: Mapping[str, str] | None = None,
    refresh: str = "",
    stop_timeout_s: int | None = None,
    context: str = "",
    startd: Mapping[str, str] | None = None,
    extra: str = "",
) -> str:
    """A service element; ``needs`` maps targets (FMRIs with blanks between) to
    ``grouping/restart_on``.

    ``context`` are the elements and attributes of its method context, as
    ``ATTRIBUTES>ELEMENTS``; ``startd`` further properties of that group (all astring).
    """
    dependencies = ""
    for number, (targets, how) in enumerate((needs or {}).items()):
        grouping, restart_on = how.split("/")
        kind = "path" if targets.startswith("file:") else "service"
        entities = "".join(f'<service_fmri value="{target}"/>' for target in targets.split())
        dependencies += (
            f'<dependency name="d{number}" grouping="{grouping}" restart_on="{restart_on}"'
            f' type="{kind}">{entities}</dependency>'
        )
    methods = "".join(
        f'<exec_method type="method" name="{method}" exec="{_escape(command)}"'
        f' timeout_seconds="{limit_s}"/>'
        for method, command, limit_s in (
            ("start", start, timeout_s),
            ("stop", stop, timeout_s if stop_timeout_s is None else stop_timeout_s),
            ("refresh", refresh, timeout_s),
        )
        if command
    )
    if context:
        methods = f"<method_context {context}</method_context>{methods}"
    properties = "".join(
        f'<propval name="{name}" type="astring" value="{value}"/>'
        for name, value in {"duration": duration, **(startd or {})}.items()
    )
    return f"""
<service name="{name}" type="service" version="1">
  <create_default_instance enabled="{str(enabled).lower()}"/>
  {dependencies}{methods}
  <property_group name="startd" type="framework">{properties}</property_group>{extra}
</service>"""


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
