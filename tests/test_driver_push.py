"""`lab driver push`: a driver that lab.yaml does not name, by the path that scenarios' drivers take."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.driver_push import push_driver
from lab.errors import InfrastructureError, UsageError
from lab.running import RunningLab

pytestmark = pytest.mark.vm


def test_somebody_else_s_driver_is_loaded(lab: RunningLab, tmp_path: Path) -> None:
    lab.restore()
    stranger = tmp_path / "stranger.sys"
    stranger.write_bytes(lab.config.drivers["example-neither"].file.read_bytes())
    pushed = push_driver(lab, stranger, lab.config.driver.service)
    assert pushed.remote == r"C:\lab\drivers\stranger.sys"
    assert "not signed" in pushed.signed
    with pytest.raises(InfrastructureError, match=r"did not load stranger\.sys: Win32 error 183: a name"):
        push_driver(lab, stranger, "Again")  # It has the device of the first one.
    lab.restore()


def test_what_is_no_driver_never_gets_there(lab: RunningLab, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a program, not a driver"):
        push_driver(lab, lab.traffic_program, "X")
    with pytest.raises(UsageError, match="is no name of a service"):
        push_driver(lab, lab.config.driver.file, "a b")
    with pytest.raises(UsageError, match="does not exist"):
        push_driver(lab, tmp_path / "none.sys", "X")
