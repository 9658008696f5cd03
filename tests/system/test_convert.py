"""Units of real packages, converted and run: nginx, redis and cron as Debian ships them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian import unpacked_with_all_they_need
from tests.system.isolated import WAIT_S, IsolatedRoot, Startd

SITE = """server { listen 127.0.0.1:%d; location / { return 200 "from nginx\\n"; } }
"""


@pytest.fixture(scope="module")
def packages(request: pytest.FixtureRequest) -> Path:
    assert request.config.cache is not None
    place = request.config.cache.mkdir("debian-services")
    return unpacked_with_all_they_need(place, ["cron", "nginx", "redis-server"])


@pytest.fixture
def root(tmp_path: Path, packages: Path) -> Iterator[IsolatedRoot]:
    layers = tmp_path / "layers"
    layers.mkdir()
    made = IsolatedRoot(layers)
    try:
        for top, place in (("usr", "/usr"), ("lib", "/usr/lib"), ("bin", "/usr/bin"),
                           ("sbin", "/usr/sbin"), ("etc", "/etc"), ("var", "/var")):  # fmt: skip
            if (packages / top).is_dir():
                made.run("cp", "-a", f"{packages / top}/.", place)
        yield made
    finally:
        made.close()


@pytest.fixture
def startd(root: IsolatedRoot, tmp_path: Path) -> Iterator[Startd]:
    made = Startd(root, tmp_path / "console.txt")
    yield made
    made.stop()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def take_over(root: IsolatedRoot, *units: str) -> None:
    """What an administrator does: convert, look at it, import."""
    files = [f"/lib/systemd/system/{unit}" for unit in units]
    root.run("roost", "convert", "-o", "/etc/converted.toml", *files)
    assert root.run("svccfg", "validate", "/etc/converted.toml") == ""
    root.run("svccfg", "import", "/etc/converted.toml")


def wait_for(root: IsolatedRoot, condition: str, *words: str) -> None:
    """Wait until the shell's condition holds; look again at every change of the instance $0."""
    script = f'until {condition}; do timeout 1 svcprop -w -p restarter "$0" >/dev/null; done; :'
    command = root.command("sh", "-c", script, *words)
    try:
        subprocess.run(command, timeout=WAIT_S, capture_output=True, check=True)
    except subprocess.TimeoutExpired:
        shown = root.run("sh", "-c", 'svcs -x; svcs -L "$0" | xargs tail -n 30', words[0])
        raise AssertionError(f"{words[0]}: not true in time: {condition}\n{shown}") from None


def wait_state(root: IsolatedRoot, fmri: str, state: str) -> None:
    wait_for(root, '[ "$(svcs -Ho state,nstate "$0" | tr -d " ")" = "$1-" ]', fmri, state)


def process_of(root: IsolatedRoot, fmri: str) -> str:
    return root.run("svcprop", "-p", "restarter/start_pid", fmri).strip()


def survive_a_kill(root: IsolatedRoot, fmri: str, pid: str) -> None:
    """Kill the main process; the service comes up again with another one."""
    root.run("kill", "-KILL", pid)
    wait_for(root, '[ "$(svcprop -p restarter/start_pid "$0")" != "$1" ]', fmri, pid)
    wait_state(root, fmri, "online")


def stop(root: IsolatedRoot, fmri: str) -> None:
    """Disable it; no process of it is left."""
    root.run("svcadm", "disable", "-s", fmri)
    wait_state(root, fmri, "disabled")
    assert root.run("svcs", "-Hp", "-o", "state", fmri).split() == ["disabled"]


@pytest.mark.usefixtures("startd")
def test_nginx(root: IsolatedRoot) -> None:
    fmri = "svc:/site/nginx:default"
    port = free_port()
    root.install("/etc/nginx/sites-enabled/test", (SITE % port).encode())
    take_over(root, "nginx.service")
    wait_state(root, fmri, "online")
    fetch = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
    url = f"http://127.0.0.1:{port}/"
    assert root.run("python3", "-c", fetch, url) == "from nginx\n\n"

    first = root.run("cat", "/run/nginx.pid").strip()
    root.install("/etc/nginx/sites-enabled/test", (SITE % port).replace("from", "by").encode())
    root.run("svcadm", "refresh", fmri)
    wait_for(root, f'python3 -c "$1" {url} | grep -q "by nginx"', fmri, fetch)
    assert root.run("cat", "/run/nginx.pid").strip() == first

    # Its workers have no mark of the contract left: they write their titles over it.
    root.run("sh", "-c", 'kill -KILL "$1" $(ps -o pid= --ppid "$1")', "sh", first)
    wait_for(root, 'pid=$(cat /run/nginx.pid) && [ "$pid" != "$1" ] && kill -0 "$pid"', fmri, first)
    wait_state(root, fmri, "online")
    stop(root, fmri)


@pytest.mark.usefixtures("startd")
def test_redis_runs_as_its_user(root: IsolatedRoot) -> None:
    fmri = "svc:/site/redis-server:default"
    port = str(free_port())
    # What the package's installation would do.
    root.run("useradd", "--system", "--user-group", "redis")
    root.run("install", "-d", "-o", "redis", "-g", "redis", "/var/lib/redis", "/var/log/redis")
    root.run("chown", "redis:redis", "/etc/redis/redis.conf")
    root.run("sed", "-i", f"s/^port .*/port {port}/", "/etc/redis/redis.conf")
    # A machine in a machine may be refused a higher limit.
    drop_in = "/lib/systemd/system/redis-server.service.d/local.conf"
    root.install(drop_in, b"[Service]\nLimitNOFILE=1024\n")
    take_over(root, "redis-server.service")
    wait_state(root, fmri, "online")
    # Online as soon as it is started: it may still have to open its socket.
    wait_for(root, 'redis-cli -p "$1" ping | grep -q PONG', fmri, port)
    pid = process_of(root, fmri)
    assert root.run("ps", "-o", "user=,args=", "-p", pid).startswith("redis ")
    assert root.run("stat", "-c", "%U %a", "/run/redis") == "redis 2755\n"
    survive_a_kill(root, fmri, pid)
    wait_for(root, 'redis-cli -p "$1" ping | grep -q PONG', fmri, port)
    stop(root, fmri)


@pytest.mark.usefixtures("startd")
def test_cron(root: IsolatedRoot) -> None:
    fmri = "svc:/system/cron:default"
    root.install("/etc/default/cron", b"EXTRA_OPTS='-L 15'\n")
    take_over(root, "cron.service")
    wait_state(root, fmri, "online")
    pid = process_of(root, fmri)
    wait_for(root, 'ps -o args= -p "$1" | grep -q "^/usr/sbin/cron -f -L 15"', fmri, pid)
    survive_a_kill(root, fmri, pid)
    stop(root, fmri)
