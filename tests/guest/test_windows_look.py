"""What is looked at in a Windows guest at each return to a snapshot; a stand-in runs the script's part."""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from lab.errors import InfrastructureError
from lab.guest.restored import verify_guest
from lab.guest.windows_look import SCRIPT, WindowsLook, look_at_windows

SET = "Verifier Flags: 0x00000009\nVerified Drivers:\n\n  example.sys\n"
UNSET = "Verifier Flags: 0x00000000\nVerified Drivers:\n\n  None\n"
ACTIVE = "Verifier Flags: 0x00000009\n\n  MODULE: example.sys (load: 1 / unload: 0)\n"
GOOD = {
    "booted": "2026-11-22T00:00:00.0000000Z",
    "start_options": " NOEXECUTE=OPTIN  TESTSIGNING  DEBUG  DEBUGPORT=COM1",
    "signature_flags": 16,
    "minutes_left": 129600,
    "verifier_set": UNSET,
    "verifier_active": "No drivers are currently verified.",
}


class WindowsGuest:
    """Its clock is ahead by `ahead` seconds; what it says else is in `answer`."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.may_set_clock = True
        self.answer: dict[str, Any] = dict(GOOD)
        self.looks = 0

    def stream(self, argv: list[str], on_line: Callable[[str], None], _timeout: float) -> int:
        script = base64.b64decode(argv[-1]).decode("utf-16-le")
        adjust = re.search(r"FromMilliseconds\((-?\d+)\)", script)
        assert adjust
        self.looks += 1
        if self.may_set_clock:
            self.ahead += int(adjust.group(1)) / 1000
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.ahead)
        on_line(f"LAB-CLOCK {now.replace(tzinfo=None).isoformat(timespec='microseconds')}7Z")
        on_line("LAB-LOOK " + json.dumps(self.answer))
        return 0

    def get(self, _remote: str) -> bytes:
        return b"boot 1\r\n"

    def pushed(self) -> dict[str, str]:
        return {}


@pytest.fixture
def guest() -> WindowsGuest:
    return WindowsGuest()


def look(guest: WindowsGuest, evaluation: bool = True) -> WindowsLook:
    return look_at_windows(guest, evaluation=evaluation)  # type: ignore[arg-type]


def test_the_script_is_powershell() -> None:
    tree = Parser(Language(tree_sitter_powershell.language())).parse(SCRIPT.format(milliseconds=-5).encode())
    assert not tree.root_node.has_error


def test_a_good_guest_is_looked_at_once(guest: WindowsGuest) -> None:
    found = look(guest)
    assert abs(found.clock_difference) < 1
    assert (found.corrected, found.test_signing, found.debugging, found.enforces_signatures) == (0, True, True, True)
    assert (found.minutes_left, found.verified, guest.looks) == (129600, (), 1)


@pytest.mark.parametrize("ahead", [-86400.0, 7200.0])
def test_a_clock_that_goes_on_from_the_snapshot_is_put_right(guest: WindowsGuest, ahead: float) -> None:
    guest.ahead = ahead
    found = look(guest)
    assert abs(found.clock_difference) < 1
    assert found.corrected == pytest.approx(-ahead, abs=1)
    assert guest.looks == 2


def test_a_clock_that_stays_wrong_is_told(guest: WindowsGuest) -> None:
    guest.ahead, guest.may_set_clock = -600, False
    with pytest.raises(InfrastructureError, match="clock is -600 s off"):
        look(guest)


def test_only_an_evaluation_runs_out(guest: WindowsGuest) -> None:
    guest.answer["minutes_left"] = 0
    assert look(guest, evaluation=False).minutes_left == 0
    with pytest.raises(InfrastructureError, match="evaluation licence has run out"):
        look(guest)


def test_a_driver_verifier_that_is_set_must_be_active(guest: WindowsGuest) -> None:
    guest.answer |= {"verifier_set": SET, "verifier_active": ACTIVE}
    assert look(guest).verified == ("example.sys",)
    guest.answer["verifier_active"] = "No drivers are currently verified."
    with pytest.raises(InfrastructureError, match="but not active: the guest was not restarted"):
        look(guest)


def test_signatures_are_not_enforced_by_default(guest: WindowsGuest) -> None:
    guest.answer["signature_flags"] = None
    assert look(guest).to_json()["enforces_signatures"] is False


def test_a_guest_that_says_nothing_is_told(guest: WindowsGuest) -> None:
    guest.stream = lambda *_: 1  # type: ignore[method-assign]
    with pytest.raises(InfrastructureError, match=r"did not say how it is \(PowerShell's exit code 1\)"):
        look(guest)


def test_what_was_found_is_in_each_result(guest: WindowsGuest) -> None:
    restored = verify_guest(guest, r"C:\lab\boot-id", "boot 1", 0.0, look)  # type: ignore[arg-type]
    assert restored.to_json()["windows"]["licence_minutes_left"] == 129600
    assert restored.clock_difference == restored.windows.clock_difference if restored.windows else False
