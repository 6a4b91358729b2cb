"""What the host concludes from what it sees: the firmware's texts, keys, and pictures; no machine is needed."""

from __future__ import annotations

import datetime

import pytest

from lab.errors import HungError, InfrastructureError
from vm_images.windows.course import differs
from vm_images.windows.installation import Installation, Phase, Seen
from vm_images.windows.judgement import expiry, lacking, warnings
from vm_images.windows.pace import Pace
from vm_images.windows.release import RELEASES

from .standin import GOOD

PACE = Pace()
FROM_CD = (
    b'BdsDxe: starting Boot0001 "UEFI QEMU DVD-ROM QM00003 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0)\r\n'
)
SHELL = (
    b'BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00003 " from PciRoot(0x0)/Pci(0x1F,0x2): Not Found\r\n'
    b'BdsDxe: loading Boot0003 "EFI Internal Shell" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)\r\n'
    b"UEFI Interactive Shell v2.2\r\nEDK II\r\n"
)
"""What OVMF of 2022 wrote to the serial port for a CD that cannot be started."""
WIN10 = RELEASES[0]
NOT_REQUIRED = ("revision", "signature_flags", "sshd", "updates_off", "licence")


@pytest.fixture
def installation() -> Installation:
    return Installation("x", [], PACE)


def test_keys_are_pressed_while_the_medium_asks_and_never_again(installation: Installation) -> None:
    installation.take(Seen(1))
    assert not installation.wants_key(1)
    installation.take(Seen(2, b"\x1b[2J" + FROM_CD[:40]))
    installation.take(Seen(3, FROM_CD[40:]))
    assert installation.wants_key(3)
    assert installation.wants_key(12)
    assert not installation.wants_key(14)
    installation.take(Seen(15, cd_read=PACE.cd_bytes))
    assert installation.phase is Phase.PREPARE
    assert not installation.wants_key(16)


def test_a_prompt_that_nobody_answered_leads_to_the_shell(installation: Installation) -> None:
    installation.take(Seen(1, FROM_CD))
    installation.wants_key(1)
    with pytest.raises(InfrastructureError, match="no key was accepted at 'Press any key'"):
        installation.take(Seen(9, SHELL))


def test_a_medium_that_uefi_does_not_start(installation: Installation) -> None:
    with pytest.raises(InfrastructureError, match="found nothing to start on the medium"):
        installation.take(Seen(9, SHELL))


def test_a_medium_that_was_started_and_is_not_read(installation: Installation) -> None:
    installation.take(Seen(1, FROM_CD))
    installation.wants_key(1)
    with pytest.raises(HungError, match="no key was accepted"):
        installation.take(Seen(PACE.firmware + 1))


def test_a_blinking_cursor_is_no_progress_and_a_new_page_is() -> None:
    page = bytes(640 * 400 * 3)
    cursor = page[:3000] + b"\xff" * 27 + page[3027:]
    assert not differs(page, cursor)
    assert differs(page, bytes(300_000) + b"\xff" * 10_000 + bytes(len(page) - 310_000))
    assert differs(b"", page)


def test_what_was_read_between_two_looks_counts_for_the_start_after_the_restart(installation: Installation) -> None:
    read, written = PACE.cd_bytes, PACE.disk_bytes
    installation.take(Seen(1, cd_read=read))
    installation.take(Seen(2, cd_read=read, disk_written=written))
    assert installation.phase is Phase.COPY
    with pytest.raises(InfrastructureError, match="started the medium again"):
        installation.take(Seen(3, cd_read=2 * read, disk_written=written, resets=1))


def test_a_setup_that_did_everything_between_two_looks(installation: Installation) -> None:
    installation.take(Seen(1, cd_read=PACE.cd_bytes, disk_written=PACE.disk_bytes, resets=1))
    assert installation.passed == [Phase.FIRMWARE, Phase.PREPARE, Phase.COPY, Phase.SPECIALIZE]


def test_a_good_guest_lacks_nothing() -> None:
    assert lacking(GOOD, WIN10) == []
    assert warnings({**GOOD, "sshd": "Running"}) == []


def test_what_a_lab_can_live_with_is_told() -> None:
    poor = {**GOOD, "realtime_scan": True, "signature_flags": None, "sshd": None, "updates_off": None}
    assert [each.split(":")[0].split("(")[0].strip() for each in warnings(poor)] == [
        "Defender still scans files as they are opened",
        "signatures of drivers are not enforced while a kernel debugger is attached",
        "no OpenSSH server",
        "Windows Update is not switched off; the guest has no way out to it",
    ]


@pytest.mark.parametrize("answer", [key for key in GOOD if key not in NOT_REQUIRED])
def test_an_answer_that_cannot_be_read_does_not_hold(answer: str) -> None:
    unreadable = {**GOOD, answer: "unreadable: Access is denied."}
    assert lacking(unreadable, WIN10)


def test_another_build_than_the_medium_s_is_told() -> None:
    assert lacking({**GOOD, "build": 26100}, WIN10) == ["the installed build is 26100, not Windows 10 22H2's"]


def test_a_medium_may_name_the_build_before_its_enablement_package() -> None:
    releases = {each.name: each for each in RELEASES}
    for name, build in (("win10-22h2", 19045), ("win11-23h2", 22631), ("win11-24h2", 26200)):
        assert lacking({**GOOD, "build": build}, releases[name]) == []


def test_only_an_evaluation_ends() -> None:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert expiry(GOOD, True, now) == now + datetime.timedelta(days=90)
    assert expiry(GOOD, False, now) is None
    for licence in (None, {}, {"minutes_left": "many"}, {"minutes_left": -1}, {"minutes_left": 1 << 60}):
        assert expiry({**GOOD, "licence": licence}, True, now) is None
