"""Everything that can go wrong on the way to the real guest, by both ways there: encrypted NTLM, and pinned HTTPS."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from guest_program import build

from lab.errors import GuestLostError, HungError, InfrastructureError
from lab.guest.remote import Remote
from lab.guest.winrm import WinRm
from lab.running import RunningLab

from .tls import Front, TlsFront, write_certificate

pytestmark = pytest.mark.vm

PROGRAM = r"C:\lab\run\ten-megabytes.exe"
REMOTE = r"C:\lab\run\not-ascii.txt"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("pinned"))


@pytest.fixture(scope="module", params=["ntlm", "https"])
def front(request: pytest.FixtureRequest, lab: RunningLab, files: tuple[Path, Path]) -> Iterator[Front]:
    front = TlsFront(lab.remote.winrm_port, *files) if request.param == "https" else Front(lab.remote.winrm_port)
    yield front
    front.close()


@pytest.fixture(scope="module")
def remote(front: Front, lab: RunningLab, files: tuple[Path, Path]) -> Remote:
    certificate = files[0].read_text() if isinstance(front, TlsFront) else ""
    return replace(
        lab.remote, winrm_port=front.port, credentials=replace(lab.remote.credentials, certificate=certificate)
    )


@pytest.fixture(scope="module")
def winrm(remote: Remote) -> Iterator[WinRm]:
    """One for all: the guest allows only so many shells, and forgets none for hours."""
    winrm = WinRm(remote)
    yield winrm
    winrm.close()


def test_exit_codes_above_255(winrm: WinRm) -> None:
    for code in (256, 1062, 70000):
        assert winrm.run(["cmd", "/c", f"exit {code}"], 60).code == code


def test_text_that_is_not_ascii(winrm: WinRm, lab: RunningLab) -> None:
    lab.guest.put("grüße, 你好, 🙂\r\n".encode(), REMOTE)
    assert winrm.run(["cmd", "/c", "type", REMOTE], 60).stdout == "grüße, 你好, 🙂"


def test_ten_megabytes_of_output(winrm: WinRm, lab: RunningLab, tmp_path: Path) -> None:
    lab.guest.put(build(Path(__file__).with_name("ten_megabytes.c"), tmp_path), PROGRAM)
    lines: Counter[str] = Counter()
    assert winrm.stream([PROGRAM], lambda line: lines.update([line]), 240) == 0
    assert lines == {"".join(chr(ord("a") + i % 23) for i in range(1023)): 10 << 10}


def test_a_wrong_password(remote: Remote) -> None:
    with pytest.raises(InfrastructureError, match="refused the image's WinRM password"):
        WinRm(replace(remote, credentials=replace(remote.credentials, password="wrong"))).run(["cmd", "/c", "ver"], 60)


def test_a_connection_that_drops_in_the_middle_of_a_command(front: Front, winrm: WinRm) -> None:
    begun = threading.Event()

    def cut() -> None:
        begun.wait(60)
        front.drop()

    cutting = threading.Thread(target=cut)
    cutting.start()
    with pytest.raises(GuestLostError):
        winrm.stream(["cmd", "/c", "echo begun& ping -n 20 127.0.0.1 >nul& echo never"], lambda _: begun.set(), 60)
    cutting.join()
    front.refusing = False
    assert winrm.run(["cmd", "/c", "echo again"], 60).stdout.strip() == "again"


def test_a_command_that_outlives_its_deadline(winrm: WinRm) -> None:
    begin = time.monotonic()
    with pytest.raises(HungError, match="did not end within 2 s"):
        winrm.run(["cmd", "/c", "ping -n 120 127.0.0.1 >nul"], 2)
    assert time.monotonic() - begin < 60
    assert winrm.run(["cmd", "/c", "echo again"], 60).stdout.strip() == "again"


def test_an_expired_certificate(lab: RunningLab, tmp_path: Path) -> None:
    expired = write_certificate(tmp_path, valid_days=-1)
    front = TlsFront(lab.remote.winrm_port, *expired)
    login = replace(lab.remote.credentials, certificate=expired[0].read_text())
    with pytest.raises(InfrastructureError, match="certificate has expired"):
        WinRm(replace(lab.remote, winrm_port=front.port, credentials=login)).run(["cmd", "/c", "ver"], 60)
    front.close()
