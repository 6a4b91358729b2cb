"""Commands, files and services of the real guest, through the real pywinrm and paramiko."""

from __future__ import annotations

import secrets
import time

import pytest

from lab.errors import HungError, InfrastructureError
from lab.guest.services import (
    ERROR_SERVICE_ALREADY_RUNNING,
    ERROR_SERVICE_DOES_NOT_EXIST,
    ERROR_SERVICE_EXISTS,
    ERROR_SERVICE_NOT_ACTIVE,
    TRAFFIC,
)
from lab.running import RunningLab

pytestmark = pytest.mark.vm

REMOTE = r"C:\lab\run\test-guest.bin"


def test_file_comes_back_byte_for_byte(lab: RunningLab) -> None:
    data = secrets.token_bytes(300_000)
    lab.guest.put(data, REMOTE)
    assert lab.guest.get(REMOTE) == data
    lab.guest.put(b"", REMOTE)
    assert lab.guest.get(REMOTE) == b""


def test_missing_file_and_directory_are_told(lab: RunningLab) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        lab.guest.get(r"C:\lab\run\no-such-file")
    with pytest.raises(InfrastructureError, match="no-such-directory"):
        lab.guest.put(b"x", r"C:\no-such-directory\file")


def test_output_and_exit_code_of_a_command(lab: RunningLab) -> None:
    result = lab.guest.run(["cmd", "/c", "echo out& echo err 1>&2& exit 77"], timeout=60)
    assert result.stdout.strip() == "out"
    assert result.stderr.strip() == "err"
    assert result.code == 77


def test_exit_code_has_32_bits(lab: RunningLab) -> None:
    result = lab.guest.run(["cmd", "/c", "exit -1073741819"], timeout=60)
    assert result.code == 0xC0000005


def test_command_that_does_not_end_is_told_to_terminate(lab: RunningLab) -> None:
    script = "traffic 1\nactor a\nstep 1 a 60000 sleep 50000\n"
    lab.guest.put(script.encode(), REMOTE)
    begin = time.monotonic()
    with pytest.raises(HungError, match=r"did not end within 4 s"):
        lab.guest.run([TRAFFIC, "run", REMOTE], timeout=4)
    assert time.monotonic() - begin < 20
    assert lab.guest.run(["cmd", "/c", "exit 0"], timeout=60).code == 0


def test_services_give_true_win32_errors(lab: RunningLab) -> None:
    services, name = lab.guest.services, "LabTest"
    image = lab.ensure_driver("example-direct")
    lab.guest.services.stop(lab.config.driver.service)  # Both would create one device name.
    assert services.start(name).error == ERROR_SERVICE_DOES_NOT_EXIST
    assert services.create(name, image).ok
    assert services.create(name, image).error == ERROR_SERVICE_EXISTS
    assert services.stop(name).error == ERROR_SERVICE_NOT_ACTIVE
    started = services.start(name)
    assert (started.error, started.state) == (0, "running")
    assert services.start(name).error == ERROR_SERVICE_ALREADY_RUNNING
    assert services.stop(name).state == "stopped"
    assert services.delete(name).state == "absent"
    assert services.query(name).error == ERROR_SERVICE_DOES_NOT_EXIST


def test_push_sends_only_what_changed(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("push") / "program.exe"
    file.write_bytes(secrets.token_bytes(100))
    remote = r"C:\lab\run\pushed.exe"
    assert lab.guest.push(file, remote)
    assert not lab.guest.push(file, remote)
    lab.guest.forget()
    assert not lab.guest.push(file, remote)
    file.write_bytes(b"changed")
    assert lab.guest.push(file, remote)
    assert lab.guest.get(remote) == b"changed"
