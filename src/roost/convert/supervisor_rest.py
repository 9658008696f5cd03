"""What supervisord.conf can say and a service of roost cannot, each with the reason. Pure data."""

from __future__ import annotations

from collections.abc import Mapping

from roost.convert.ledger import Kind

REASONS: Mapping[str, tuple[str, str]] = {
    "startsecs": ("it is online as soon as it is started", ""),
    "startretries": (
        "it is tried again for ever, after five quick ends once a second",
        "exit status 96 puts it in maintenance instead",
    ),
    "exitcodes": (
        "roost starts it again whatever its exit status",
        "exit status 96 puts it in maintenance instead",
    ),
    "serverurl": ("there is no supervisorctl to talk to", "use svcadm and svcs"),
    "socket": (
        "roost opens no sockets",
        "start it with spawn-fcgi -n, or let it listen itself; then svcadm enable it",
    ),
    "socket_backlog": ("roost opens no sockets", ""),
    "socket_mode": ("roost opens no sockets", ""),
    "socket_owner": ("roost opens no sockets", ""),
}
"""Setting of a program that has nothing to become: why, and what to do."""

SECTIONS: Mapping[str, tuple[Kind, str, str]] = {
    "unix_http_server": (
        Kind.ASIDE, "how supervisorctl reaches supervisord", "use svcadm and svcs"),
    "inet_http_server": (
        Kind.ASIDE, "the web page and remote control of supervisord", "roost listens on no port"),
    "supervisorctl": (
        Kind.ASIDE, "how supervisorctl reaches supervisord", "use svcadm and svcs"),
    "rpcinterface": (Kind.ASIDE, "an extension of supervisord", ""),
    "ctlplugin": (Kind.ASIDE, "an extension of supervisorctl", ""),
    "eventlistener": (
        Kind.LOST, "it lives on the events of supervisord",
        "'svccfg setnotify' can send mail when a service changes its state"),
}  # fmt: skip
"""Kind of section that is no service, and why."""
