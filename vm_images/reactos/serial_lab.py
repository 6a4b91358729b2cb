"""A lab whose guest has one way in, a CD, and one way out, a serial port: enough to judge one scenario."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.config import Config
from lab.crash.seen import CrashSeen, HangSeen
from lab.debugger import Debugger
from lab.errors import GuestLostError, HungError, InfrastructureError, UsageError
from lab.guest.services import TRAFFIC
from lab.incidents import Incident
from lab.kd.client import KdClient
from lab.kd.log import KdLog
from lab.kd.transport import UnixTransport
from lab.machine.accelerator import choose_accelerator
from lab.machine.hardware import Machine
from lab.machine.overlay import qemu_img
from lab.machine.qemu import KD_SOCKET, OVERLAY, VmSpec, find_qemu, free_ports
from lab.running import BIN, DRIVERS
from lab.scenario.model import Scenario
from lab.verifier import Verifier
from vm_images.reactos.medium import write_medium
from vm_images.reactos.profile import CAPABILITIES, MACHINE
from vm_images.windows.install_vm import InstallVm

BEGIN, END = "LAB-BEGIN", "LAB-END "
DISK = "8G"
CD = "reactos.iso"
LOOK = 0.1
MAX_LINE = 1 << 20
"""Of what the guest says on COM2: the rest of a longer line is dropped."""


class SerialGuest:
    """Collects what goes onto the CD; its one command starts the machine and reads COM2."""

    def __init__(self, lab: SerialLab) -> None:
        self._lab = lab

    def put(self, data: bytes | Path, remote: str) -> None:
        """The file will be on the CD."""
        self._lab.files[remote] = data.read_bytes() if isinstance(data, Path) else data

    def stream(self, argv: list[str], on_line: Callable[[str], None], timeout: float) -> int:
        """Install the guest and perform the script that was put; lines as they come, the exit code at their end."""
        if argv[:2] != [TRAFFIC, "run"]:
            raise InfrastructureError(f"this guest runs nothing but its script, not {argv[0]}")
        self._lab.files[r"C:\lab\run\script.txt"] = self._lab.files[argv[2]]
        return asyncio.run(self._lab.perform(on_line, timeout))

    def fetch(self, remote: str, to: Path, within: float) -> None:  # noqa: ARG002
        raise InfrastructureError(f"{remote} cannot be had: nothing comes out of this guest but its serial ports")


def _exit_code(text: str) -> int:
    """Of the script; 1 for what is no exit code of Windows."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(0xFFFFFFFF)) else 1


class SerialLab:
    """For one scenario; a second one needs another. Close it."""

    def __init__(self, config: Config, iso: Path, traffic: Path, directory: Path, machine: Machine = MACHINE) -> None:
        """`iso` is a ReactOS boot CD; `config` and the `traffic` program fit it.

        `directory` is empty; it gets disk, CDs and logs.
        """
        self.config = config
        self.files: dict[str, bytes] = {}
        self.capabilities = CAPABILITIES
        self.guest = SerialGuest(self)
        self._iso = iso
        self._traffic = traffic
        self._directory = directory
        self._machine = machine
        self._log = KdLog(directory)
        self._accelerator = ""

    @property
    def kd_log(self) -> Path:
        return self._directory / "kd.jsonl"

    def close(self) -> None:
        """Keep the logs, drop the rest."""
        self._log.close()
        for name in (OVERLAY, CD):
            (self._directory / name).unlink(missing_ok=True)

    async def perform(self, on_line: Callable[[str], None], timeout: float) -> int:
        """Boot, wait for the script's beginning and end. Raises HungError, GuestLostError."""
        spec = self._spec()
        boot = self._machine.boot_deadline(spec.accelerator)
        vm = InstallVm(spec, self._directory)
        kd: KdClient | None = None
        try:
            await vm.start()
            kd = KdClient(UnixTransport(self._directory / KD_SOCKET), self._log)
            kd.start()
            return await self._read(vm, on_line, boot, timeout)
        finally:
            if kd:
                await asyncio.to_thread(kd.close)
            await vm.close()
            self._log.flush()

    async def _read(self, vm: InstallVm, on_line: Callable[[str], None], boot: float, timeout: float) -> int:
        begin = time.monotonic()
        deadline, begun, rest = begin + boot, False, b""
        while time.monotonic() < deadline:
            seen = await vm.look(time.monotonic() - begin, "")
            *lines, rest = (rest + seen.serial).split(b"\n")
            rest = rest[:MAX_LINE]
            for line in (each.strip().decode("utf-8", "replace") for each in lines):
                if line == BEGIN:
                    begun, deadline = True, time.monotonic() + timeout
                elif begun and line.startswith(END):
                    return _exit_code(line.removeprefix(END))
                elif begun and line:
                    on_line(line)
            await asyncio.sleep(LOOK)
        if begun:
            raise HungError(f"the script did not end within {timeout:.0f} s")
        what = f"ReactOS did not come to its first logon within {boot:.0f} s"
        raise GuestLostError(what, f"see {self.kd_log} and console.log beside it")

    def _spec(self) -> VmSpec:
        qemu, version = find_qemu()
        accelerator = choose_accelerator(qemu, self._machine.cpu)
        self._accelerator = accelerator.name
        qemu_img("create", "-q", "-f", "qcow2", str(self._directory / OVERLAY), DISK)
        write_medium(self._iso, self._directory / CD, self.files)
        ssh, winrm = free_ports(2)
        return VmSpec(
            qemu=qemu,
            qemu_version=version,
            accelerator=accelerator.name,
            accelerator_reason=accelerator.reason,
            machine=self._machine,
            base="",
            image_digest="",
            ssh_port=ssh,
            winrm_port=winrm,
            log_directory=str(self._directory),
            cds=(str(self._directory / CD),),
        )

    # --- what a scenario asks of any lab ---

    def ensure_traffic(self) -> str:
        self.guest.put(self._traffic, TRAFFIC)
        return TRAFFIC

    def ensure_driver(self, name: str) -> str:
        file = self.config.drivers[name].file
        self.guest.put(file, rf"{DRIVERS}\{file.name}")
        return rf"{DRIVERS}\{file.name}"

    def ensure_program(self, name: str) -> str:
        if name not in self.config.programs:
            raise UsageError(f"no program {name!r} in {self.config.path}")
        self.guest.put(self.config.programs[name], rf"{BIN}\{name}")
        return rf"{BIN}\{name}"

    def arrange_verifier(self, verifier: Verifier, driver: str) -> int | None:  # noqa: ARG002
        return None

    def verifier_in_force(self, driver: str) -> int:  # noqa: ARG002
        return 0

    def mark(self, scenario: str | None, text: str) -> int:
        return self._log.marker(text, scenario=scenario)

    def sync(self, timeout: float) -> None:  # noqa: ARG002
        self._log.flush()

    def debugger(self, settings: Debugger | None) -> None: ...

    def held_stop(self) -> str | None:
        return None

    def keep_inputs(self, scenario: Scenario, directory: Path) -> None:  # noqa: ARG002
        shutil.copyfile(self.config.path, directory / "lab.yaml")

    def restore(self) -> None:
        raise InfrastructureError("this guest has no snapshot")

    def recover(self, reason: str) -> None: ...

    def heal(self) -> None: ...

    def incidents(self) -> list[Incident]:
        return []

    def crash_seen(self) -> CrashSeen | None:
        return None

    def secure_crash(self, directory: Path) -> CrashSeen | None:  # noqa: ARG002
        return None

    def secure_hang(self, directory: Path) -> HangSeen:  # noqa: ARG002
        return HangSeen()

    def pulse(self) -> dict[str, float]:
        return {"cpu": 0.0, "waited": 0.0, "disk": 0.0}

    def attestation(self) -> dict[str, Any]:
        return {"guest": "reactos", "medium": self._iso.name, "accelerator": self._accelerator}
