"""Start and stop of ``svc:/system/filesystem/sealed``: what the method script runs.

The properties come from svc.startd, or as ``NAME=VALUE`` arguments in their place.
Start opens the store if a passphrase is at hand and says what to type if none is. Stop seals
the tree if it changed and wipes it. Both may be killed at any point and be run again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roost.api import typed
from roost.api.client import Client
from roost.errors import (
    InvalidState,
    InvalidValue,
    NotFound,
    RoostError,
    StorageFull,
    SystemCallFailed,
)
from roost.layout import Layout, chosen_layout
from roost.services import passphrase as passphrases
from roost.services.sealed import places
from roost.services.sealed.archive import extract_archive, tree_digest, write_archive
from roost.services.sealed.container import (
    DamagedStore,
    Header,
    OpenKey,
    WrongPassphrase,
    locked,
    open_body,
    read_header,
    unwrap,
    write_sealed,
)
from roost.services.sealed.session import Session, Workplace, identity_of
from roost.services.sealed.streams import Drain, Sink

SMF_EXIT_OK = 0
SMF_EXIT_ERR_FATAL = 95
SMF_EXIT_ERR_CONFIG = 96

_NEEDED = ("file", "mountpoint")
_OPTIONAL = {"size": "", "mode": "", "mount": "auto"}


@dataclass(frozen=True, slots=True)
class Store:
    """What the properties of an instance say, with paths below the root."""

    layout: Layout
    fmri: str
    file: str
    mountpoint: str
    size: str
    """Limit of the tmpfs, as tmpfs understands it; "" for its default."""
    mode: int | None
    """Permissions of the tree's top; None to leave what was sealed."""
    mount: str
    """``memory``, ``directory``, or ``auto``: memory where that is allowed."""

    @property
    def name(self) -> str:
        """What the store is called in messages."""
        return self.fmri.rpartition(":")[2]

    @property
    def unlock_command(self) -> str:
        """What the administrator types to hand over the passphrase."""
        root = "" if self.layout.root == "/" else f"-R {self.layout.root} "
        return f"roost unlock {root}{self.fmri}"


def read_store(layout: Layout, fmri: str, arguments: Sequence[str]) -> Store:
    """The store that ``NAME=VALUE`` arguments describe. Raises `InvalidValue`."""
    what = f"open {fmri or 'a store'}"
    if not fmri:
        raise InvalidValue(what, "SMF_FMRI is not set")
    given = dict(_OPTIONAL)
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator or name not in (*_NEEDED, *_OPTIONAL):
            raise InvalidValue(what, f"'{argument}' is no property of a store")
        given[name] = value
    for name in _NEEDED:
        if not given.get(name, "").startswith("/"):
            hint = f"svccfg -s {fmri} setprop store/{name} = astring: /PATH"
            raise InvalidValue(what, f"store/{name} is not an absolute path", hint)
    if given["mount"] not in ("auto", "memory", "directory"):
        raise InvalidValue(what, "store/mount is auto, memory or directory")
    try:
        mode = int(given["mode"], 8) & 0o7777 if given["mode"] else None
    except ValueError:
        raise InvalidValue(what, "store/mode is an octal number") from None
    if "," in given["size"]:
        raise InvalidValue(what, "store/size is a number, with k, m, g or % after it")
    return Store(
        layout,
        fmri,
        layout.below(os.path.normpath(given["file"])),
        layout.below(os.path.normpath(given["mountpoint"])),
        given["size"],
        mode,
        given["mount"],
    )


def properties_of(layout: Layout, fmri: str) -> list[str]:
    """The group ``store`` of the running instance, as ``NAME=VALUE``. Raises `RoostError`."""
    with Client(layout) as client:
        reply = client.call("Repository.Groups", fmri=fmri, view="running", group="store")
    return [
        f"{typed.text(prop, 'name')}={' '.join(typed.texts(prop, 'values'))}"
        for group in typed.records(reply, "groups")
        for prop in typed.records(group, "properties")
        if typed.text(prop, "name") in (*_NEEDED, *_OPTIONAL)
    ]


def start(store: Store, say: Callable[[str], None], console: Callable[[str], None]) -> int:
    """Open the store; returns the exit status of the method. Raises `RoostError`, OSError."""
    work = Workplace(store.layout.run_directory, store.fmri)
    with work.locked():
        if _resume(store, work, say):
            passphrases.stop_asking(store.layout, store.fmri)
            return SMF_EXIT_OK
        places.wipe(work.tree)  # what a start or stop that was killed left behind
        places.check_mountpoint(store.mountpoint)
        what = f"open {store.name}"
        with locked(store.file, what) as file:
            header = read_header(file, what)
            secret = passphrases.take(store.layout, store.fmri)
            if secret is None:
                passphrases.ask(store.layout, store.fmri)
                say(f"{store.file} is sealed and there is no passphrase: waiting for one")
                console(f"Run '{store.unlock_command}'")
                return SMF_EXIT_ERR_FATAL
            with secret:
                try:
                    key = unwrap(header, secret, what)
                except WrongPassphrase:
                    passphrases.ask(store.layout, store.fmri)
                    raise
            passphrases.stop_asking(store.layout, store.fmri)
            _open(
                store,
                work,
                header=header,
                key=key,
                fill=lambda sink: open_body(file, key, sink, what),
                say=say,
            )
    return SMF_EXIT_OK


def stop(store: Store, say: Callable[[str], None]) -> int:
    """Seal what changed and wipe the tree; returns the exit status of the method."""
    work = Workplace(store.layout.run_directory, store.fmri)
    with work.locked():
        session = work.load()
        if session is not None and not session.has_tree(work.tree):
            _forget(session, work, say)
            session = None
        if session is None:
            say("nothing is open")
            places.wipe(work.tree)
            return SMF_EXIT_OK
        # First make sure that nobody changes the tree any more, then look at it.
        places.withdraw(work.tree, session.mountpoint, in_memory=session.in_memory)
        try:
            _seal(session, work, say)
        except BaseException:
            places.publish(work.tree, session.mountpoint, in_memory=session.in_memory)
            raise
        work.remove()
        places.wipe(work.tree)
        say(f"{session.mountpoint} is closed")
    return SMF_EXIT_OK


def _resume(store: Store, work: Workplace, say: Callable[[str], None]) -> bool:
    """Is a tree open that a stop could not seal, or whose start did not get to say so?"""
    session = work.load()
    if session is None:
        return False
    if not session.has_tree(work.tree):
        _forget(session, work, say)
        return False
    places.publish(work.tree, session.mountpoint, in_memory=session.in_memory)
    say(f"{session.mountpoint} is still open: it is used as it is")
    if (session.file, session.mountpoint) != (store.file, store.mountpoint):
        say("store/file and store/mountpoint count from the next start on")
    return True


def _forget(session: Session, work: Workplace, say: Callable[[str], None]) -> None:
    """Remove the record of a tree that is gone: unmounted, or with the last boot."""
    if os.path.isdir(work.tree) and os.listdir(work.tree):
        why = f"{work.tree} is not the directory that was opened, and is not empty"
        raise InvalidState(f"use {session.mountpoint}", why, f"mv {work.tree} SOMEWHERE")
    say(f"the tree that was open at {session.mountpoint} is gone: {session.file} counts")
    work.remove()


def _open(
    store: Store,
    work: Workplace,
    *,
    header: Header,
    key: OpenKey,
    fill: Callable[[Sink], None],
    say: Callable[[str], None],
) -> None:
    os.mkdir(work.tree, 0o700)
    try:
        in_memory = _mount(store, work.tree, say)
        _extract(store, work.tree, fill, say)
        if store.mode is not None:
            os.chmod(work.tree, store.mode)
        session = Session(
            store.file,
            store.mountpoint,
            in_memory,
            identity_of(work.tree, in_memory=in_memory),
            tree_digest(work.tree),
            header.raw.hex(),
            key.seal_key.recipient,
            key.seal_key.mac_key.hex(),
        )
    except BaseException:
        places.wipe(work.tree)
        raise
    work.store(session)
    places.publish(work.tree, store.mountpoint, in_memory=in_memory)
    say(f"{store.file} is open at {store.mountpoint}")


def _extract(
    store: Store, tree: str, fill: Callable[[Sink], None], say: Callable[[str], None]
) -> None:
    try:
        with Drain(lambda source: extract_archive(source, tree, say)) as drain:
            try:
                fill(drain)
            except BrokenPipeError:
                drain.finish()  # raises the reason for which nobody reads
                raise
            drain.finish()
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        why = f"the tree does not fit (store/size is '{store.size or 'half of the memory'}')"
        hint = f"svccfg -s {store.fmri} setprop store/size = astring: SIZE"
        raise StorageFull(f"open {store.name}", why, hint) from None


def _mount(store: Store, tree: str, say: Callable[[str], None]) -> bool:
    """Put a tmpfs on ``tree`` where wanted and allowed; is it in memory?"""
    if store.mount != "directory":
        try:
            places.mount_memory(tree, store.size)
        except PermissionError:
            if store.mount == "memory":
                why = "mounting is not allowed here"
                hint = f"svccfg -s {store.fmri} setprop store/mount = directory"
                raise SystemCallFailed(f"open {store.name}", why, hint) from None
        else:
            return True
    where = "in memory" if places.is_memory(tree) else "on a disk, in the clear while it is open"
    say(f"{store.mountpoint} is a link to the private directory {tree}, {where}")
    return False


def _seal(session: Session, work: Workplace, say: Callable[[str], None]) -> None:
    if tree_digest(work.tree) == session.digest and os.path.exists(session.file):
        say(f"nothing changed: {session.file} stays as it is")
        return
    what = f"seal {session.mountpoint}"
    key = session.seal_key
    with contextlib.ExitStack() as stack:
        header = session.stored_header()
        try:
            present = read_header(stack.enter_context(locked(session.file, what)), what)
        except (NotFound, DamagedStore) as problem:
            say(f"{problem.message}; it is written anew")
        else:
            # The passphrase may have been changed while the store was open.
            if present.is_authentic(key):
                header = present
            else:
                say(f"{session.file} has another header than when it was opened: not kept")
        try:
            write_sealed(
                session.file, header, key, lambda sink: write_archive(work.tree, sink, say), what
            )
        except (StorageFull, SystemCallFailed) as problem:
            raise type(problem)(
                what,
                f"{problem.why}; {session.file} is untouched and {session.mountpoint} still open",
            ) from problem
    say(f"{session.mountpoint} is sealed in {session.file}")


def _say(text: str) -> None:
    print(text, flush=True)


def _write_console(layout: Layout, text: str) -> None:
    """Tell the administrator; the log gets it too."""
    _say(text)
    with contextlib.suppress(OSError):
        fd = os.open(layout.console, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(fd, f"{text}\n".encode())
        finally:
            os.close(fd)


def main(arguments: Sequence[str] | None = None) -> int:
    """``start|stop [NAME=VALUE...]``; returns the exit status of the method."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in ("start", "stop"):
        _say("cannot run the method of sealed storage: it knows start and stop")
        return SMF_EXIT_ERR_CONFIG
    passphrases.hide_process()
    layout = chosen_layout()
    fmri = os.environ.get("SMF_FMRI", "")
    try:
        store = read_store(layout, fmri, words[1:] or properties_of(layout, fmri))
        if words[0] == "start":
            return start(store, _say, lambda text: _write_console(layout, text))
        return stop(store, _say)
    except (InvalidValue, NotFound) as problem:
        _say(str(problem))
        return SMF_EXIT_ERR_CONFIG
    except InvalidState as problem:
        _say(str(problem))
        if words[0] == "stop":
            _say(f"once it is free, type: svcadm clear {fmri}")
        return SMF_EXIT_ERR_FATAL
    except RoostError as problem:
        _say(str(problem))
        return SMF_EXIT_ERR_FATAL
    except (OSError, tarfile.TarError) as problem:
        _say(f"cannot {words[0]} {fmri}: {problem}")
        return SMF_EXIT_ERR_FATAL
