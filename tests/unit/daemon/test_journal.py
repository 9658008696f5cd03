"""svc.startd's own log."""

from __future__ import annotations

import os
from pathlib import Path

from roost.daemon.journal import MasterLog
from roost.layout import Layout


def test_who_has_found_a_bug_does_not_fill_the_disk_with_it(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    os.makedirs(layout.log_directory)
    log = MasterLog(layout)
    for _ in range(500):
        log.bug("somewhere", ZeroDivisionError("oops"))
    text = Path(log.path).read_text()
    assert text.count("A bug in roost, at somewhere") == 20
    assert text.count("There were 20 bugs; more is not recorded for a while") == 1
    assert log.bugs == 500
