"""Which QEMU accelerator really runs a guest on this host.

`/dev/kvm` may exist, open, and still run nothing (nested virtualization, an old CPU, a broken hypervisor below).
Only starting a guest tells, so a 512-byte boot sector (`probe.S`) is started under KVM and under TCG: it enters
64-bit mode, computes, and ends QEMU with a known status.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InfrastructureError

PROBE = Path(__file__).with_name("probe.bin")
PROBE_STATUS = 85
"""What isa-debug-exit makes of the 0x2a that the boot sector writes: (0x2a << 1) | 1."""
PROBE_DEADLINE = 5.0
KVM_DEVICE = Path("/dev/kvm")


@dataclass(frozen=True)
class Accelerator:
    """An accelerator and why it was chosen, in words for the user."""

    name: str
    reason: str

    @property
    def emulates(self) -> bool:
        """True when every guest instruction is emulated: times are an order of magnitude longer."""
        return self.name == "tcg"


@dataclass(frozen=True)
class Trial:
    """How one start of the boot sector went; `seconds` is only meaningful when it `works`."""

    works: bool
    seconds: float
    complaint: str = ""


def choose_accelerator(qemu: str, cpu: str, kvm_cpu: str = "") -> Accelerator:
    """Return KVM if it really runs a guest with this CPU model (`kvm_cpu`, if there is one), else TCG, with the reason.

    Raises InfrastructureError when not even TCG runs the boot sector: then QEMU itself is broken.
    """
    tcg = try_accelerator(qemu, "tcg", cpu)
    if not tcg.works:
        raise InfrastructureError(
            f"{qemu} cannot run even a 512-byte guest: {tcg.complaint}",
            "reinstall QEMU: apt-get install --reinstall qemu-system-x86",
        )
    if not KVM_DEVICE.exists():
        return Accelerator("tcg", "no /dev/kvm on this host")
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return Accelerator("tcg", "/dev/kvm is not accessible: add yourself to the group kvm")
    kvm = try_accelerator(qemu, "kvm", kvm_cpu or cpu)
    if not kvm.works:
        return Accelerator("tcg", f"/dev/kvm exists but runs no guest ({kvm.complaint})")
    if kvm.seconds > 1 + 3 * tcg.seconds:
        slow = f"{kvm.seconds:.1f} s against {tcg.seconds:.1f} s"
        return Accelerator("tcg", f"KVM is slower here than emulation ({slow} for the same guest)")
    return Accelerator("kvm", "KVM ran the probe guest")


def try_accelerator(qemu: str, accelerator: str, cpu: str, deadline: float = PROBE_DEADLINE) -> Trial:
    """Start the boot sector once; never raises for a guest that does not run."""
    command = [qemu, "-accel", accelerator, "-cpu", cpu, "-machine", "pc", "-m", "16", "-nodefaults"]
    command += ["-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-drive", f"file={PROBE},format=raw,if=floppy,readonly=on"]
    start = time.monotonic()
    try:
        ended = subprocess.run(command, capture_output=True, timeout=deadline, check=False, text=True)
    except subprocess.TimeoutExpired as expired:
        said = _first_line(expired.stderr or b"")
        return Trial(False, deadline, said or f"nothing within {deadline:.0f} s")
    except OSError as error:
        return Trial(False, 0.0, f"cannot start {qemu}: {error.strerror}")
    seconds = time.monotonic() - start
    if ended.returncode == PROBE_STATUS:
        return Trial(True, seconds)
    return Trial(False, seconds, _first_line(ended.stderr) or f"QEMU ended with status {ended.returncode}")


def _first_line(text: str | bytes) -> str:
    """First line that says something, without QEMU's own name and its warnings."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    for line in text.splitlines():
        if line.strip() and "warning:" not in line:
            return line.removeprefix("qemu-system-x86_64: ").removeprefix("error: ").strip()[:120]
    return ""
