"""Calls that wait: for a property group, for states, for every transition."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from roost.api.connection import Call

Generation = Callable[[str, str], int | None]


class GroupWatchers:
    """Calls of WaitGroup, by the group they wait for."""

    def __init__(self, generation_of: Generation) -> None:
        self._generation_of = generation_of
        self._waiting: dict[tuple[str, str], list[tuple[int, Call]]] = {}

    def wait(self, call: Call, fmri: str, group: str, generation: int) -> None:
        """Answer when the group's generation is another than ``generation`` (0: absent)."""
        now = self._generation_of(fmri, group) or 0
        if now != generation:
            call.reply({"generation": now})
            return
        self._waiting.setdefault((fmri, group), []).append((generation, call))
        call.on_close(lambda: self._forget((fmri, group), call))

    def changed(self, groups: Iterable[tuple[str, str]]) -> None:
        """These groups may have changed: answer whom it concerns."""
        for key in groups:
            waiting = self._waiting.get(key)
            if not waiting:
                continue
            now = self._generation_of(*key) or 0
            still = [(known, call) for known, call in waiting if known == now]
            gone = [call for known, call in waiting if known != now]
            if still:
                self._waiting[key] = still
            else:
                del self._waiting[key]
            for call in gone:
                call.reply({"generation": now})

    def _forget(self, key: tuple[str, str], call: Call) -> None:
        left = [(known, other) for known, other in self._waiting.get(key, []) if other is not call]
        if left:
            self._waiting[key] = left
        else:
            self._waiting.pop(key, None)


class Subscribers:
    """Calls that are answered again and again, each for some instances or for all."""

    def __init__(self) -> None:
        self._of_instance: dict[str, dict[int, Call]] = {}
        self._of_all: dict[int, Call] = {}

    def add(self, call: Call, fmris: Iterable[str] | None) -> None:
        """Keep the call for these instances (None: for all) until its client goes away."""
        key = id(call)
        if fmris is None:
            self._of_all[key] = call
            call.on_close(lambda: self._forget_general(key))
            return
        names = list(fmris)
        for fmri in names:
            self._of_instance.setdefault(fmri, {})[key] = call
        call.on_close(lambda: self._forget(names, key))

    def of(self, fmri: str) -> list[Call]:
        """Those that want to hear of this instance."""
        return [*self._of_instance.get(fmri, {}).values(), *self._of_all.values()]

    def everyone(self) -> list[Call]:
        """Each subscriber once."""
        found = dict(self._of_all)
        for calls in self._of_instance.values():
            found.update(calls)
        return list(found.values())

    def _forget_general(self, key: int) -> None:
        self._of_all.pop(key, None)

    def _forget(self, names: list[str], key: int) -> None:
        for fmri in names:
            calls = self._of_instance.get(fmri)
            if calls is not None:
                calls.pop(key, None)
                if not calls:
                    del self._of_instance[fmri]
