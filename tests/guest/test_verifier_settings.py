"""Driver Verifier on Windows: what verifier.exe prints in its several forms, and when the guest has to be restarted."""

from __future__ import annotations

import pytest

from lab.errors import GuestLostError, InfrastructureError
from lab.guest.restart import restart_guest
from lab.guest.verifier_settings import LOW_RESOURCES, Settings, VerifierSettings, read_active, read_settings
from lab.guest.winrm import CommandResult
from lab.verifier import AT_BOOT, Verifier

NEW = """
Verifier Flags: 0x00000009

  Standard Flags:

    [X] 0x00000001 Special pool
    [ ] 0x00000002 Force IRQL checking
    [X] 0x00000008 Pool tracking
    [ ] 0x00000010 I/O verification

  Additional Flags:

    [ ] 0x00000004 Randomized low resources simulation

    [X] Indicates flag is enabled

Boot Mode:

  Persistent

Verified Drivers:

  example.sys
  Other-Driver.SYS
"""
MARKED = "  [X] (0x00000001) Special pool\n  [X] (0x00020000) DDI compliance checking\n\nVerified Drivers:\n\n  a.sys\n"
OLD = """
Special pool: Disabled
Pool tracking: Enabled
Force IRQL checking: Disabled
Low resources simulation: Enabled
Miscellaneous checks: Disabled

Verified drivers:

blah.sys
"""
LOW = """
Verifier Flags: 0x00000004

Low Resources Simulation options:

- Use default fault injection probability.
- Allocations using any pool tag can be failed.
- Boot time delay: 1 minutes.

Verified Drivers:

  example.sys
"""
NOTHING = "Verifier Flags: 0x00000000\n\nVerified Drivers:\n\n  None\n"


@pytest.mark.parametrize(
    ("text", "flags", "drivers"),
    [
        (NEW, 0x9, {"example.sys", "other-driver.sys"}),
        (MARKED, 0x20001, {"a.sys"}),
        (OLD, 0xC, {"blah.sys"}),
        (LOW, 0x4, {"example.sys"}),
        (NOTHING, 0, set()),
        (NEW.replace("\n", "\r\n"), 0x9, {"example.sys", "other-driver.sys"}),
    ],
)
def test_each_form_of_the_settings_is_read(text: str, flags: int, drivers: set[str]) -> None:
    settings = read_settings(text)
    assert (settings.flags, set(settings.drivers)) == (flags, drivers)


@pytest.mark.parametrize("text", ["", "Access is denied.", "Verified Drivers:\n\n x.sys", "Flags: 0x1"])
def test_what_is_no_answer_is_told(text: str) -> None:
    with pytest.raises(InfrastructureError, match="cannot be understood"):
        read_settings(text)


ACTIVE = """
Time Stamp: 11/22/2026 00:01:02.000

Verifier Flags: 0x00120009

Driver Verification List

  MODULE: example.sys (load: 1 / unload: 0)

    Pool Allocation Statistics: ( NonPagedPool / PagedPool )

  MODULE: other.sys (load: 0 / unload: 0)
"""


def test_only_a_driver_that_was_loaded_is_checked() -> None:
    settings = read_active(ACTIVE)
    assert settings == Settings(0x120009, frozenset({"example.sys"}))
    assert read_active("\r\nNo drivers are currently verified.\r\n") == Settings(0, frozenset())
    with pytest.raises(InfrastructureError, match="cannot be understood"):
        read_active("Access is denied.")


def test_bits_that_windows_adds_are_not_compared(guest: WindowsGuest, settings: VerifierSettings) -> None:
    guest.active = ACTIVE
    assert settings.in_force("Example.sys") == 0x20009
    assert settings.in_force("other.sys") == 0


INTERNAL = 0x100000
"""A bit of Windows' own, beside the flags that it was told."""


class WindowsGuest:
    """Has a Driver Verifier and a boot id that behave as documented."""

    def __init__(self) -> None:
        self.wanted: tuple[int, str] = (0, "")
        self.commands: list[list[str]] = []
        self.boots = 1
        self.restarts = True
        self.refuses = False
        self.active = ""

    def run(self, argv: list[str], _timeout: float) -> CommandResult:
        self.commands.append(argv[1:])
        if argv[0] == "shutdown.exe":
            self.boots += self.restarts
            raise GuestLostError("the connection broke")
        assert argv[0] == "verifier.exe"
        if argv[1] == "/query":
            return CommandResult(self.active, "", 0)
        if argv[1] == "/querysettings":
            flags, driver = self.wanted
            flags |= INTERNAL if flags else 0
            return CommandResult(f"Verifier Flags: {flags:#010x}\nVerified Drivers:\n\n  {driver or 'None'}\n", "", 0)
        if self.refuses:
            return CommandResult("Access is denied.", "", 1)
        if "/driver" in argv:
            flags = int(argv[argv.index("/flags") + 1], 16) if "/flags" in argv else 0
            self.wanted = (flags | (LOW_RESOURCES if "/faults" in argv else 0), argv[-1])
        elif argv[1] == "/reset":
            self.wanted = (0, "")
        return CommandResult("", "", 2)

    def get(self, remote: str) -> bytes:
        assert remote == r"C:\lab\boot-id"
        return f"boot {self.boots}\r\n".encode()

    def forget(self) -> None: ...

    def wait_ready(self, _deadline: float) -> None: ...

    def restart(self) -> None:
        restart_guest(self, r"C:\lab\boot-id", 0.0, poll=0.0)  # type: ignore[arg-type]


@pytest.fixture
def guest() -> WindowsGuest:
    return WindowsGuest()


@pytest.fixture
def settings(guest: WindowsGuest) -> VerifierSettings:
    return VerifierSettings(guest, guest.restart)  # type: ignore[arg-type]


def test_a_guest_is_restarted_once_for_new_settings_and_never_for_the_same(
    guest: WindowsGuest, settings: VerifierSettings
) -> None:
    assert settings.arrange(0x9, "example.sys") == 0x9
    assert guest.boots == 2
    assert ["/bootmode", "resetonbootfail"] in guest.commands
    assert settings.arrange(0x9, "EXAMPLE.sys") == 0x9
    assert guest.boots == 2
    assert settings.arrange(0x1, "example.sys") == 0x1
    assert guest.boots == 3
    assert settings.arrange(0, "example.sys") == 0
    assert guest.boots == 4
    assert settings.arrange(0, "example.sys") == 0
    assert guest.boots == 4


@pytest.mark.parametrize(("level", "others"), [(0x4, []), (0xD, ["/flags", "0x9"])])
def test_low_resources_begin_a_minute_after_the_start(
    guest: WindowsGuest, settings: VerifierSettings, level: int, others: list[str]
) -> None:
    assert settings.arrange(level, "example.sys") == level
    assert [*others, "/faults", '""', '""', '""', "1", "/driver", "example.sys"] in guest.commands
    assert guest.boots == 2


def test_another_driver_is_not_left_checked(guest: WindowsGuest, settings: VerifierSettings) -> None:
    guest.wanted = (0x9, "other.sys")
    assert settings.arrange(0x9, "example.sys") == 0x9
    assert guest.wanted == (0x9, "example.sys")
    guest.wanted = (0x9, "other.sys")
    assert settings.arrange(0, "example.sys") == 0
    assert guest.wanted == (0, "")


def test_a_restart_that_did_not_happen_is_told_though_the_guest_answers(
    guest: WindowsGuest, settings: VerifierSettings
) -> None:
    guest.restarts = False
    with pytest.raises(InfrastructureError, match="not restarted within 0 s: it is in the same boot"):
        settings.arrange(0x9, "example.sys")


def test_a_verifier_that_refuses_is_told(guest: WindowsGuest, settings: VerifierSettings) -> None:
    guest.refuses = True
    with pytest.raises(InfrastructureError, match="exit code 1: Access is denied"):
        settings.arrange(0x9, "example.sys")


def test_scripts_say_nothing_to_a_guest_whose_settings_are_made_before() -> None:
    verifier = Verifier("standard")
    assert verifier.tokens({"driver-verifier", "verifier-special-pool"})
    assert verifier.tokens({"driver-verifier", "verifier-special-pool", AT_BOOT}) == ()
