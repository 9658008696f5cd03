"""Inputs to begin with, small and of every kind; and words that an input may be made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from roost.api.wire import call_message, encode
from roost.errors import RoostError
from roost.manifest import read_bundle, write_toml
from roost.model.bundle_json import bundle_to_json

TOP = Path(__file__).parent.parent
SHIPPED = sorted((TOP / "src/roost/share").rglob("*.xml"))
EXAMPLES = sorted((TOP / "examples").rglob("*.xml"))
CORPUS = TOP.parent / "shared/corpus/manifests"
MAX_SEED_BYTES = 8192
MAX_SEEDS = 60

_SVCCFG = """select site/x
addpg config application
setprop config/port = count: 8080
setprop config/list = astring: ("a b" "c\\"d" e)
addpropvalue config/list astring: "x # y"
delpropvalue config/list a*
listprop config/p*
setenv -i -m start PATH "/usr/bin:/bin"
delete -f svc:/site/x:default
export -a site/x > /dev/null
"""
_FMRIS = (
    "svc:/system/cron:default",
    "svc://localhost/site/a:b/:properties/config/port",
    "lrc:/etc/rc2_d/S99x",
    "file://localhost/etc/passwd",
    "network/*:default",
    "cron",
    ":default",
)


_FILES = {
    "unit": """[Unit]
Description=Some server
After=network-online.target other.service
Requires=other.service
ConditionPathExists=!/etc/no
[Service]
Type=forking
PIDFile=/run/x.pid
User=www
Group=www
UMask=0027
Environment=A=1 "B=two words" C='x'
EnvironmentFile=-/etc/default/x
ExecStartPre=-/bin/mkdir -p /run/x
ExecStart=/usr/bin/x --name %n --dir %h \\
  $OPTIONS ${ONE} "a b"
ExecReload=/bin/kill -HUP $MAINPID
ExecStop=/usr/bin/x stop
Restart=on-failure
RestartSec=5
TimeoutStopSec=1min 30s
KillSignal=SIGQUIT
LimitNOFILE=65536:infinity
RuntimeDirectory=x
ProtectSystem=full
[Install]
WantedBy=multi-user.target
""",
    "supervisor": """[supervisord]
nodaemon=true ; comment
[program:web]
command=/usr/bin/web --port=%(ENV_HOME)s %(program_name)s_%(process_num)02d
process_name=%(program_name)s_%(process_num)02d
numprocs=2
directory=%(here)s
user=www
umask=022
environment=A="1",B='two, words',C=%%
autostart=true
autorestart=unexpected
exitcodes=0,2
startsecs=5
stopsignal=QUIT
stopwaitsecs=10
priority=10
stdout_logfile=/var/log/web.log
[group:all]
programs=web
priority=5
[eventlistener:e]
command=e
events=TICK_60
[include]
files = conf.d/*.conf
""",
    "procfile": """web: bundle exec puma -p $PORT
worker: FOO=bar exec ./worker "a b" 'c' | tee log && true
release: ./migrate
""",
    "security": """[users]
alice = ["Service Operator"]
[groups]
operators = ["solaris.smf.manage", "solaris.smf.value.config/web"]
[profiles]
"Web Admin" = ["solaris.smf.manage.*"]
""",
}
"""One input for each target of which the corpus has none."""


def seeds(target: str) -> Iterator[bytes]:
    """The inputs to begin with."""
    match target:
        case "manifest":
            yield from _manifests()
        case "toml":
            for data in _manifests():
                try:
                    yield write_toml(read_bundle(data, "seed.xml"))
                except RoostError:
                    continue
        case "svccfg":
            yield _SVCCFG.encode()
            yield from (f"{line}\n".encode() for line in _SVCCFG.splitlines())
        case "fmri":
            yield from (text.encode() for text in _FMRIS)
        case "wire":
            yield from _messages()
        case _:
            yield _FILES[target].encode()


def _manifests() -> Iterator[bytes]:
    found = [*SHIPPED, *EXAMPLES, *sorted(CORPUS.rglob("*.xml"))]
    small = [path for path in found if path.stat().st_size <= MAX_SEED_BYTES]
    step = max(1, len(small) // MAX_SEEDS)
    for path in small[::step]:
        yield path.read_bytes()


def _messages() -> Iterator[bytes]:
    fmri = "svc:/site/x:default"
    yield encode(call_message("io.roost.Manager.List", {"patterns": [fmri]}))
    yield encode(
        call_message("io.roost.Manager.Act", {"fmri": fmri, "action": "enable", "temporary": True})
    )
    change = {"op": "set", "name": "port", "type": "count", "values": ["1"]}
    yield encode(
        call_message(
            "io.roost.Repository.Commit",
            {"fmri": fmri, "group": "config", "generation": 1, "changes": [change]},
        )
    )
    for data in list(_manifests())[:10]:
        try:
            bundle = bundle_to_json(read_bundle(data, "seed.xml"))
        except RoostError:
            continue
        form = {"bundle": json.loads(json.dumps(bundle)), "file": "", "hash": ""}
        yield encode(call_message("io.roost.Repository.Import", form))


def words(target: str) -> list[bytes]:
    """Words of the target's language, from its own inputs (libFuzzer's dictionary)."""
    found: set[bytes] = set()
    for data in seeds(target):
        found.update(re.findall(rb"[A-Za-z_:/]{2,24}|[<>=\"\[\](){}#\\]", data))
    return sorted(found)[:1000]
