"""Where everything lies below one root directory: SMF's own paths.

``/`` is the system instance; ``roost run --root DIR`` keeps everything below DIR.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from roost.errors import UsageError

ROOT_VARIABLE = "ROOST_ROOT"
"""Environment variable that tells clients and methods the root; unset means ``/``."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one instance of roost. ``root`` is absolute, without a trailing slash
    (except ``/`` itself).
    """

    root: str

    def below(self, path: str) -> str:
        """The absolute ``path`` of the system instance, below this root."""
        return path if self.root == "/" else self.root + path

    @property
    def repository(self) -> str:
        """The persistent store."""
        return self.below("/etc/svc/repository.db")

    @property
    def run_directory(self) -> str:
        """What a reboot may lose."""
        return self.below("/run/roost")

    @property
    def volatile_repository(self) -> str:
        """The non-persistent store."""
        return self.below("/run/roost/volatile.db")

    @property
    def socket(self) -> str:
        """The API socket of svc.startd."""
        return self.below("/run/roost/svc.startd.socket")

    @property
    def lock(self) -> str:
        """Locked by the one svc.startd of this root."""
        return self.below("/run/roost/svc.startd.lock")

    @property
    def console(self) -> str:
        """What methods write to reach the administrator (a FIFO that svc.startd reads)."""
        return self.below("/run/roost/console")

    @property
    def passphrases(self) -> str:
        """Directory of the FIFOs by which ``roost unlock`` hands over a passphrase."""
        return self.below("/run/roost/passphrase")

    @property
    def log_directory(self) -> str:
        """The instances' logs and svc.startd.log."""
        return self.below("/var/svc/log")

    @property
    def manifest_directories(self) -> tuple[str, ...]:
        """The standard trees of manifests, in the order of their import."""
        return (
            self.below("/lib/svc/manifest"),
            self.below("/etc/svc/manifest"),
            self.below("/var/svc/manifest"),
        )

    def is_delivered(self, manifest: str) -> bool:
        """Does the file lie in a standard manifest tree, where a clean-up looks for it?"""
        return manifest.startswith(tuple(f"{tree}/" for tree in self.manifest_directories))

    @property
    def profile_directory(self) -> str:
        """Where the standard profiles lie: the system's, and the site's (``site``)."""
        return self.below("/etc/svc/profile")

    @property
    def security(self) -> str:
        """Who has which authorizations: roost.toml(5)."""
        return self.below("/etc/security/roost.toml")

    @property
    def share(self) -> str:
        """Directory of smf_include.sh."""
        return self.below("/lib/svc/share")

    @property
    def parting_words(self) -> str:
        """Directory of the files in which methods say why they exit (``smf_method_exit``)."""
        return self.below("/run/roost/method")

    def log_of(self, instance: str) -> str:
        """The log file of an instance, by canonical FMRI."""
        return f"{self.log_directory}/{instance.removeprefix('svc:/').replace('/', '-')}.log"

    def passphrase_fifo(self, instance: str) -> str:
        """The FIFO that carries a passphrase to an instance's start method."""
        return f"{self.passphrases}/{instance.removeprefix('svc:/').replace('/', '-')}"


@dataclass(frozen=True, slots=True)
class PrivateLayout(Layout):
    """The paths for work on a repository file that no running svc.startd has (svccfg(8)).

    ``file`` is that file and ``address`` the socket, in a private directory; both are absolute.
    """

    file: str
    address: str

    @property
    def directory(self) -> str:
        """The private directory."""
        return os.path.dirname(self.address)

    @property
    def repository(self) -> str:
        """The persistent store."""
        return self.file

    @property
    def run_directory(self) -> str:
        """What goes with the process that serves the file."""
        return f"{self.directory}/run"

    @property
    def volatile_repository(self) -> str:
        """The non-persistent store."""
        return f"{self.run_directory}/volatile.db"

    @property
    def socket(self) -> str:
        """The API socket."""
        return self.address

    @property
    def console(self) -> str:
        """Where no method ever writes."""
        return f"{self.run_directory}/console"

    @property
    def log_directory(self) -> str:
        """Where errors of ours are recorded."""
        return self.run_directory


def chosen_layout(root: str | None = None) -> Layout:
    """The layout that ``-R root``, else ``ROOST_ROOT``, else the system chooses.

    `UsageError` for an empty ``root``: an unset variable of a script must not mean ``/``.
    """
    if root == "":
        raise UsageError("use '' as the root directory", "it is empty")
    return Layout(os.path.abspath(root or os.environ.get(ROOT_VARIABLE) or "/"))
