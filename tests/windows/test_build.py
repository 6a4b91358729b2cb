"""The whole build of a Windows image, with a stand-in for the medium: each phase, each time-out, each message."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab.errors import GuestLostError, HungError, InfrastructureError, LabError, UsageError
from lab.guest.remote import Remote
from lab.machine.accelerator import Accelerator
from lab.machine.image import Credentials, load_image
from lab.progress import Progress
from vm_images.windows import build
from vm_images.windows.admission import Admission
from vm_images.windows.build import Order, build_image
from vm_images.windows.pace import Pace

from .standin import (
    HANG,
    OFF_AT_NMI,
    PAUSE,
    POWER_OFF,
    READ_CD,
    RESTART,
    SETUP,
    WINRM,
    WRITE_DISK,
    StandInGuest,
    orders,
    program,
    provisioning,
    read_back,
    report,
    write_medium,
)
from .test_wim import element, wim

pytestmark = pytest.mark.slow

PACE = Pace(
    firmware=9,
    prepare=9,
    copy=9,
    specialize=9,
    stage=9,
    read_back=9,
    still=9,
    power_off=0.2,
    picture=0.3,
    look=0.05,
    cd_bytes=200_000,
    disk_bytes=1_000_000,
)
"""Where nothing fails, nothing is hurried. The build takes all deadlines ten times, for the stand-in is emulated."""
SOON = 0.3
NOTHING: Mapping[str, bytes] = {}
SECOND = orders(*[PAUSE] * 10)
WIN10 = wim(element(1, "Windows 10 Enterprise Evaluation", "EnterpriseEval", 19041))
ANSWERS = orders(PAUSE, WINRM, HANG)
SHORT = [SETUP, provisioning() + read_back() + ANSWERS, ANSWERS]
"""As a good installation, with one restart before the crash."""


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return program(tmp_path_factory.mktemp("standin"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[StandInGuest]:
    guest = StandInGuest(tmp_path)
    yield guest
    guest.close()


Build = Callable[..., tuple[Path, str]]


@pytest.fixture
def built(boot: bytes, cache: Path, guest: StandInGuest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds from a medium with these scripts; the image, and what the user was told."""
    monkeypatch.setenv("LAB_CACHE", str(cache))

    def run(
        scripts: Sequence[bytes], starts: bool = True, pace: Pace = PACE, left: Mapping[str, bytes] = NOTHING
    ) -> tuple[Path, str]:
        write_medium(tmp_path / "win.iso", WIN10, boot if starts else b"", scripts, left)
        told = io.StringIO()
        order = Order(tmp_path / "win.iso", "standin", pace=pace, room=1 << 20, reach=guest.reach)
        return build_image(order, Progress(Console(file=told, width=200))), told.getvalue()

    return run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "choose_accelerator", lambda *_: Accelerator("tcg", "for a test"))


def test_an_image_is_built(built: Build, cache: Path, guest: StandInGuest) -> None:
    """Restarts, provisioning, read back, reached, unsigned driver, crash, shut down: all of it."""
    scripts = [
        SETUP,
        orders(PAUSE, RESTART),
        provisioning() + orders(PAUSE, RESTART),
        orders(PAUSE) + read_back() + ANSWERS,
        ANSWERS,
    ]
    directory, told = built(scripts)
    image = load_image(directory)
    assert (image.guest, image.name, image.boots_disk) == ("windows", "standin", True)
    assert image.machine.reboots
    assert image.settings["build"] == 19041
    assert image.expires is not None
    assert "nmi-crash" in image.capabilities
    assert image.credentials().certificate.startswith("-----BEGIN CERTIFICATE")
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["test_dump_bytes"] == 1 << 20
    assert manifest["windows"]["medium"]["edition"] == "EnterpriseEval"
    assert {each.name for each in directory.iterdir()} == {"base.qcow2", "credentials.json", "manifest.json"}
    assert (directory / "credentials.json").stat().st_mode & 0o777 == 0o600
    phases = re.findall(r"^  (\S.*?)\s+\d+\.\d s", told, re.MULTILINE)
    assert phases == [
        "medium: read",
        "accelerator: probe",
        "disk, firmware, the lab's CD",
        "setup: started from the medium",
        "setup: disk prepared",
        "setup: Windows copied",
        "setup: devices, first logon",
        "provisioned",
        "restarted, settings read back",
        "guest reached over WinRM",
        "unsigned driver refused",
        "crash on purpose, dump written",
        "shut down",
        "image: kept",
    ]
    assert "without KVM Windows is emulated" in told
    assert "no OpenSSH server: files are copied over WinRM" in told
    logs = cache / "images/windows-standin.log"
    console = (logs / "console.log").read_bytes()
    assert console.index(WINRM) > console.index(b'"event": "done"')
    starts = [console.count(b"stand-in: start", 0, each.start()) for each in re.finditer(WINRM, console)]
    assert starts == [4, 5]  # After three restarts, and again after the crash.
    assert guest.front
    assert guest.front.refused > 0
    assert any((logs / "pictures").iterdir())
    assert (logs / "pictures/0001.png").read_bytes().startswith(b"\x89PNG")
    assert not list((cache / "images").glob(".building*"))


@dataclass(frozen=True)
class Failure:
    """What the machine does in each of its starts, which deadline that is about, and how the build ends."""

    scripts: list[bytes]
    words: str
    kind: type[LabError] = InfrastructureError
    hurried: str = ""
    left: Mapping[str, bytes] = field(default_factory=dict)
    """What setup leaves on the disk."""


PANTHER = "WINDOWS/PANTHER"
REFUSED = (
    b"2026-11-22 00:01:02, Error                 IBS    Something of no consequence\r\n"
    b"2026-11-22 00:01:03, Error      [0x0603a8] IBS    The setting is unknown\r\n"
    b"[gle=0x000000cb]\r\n"
)
STARTED = report("start", "provision", "standin")
FAILURES = {
    "never-started": Failure([], "the firmware did not start the medium", HungError, "firmware"),
    "nothing-written": Failure([orders(READ_CD, HANG)], "has not written to the disk", HungError, "prepare"),
    "restart-too-early": Failure([orders(READ_CD, RESTART), orders(HANG)], "anew before setup wrote"),
    "page-while-preparing": Failure(
        [orders(READ_CD, WRITE_DISK, HANG)],
        "waiting at a page .* on the medium are Windows 10 Enterprise Evaluation",
        HungError,
        "prepare",
    ),
    "page-while-copying": Failure(
        [orders(READ_CD, WRITE_DISK, WRITE_DISK, HANG)], "setup is waiting at a page", HungError, "still"
    ),
    "no-restart": Failure(
        [orders(READ_CD, WRITE_DISK, WRITE_DISK, HANG)], "did not restart the machine", HungError, "copy"
    ),
    "cd-again": Failure(
        [orders(READ_CD, WRITE_DISK, WRITE_DISK, RESTART), orders(SECOND, READ_CD, READ_CD, HANG)],
        "started the medium again",
    ),
    "restart-loop": Failure(
        [SETUP, *[orders(SECOND, RESTART)] * 5],
        "4 restarts and no first logon.*; setup's last error: 2026-11-22 .* The setting is unknown",
        left={f"{PANTHER}/SETUPERR.LOG": REFUSED, f"{PANTHER}/UNATTEND.XML": b"<ComputerName>LAB-GUEST</ComputerName>"},
    ),
    "answers-of-another": Failure(
        [SETUP, orders(HANG)],
        "no first logon .*; setup took another answer file than the lab's",
        HungError,
        "specialize",
        left={f"{PANTHER}/UNATTEND.XML": b"<ComputerName>SOMEBODY</ComputerName>"},
    ),
    "no-first-logon": Failure([SETUP, orders(HANG)], "without the lab's answer file", HungError, "specialize"),
    "another-cd": Failure([SETUP, provisioning("other")], "from another CD, that of 'other'"),
    "stage-failed": Failure(
        [SETUP, STARTED + report("failed", "winrm", "Access is denied.")], "failed in stage 'winrm': Access is denied"
    ),
    "stage-stopped": Failure(
        [SETUP, STARTED + report("begin", "defender") + orders(HANG)], "stopped in stage 'defender'", HungError, "stage"
    ),
    "gone-after-provisioning": Failure(
        [SETUP, provisioning() + orders(HANG)], "did not come back", HungError, "read_back"
    ),
    "nothing-read-back": Failure([SETUP, provisioning() + report("done", "check")], "told nothing of its settings"),
    "not-as-wanted": Failure(
        [SETUP, provisioning() + read_back(secure_boot=1, start_options="", pagefile_mb=100)],
        "test-signing is not active .*; kernel debugging is not .*; Secure Boot is on.*; the page file is too small",
    ),
    "not-our-answers": Failure(
        [SETUP, provisioning() + read_back(computer="DESKTOP-1234")], "without the lab's answer file"
    ),
    "switched-off": Failure([SETUP, orders(PAUSE, POWER_OFF)], "the guest switched itself off", GuestLostError),
    "off-before-winrm": Failure(
        [SETUP, provisioning() + read_back() + orders(PAUSE, POWER_OFF)],
        "phase 'guest reached over WinRM': the guest switched itself off",
        GuestLostError,
    ),
    "off-after-its-crash": Failure(
        [*SHORT[:2], orders(PAUSE, POWER_OFF)],
        "phase 'crash on purpose, dump written': the guest switched itself off",
        GuestLostError,
    ),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", FAILURES)
def test_an_installation_that_fails_says_where_and_why(built: Build, cache: Path, name: str) -> None:
    failure = FAILURES[name]
    hurried: dict[str, Any] = {failure.hurried: SOON} if failure.hurried else {}
    pace = replace(PACE, **hurried)
    with pytest.raises(failure.kind, match=failure.words) as failed:
        built(failure.scripts, starts=bool(failure.scripts), pace=pace, left=failure.left)
    assert str(failed.value).startswith("phase '")
    logs = cache / "images/windows-standin.log"
    for path, content in failure.left.items():
        assert (logs / path.rpartition("/")[2].lower()).read_bytes() == content
    assert f"pictures of the screen and logs: {logs}" in failed.value.advice
    assert not list((cache / "images").glob(".building*"))
    assert any((logs / "pictures").iterdir()) or "switched itself off" in failure.words


def admission_fails(built: Build, kind: type[LabError], words: str) -> None:
    with pytest.raises(kind, match=words):
        built(SHORT)


@pytest.mark.usefixtures("quick")
def test_a_guest_that_cannot_be_reached(built: Build, guest: StandInGuest) -> None:
    words = "phase 'guest reached over WinRM': .* cannot be reached .* its SSH port does not answer either"
    with pytest.raises(GuestLostError, match=words) as failed:
        built([SETUP, provisioning() + read_back() + orders(HANG)], pace=replace(PACE, read_back=SOON))
    assert "profile Public" in failed.value.advice
    assert guest.front
    assert guest.front.refused > 1


@pytest.mark.usefixtures("quick")
def test_a_guest_that_refuses_the_log_on(built: Build, guest: StandInGuest) -> None:
    guest.password = "another"
    admission_fails(built, InfrastructureError, "WinRM's port is open, but the log-on was refused")


@pytest.mark.usefixtures("quick")
def test_a_guest_with_a_wrong_clock(built: Build, guest: StandInGuest) -> None:
    guest.clock = -7200
    admission_fails(built, InfrastructureError, "the guest's clock is 7[12]0[0-9] s off")


class Told(Admission):
    """A guest that says this of its crash."""

    dump: dict[str, Any]

    def look(self) -> dict[str, Any]:
        return self.dump


@pytest.mark.parametrize(
    ("dump", "words"),
    [
        ({"size": 0, "head": "", "crashes": 0}, r"left no C:\\Windows\\MEMORY.DMP"),
        ({"size": 9, "head": "MDMP", "crashes": 1}, "begins with 'MDMP'"),
        ({"size": 9, "head": "PAGEDU64", "crashes": 0}, "the event log knows of no crash"),
    ],
)
def test_a_guest_that_leaves_no_dump(dump: dict[str, Any], words: str) -> None:
    guest = Told(Remote(1, 1, Credentials("lab", "", "")), lambda: None)
    guest.dump = dump
    with pytest.raises(InfrastructureError, match=words):
        guest.wait_for_dump(0.0)


@pytest.mark.usefixtures("quick")
def test_a_guest_that_stays_off_after_its_crash(built: Build) -> None:
    with pytest.raises(GuestLostError, match="switched itself off before Windows wrote its dump"):
        built([SETUP, orders(OFF_AT_NMI) + provisioning() + read_back() + ANSWERS])


@pytest.mark.usefixtures("quick")
def test_an_unsigned_driver_that_is_loaded_is_a_warning(built: Build, guest: StandInGuest) -> None:
    guest.unsigned = 0
    if not build.UNSIGNED.is_file():
        pytest.skip("no driver was built")
    directory, told = built(SHORT)
    assert "signatures are not enforced (debugger attached?)" in told
    assert "signatures are not enforced" in json.loads((directory / "manifest.json").read_text())["warnings"][-1]


def test_a_medium_without_windows_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "linux.iso").write_bytes(b"no disc" * 10_000)
    with pytest.raises(UsageError, match="is no ISO image"):
        build_image(Order(tmp_path / "linux.iso", "x"), Progress(Console(quiet=True)))


def test_an_evaluation_medium_takes_no_key(tmp_path: Path) -> None:
    write_medium(tmp_path / "win.iso", WIN10, b"", [], {})
    with pytest.raises(UsageError, match="setup refuses any product key"):
        build_image(Order(tmp_path / "win.iso", "x", key="A-B"), Progress(Console(quiet=True)))


def test_a_cd_without_virtio_drivers_is_told_before_anything_runs(tmp_path: Path) -> None:
    write_medium(tmp_path / "win.iso", WIN10, b"", [], {})
    order = Order(tmp_path / "win.iso", "x", virtio_iso=tmp_path / "win.iso")
    with pytest.raises(UsageError, match="has no drivers for Windows 10 22H2"):
        build_image(order, Progress(Console(quiet=True)))


def test_an_edition_without_a_published_key_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    write_medium(tmp_path / "win.iso", wim(element(1, "Windows 10 Home", "Core", 19041)), b"", [], {})
    told = io.StringIO()
    order = Order(tmp_path / "win.iso", "x", edition="Core", room=1 << 60)
    with pytest.raises(InfrastructureError, match="free"):
        build_image(order, Progress(Console(file=told, width=200)))
    assert "no generic key for Core" in told.getvalue()
