"""A root with a repository, backups of it, and a file that can be damaged."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from roost.layout import Layout
from roost.repository import Repository, open_repository
from roost.repository.backups import BackupKind
from roost.repository.history import Actor
from roost.repository.recovery import Recovery, open_or_recover

from .builders import config, group, instance, manifest, opened, put, service, state_of

X = "svc:/x:default"
NOW_S = 1795449600.0
ALICE = Actor(1000, "alice", "svccfg", 77, "Repository.Commit")


class House:
    """A root whose repository had four states; the first two have backups."""

    def __init__(self, root: Path, *, is_killed: bool) -> None:
        self.root = root
        self.path = Path(Layout(str(root)).repository)
        self.states: list[object] = []
        with opened(root) as repository:
            for number in range(12):
                groups = [group(f"g{n}", *(f"p{m}=value {m}" for m in range(6))) for n in range(5)]
                bundle = manifest(
                    service(*groups, name=f"s{number}", instances=(instance(config("a=1")),))
                )
                repository.import_bundle(bundle, f"/m/s{number}.xml", "ab")
            repository.import_bundle(
                manifest(service(instances=(instance(config("port=count:80")),))), "/m/x.xml", "cd"
            )
            repository.take_snapshot(X, "running")
            for number, kind in enumerate(BackupKind):
                with repository.history.acting(lambda: ALICE):
                    repository.commit(X, "config", [put(f"port=count:{number}")])
                repository.back_up(kind, NOW_S - 7200 + 60 * number)
                self.states.append(state_of(repository))
            repository._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with repository.history.acting(lambda: ALICE):
                repository.commit(X, "config", [put("port=count:99")])
                self.states.append(state_of(repository))
                repository.add_service("late")
            self.states.append(state_of(repository))
            if is_killed:  # what is on the disk now is what kill -9 would leave
                shutil.copytree(self.path.parent, root / "killed")
        if is_killed:
            shutil.rmtree(self.path.parent)
            (root / "killed").rename(self.path.parent)
            assert Path(f"{self.path}-wal").stat().st_size > 0

    def open(self) -> tuple[Repository, Recovery | None]:
        layout = Layout(str(self.root))
        return open_or_recover(
            layout.repository, lambda: NOW_S, partial(open_repository, layout, fresh_boot=True)
        )

    def files(self) -> dict[str, bytes]:
        """What is in the directory, links left out."""
        return {
            path.name: path.read_bytes()
            for path in self.path.parent.iterdir()
            if not path.is_symlink()
        }

    def copy(self, root: Path) -> House:
        """The same files below another root."""
        shutil.copytree(self.root, root, symlinks=True)
        found = House.__new__(House)
        found.root, found.path = root, Path(Layout(str(root)).repository)
        found.states = self.states
        return found
