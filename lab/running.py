"""A lab that is up: its guest, its kd log, its snapshots. What scenarios work with."""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.config import Config
from lab.crash.seen import CrashSeen, HangSeen, crash_of
from lab.debugger import Debugger
from lab.errors import CrashedError, GuestLostError, HungError, InfrastructureError, LabError, UsageError
from lab.evidence import TEXT_FILE, Evidence, Sources
from lab.guest.driver_file import inspect_driver
from lab.guest.guest import Guest
from lab.guest.remote import Remote
from lab.guest.restart import restart_guest
from lab.guest.restored import Restored, verify_guest
from lab.guest.services import TRAFFIC
from lab.guest.verifier_settings import VerifierSettings
from lab.guest.windows_look import look_at_windows
from lab.incidents import Incident, Kind, incidents_end, read_incidents, undone
from lab.machine.control import call
from lab.machine.expiry import expiry_warning
from lab.machine.image import Image
from lab.machine.instance import Instance
from lab.verifier import AT_BOOT, Verifier

if TYPE_CHECKING:
    from lab.scenario.model import Scenario

READY = "ready"
"""Snapshot: driver loaded, nothing run yet."""
BOOTED = "booted"
"""Snapshot: guest up, no driver yet."""
SNAPSHOT_DEADLINE = 180.0
RESTORED_DEADLINE = 60.0
MAX_CALLS = 8
"""Shown of a driver that crashed when it was loaded."""
TRAFFIC_PROGRAM = Path(__file__).resolve().parents[1] / "driver" / "build" / "traffic.exe"
BIN = r"C:\lab\bin"
DRIVERS = r"C:\lab\drivers"


def instance_of(config: Config) -> Instance:
    """The VM directory of this lab."""
    return Instance(config.root / ".lab" / config.vm)


def set_debugger(instance: Instance, settings: Debugger) -> dict[str, str]:
    """Make the kernel debugger of this VM treat the guest so. Returns what is served, as digests by guest path."""
    files = settings.files()
    call(instance, "kd-serve", files=files)
    call(instance, "kd-policy", policy=settings.policy())
    return {guest: _digest(Path(file)) for guest, file in files.items()}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class RunningLab:
    """Handle on a running lab; made by `lab.bringup`."""

    def __init__(
        self, config: Config, image: Image, status: dict[str, Any], how: str, restart: Callable[[], RunningLab]
    ) -> None:
        """`how` says in words how it came up; `restart` starts a VM that died."""
        self.config = config
        self.image = image
        self.instance = instance_of(config)
        self.traffic_program = TRAFFIC_PROGRAM
        self.how = how
        self._restart = restart
        self._claim = ExitStack()
        self._marked = 0
        self._incidents = 0
        """Where the incidents of the present scenario begin in their file."""
        self.restored: Restored | None = None
        """What the newest return to a snapshot was found to be."""
        self._served: dict[str, str] = {}
        self._attach(status)

    def _attach(self, status: dict[str, Any]) -> None:
        self.status = status
        ports = status["ports"]
        self._remote = Remote(ports["ssh"], ports["winrm"], self.image.credentials())
        self.guest = Guest(self._remote)
        self.logs = Path(status["logs"])

    def claim(self) -> None:
        """Be the only one that runs scenarios here until this process ends; put right what a killed run left.

        Raises InfrastructureError that names the process when another one runs scenarios.
        """
        self._claim.enter_context(self.instance.lock("scenarios", "another run of scenarios uses this lab"))
        if self.held_stop() is not None:
            what = "the guest is held at a stop in the kernel debugger"
            raise InfrastructureError(what, "let it go on: lab kd shell; or start anew: lab down; lab up")
        self.debugger(None)
        cut_off = call(self.instance, "status")["scenario"]
        if cut_off:
            self.recover(f"{cut_off} was cut off")
        self.heal()

    def release(self) -> None:
        """Let others run scenarios here."""
        self._claim.close()

    @property
    def remote(self) -> Remote:
        """Where the guest's services are, and who may use them."""
        return self._remote

    def another_guest(self) -> Guest:
        """The guest by connections of its own, for another thread."""
        return Guest(self._remote)

    def load_driver(self, name: str | None = None) -> None:
        """Load a driver of lab.yaml anew (the default one if not said).

        Raises UsageError, InfrastructureError; CrashedError with the calls that led there when it crashes by that.
        """
        name = name or self.config.default_driver
        remote = self.ensure_driver(name)
        driver = self.config.drivers[name]
        self._incidents = incidents_end(self.logs)
        try:
            result = self.guest.services.reload(driver.service, remote)
        except LabError:
            self._raise_crash(driver.file.name)
            raise
        if not result.ok:
            self._raise_crash(driver.file.name)
            raise InfrastructureError(
                f"the guest did not load {driver.file.name}: Win32 error {result.error}",
                f"see what the driver printed: {self.logs / 'kd.log'}",
            )

    def _raise_crash(self, name: str) -> None:
        """If the driver that was being loaded has crashed, leave what there is to see beside the kd log and say so."""
        crash = self.secure_crash(self.logs)
        if crash is not None:
            stack = crash.report.faulting if crash.report else None
            calls = [f"\n       {call}" for call in stack.calls[:MAX_CALLS]] if stack else []
            what = f"{name} crashed while it was loaded: {crash.reason}{''.join(calls)}"
            raise CrashedError(what, f"read the report: {self.logs / TEXT_FILE}")

    @property
    def kd_log(self) -> Path:
        """The kd log as JSON lines."""
        return self.logs / "kd.jsonl"

    @property
    def capabilities(self) -> frozenset[str]:
        """What this guest can do; scenarios name what they require."""
        return self.image.capabilities

    def mark(self, scenario: str | None, text: str) -> int:
        """Write a marker into the kd log: entries from here on belong to `scenario`. Returns its sequence number.

        A scenario's marker also begins its incidents.
        """
        if scenario is not None:
            self._incidents = incidents_end(self.logs)
        self._marked = int(call(self.instance, "mark", text=text, scenario=scenario)["seq"])
        return self._marked

    def sync(self, timeout: float) -> None:
        """Return when everything that the guest has printed is in the kd log. Raises HungError, GuestLostError."""
        call(self.instance, "sync", timeout=timeout + 5, within=timeout)

    def debugger(self, settings: Debugger | None) -> None:
        """Make the kernel debugger treat the guest so from now on; None: as lab.yaml says.

        Raises UsageError for a file to be served that is not there.
        """
        self._served = set_debugger(self.instance, settings or self.config.debugger)

    def held_stop(self) -> str | None:
        """The stop in the kernel debugger on which the guest is held now, in words; None while it runs."""
        held: str | None = call(self.instance, "status").get("held")
        return held

    def ensure_traffic(self) -> str:
        """Push the traffic program if it was built anew; return its path in the guest."""
        self.guest.push(self.traffic_program, TRAFFIC)
        return TRAFFIC

    def ensure_driver(self, name: str) -> str:
        """Push the driver image `name` of lab.yaml if it changed; return its path in the guest.

        Raises UsageError when lab.yaml has no such driver, or its file is missing or no driver for this guest.
        """
        if name not in self.config.drivers:
            known = ", ".join(self.config.drivers)
            raise UsageError(f"no driver {name!r} in {self.config.path}", f"it has: {known}")
        file = inspect_driver(self.config.drivers[name].file).path
        remote = rf"{DRIVERS}\{file.name}"
        if self.image.guest == "windows":
            from vm_images.windows.signing import signed_copy

            file = signed_copy(file)
        self.guest.push(file, remote)
        return remote

    def ensure_program(self, name: str) -> str:
        """Push the program `name` of lab.yaml if it changed; return its path in the guest."""
        if name not in self.config.programs:
            known = ", ".join(self.config.programs) or "none"
            raise UsageError(f"no program {name!r} in {self.config.path}", f"it has: {known}")
        remote = rf"{BIN}\{name}"
        self.guest.push(self.config.programs[name], remote)
        return remote

    def keep_inputs(self, scenario: Scenario, directory: Path) -> None:
        """Copy into a scenario's directory what it was run with, so that it can be run again from there."""
        from lab.replay.inputs import keep_inputs

        keep_inputs(directory, self.config, scenario, self.traffic_program)

    def restore(self) -> None:
        """Put the guest back to the ready snapshot, and return when it answers and was found to be that guest.

        Raises InfrastructureError when it is another one: not as it was when the snapshot was taken.
        """
        begin = time.monotonic()
        call(self.instance, "load", timeout=SNAPSHOT_DEADLINE, tag=READY)
        self.guest.forget()
        self.guest.wait_ready(RESTORED_DEADLINE)
        self.restored = self.verify(begin)

    def arrange_verifier(self, verifier: Verifier, driver: str) -> int | None:
        """Have a driver of lab.yaml checked as a scenario asks, and restart the guest if that needs it.

        Returns the flags in force; None for a guest whose scripts set them. Raises InfrastructureError.
        """
        if AT_BOOT not in self.capabilities:
            return None
        settings = VerifierSettings(self.guest, self.restart_guest)
        return settings.arrange(verifier.level(self.capabilities), self.config.drivers[driver].file.name)

    def verifier_in_force(self, driver: str) -> int:
        """The flags that a driver of lab.yaml, once loaded, is checked with by now. Raises InfrastructureError."""
        settings = VerifierSettings(self.guest, self.restart_guest)
        return settings.in_force(self.config.drivers[driver].file.name)

    def restart_guest(self) -> None:
        """Restart the guest from inside and return when it answers in another boot. Raises InfrastructureError."""
        within = self.image.machine.boot_deadline(self.status["accelerator"])
        restart_guest(self.guest, self.image.boot_id, within)

    def verify(self, begin: float) -> Restored:
        """Look whether this is the guest that the snapshot was taken of. `begin` is of `time.monotonic`."""
        details = call(self.instance, "status")["details"]
        look = None
        if self.image.guest == "windows":
            expiry_warning(self.image, datetime.datetime.now(datetime.UTC))  # Raises when it has ended.
            look = partial(look_at_windows, evaluation=self.image.expires is not None)
        return verify_guest(self.guest, self.image.boot_id, details.get("boot_id", ""), begin, look)

    def recover(self, reason: str) -> None:
        """Make the lab usable again after a crash or a hang; a VM that died is started again."""
        begin = time.monotonic()
        try:
            self.mark(None, f"recovering: {reason}")
            self.restore()
        except GuestLostError:
            fresh = self._restart()
            self.image = fresh.image
            self._attach(fresh.status)
            self.restored = self.verify(begin)

    def heal(self) -> None:
        """Put the guest back if it, or its driver's host, died while no scenario ran. Raises like `recover`."""
        left = undone(self.logs)
        if left:
            self.recover(f"{left[0].text}, with no scenario running")

    def incidents(self) -> list[Incident]:
        """What went wrong with the guest since the present scenario began, from every side, in order."""
        return list(read_incidents(self.logs, self._incidents))

    def crash_seen(self) -> CrashSeen | None:
        """The crash since the present scenario began, as far as it was told; None when there was none."""
        return crash_of(self.incidents())

    def secure_crash(self, directory: Path) -> CrashSeen | None:
        """Bring what the crash left into `directory`: report, what the debugger saw, dump. None: there was none."""
        return Evidence(self._sources(), directory).secure_crash()

    def await_scene(self, within: float = 60.0) -> None:
        """Wait until the debugger has looked at a crash: what it still asks must not meet a guest that is restored.

        Whoever secures the crash need not. Raises HungError.
        """
        deadline = time.monotonic() + within
        while not any(each.kind == Kind.SCENE and each.extras["final"] for each in self.incidents()):
            if time.monotonic() > deadline:
                raise HungError(f"the debugger saw no scene of the crash within {within:g} s")
            time.sleep(0.1)

    def secure_hang(self, directory: Path) -> HangSeen:
        """Stop a guest that hangs, and bring what is to be seen into `directory`. The guest may be dead afterwards."""
        return Evidence(self._sources(), directory).secure_hang(self.capabilities)

    def pulse(self) -> dict[str, float]:
        """What the guest has used up to now; see `VirtualMachine.pulse`."""
        return call(self.instance, "pulse")

    def _sources(self) -> Sources:
        drivers = dict.fromkeys(each.file.parent for each in self.config.drivers.values())
        return Sources(
            instance=self.instance,
            guest=self.guest,
            logs=self.logs,
            dumps=self.image.dumps,
            symbols=[*drivers, self.image.directory / "modules"],
            code=self.config.root,
            incidents=self.incidents,
        )

    def attestation(self) -> dict[str, Any]:
        """Where a result comes from: driver, image, accelerator, debugger state, versions."""
        drivers = {name: _digest(each.file) for name, each in self.config.drivers.items() if each.file.is_file()}
        now = call(self.instance, "status")
        return {
            "drivers": drivers,
            "served": self._served,
            "guest": self.image.guest,
            "image": self.image.digest,
            "image_built": self.image.built_at,
            "packages": self.image.packages,
            "accelerator": self.status["accelerator"],
            "kd": now["kd"],
            "restored": self.restored.to_json() if self.restored else None,
            "supervisor": now["pid"],
        }
