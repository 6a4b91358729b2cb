"""The virtual hardware that an image was made for, and how QEMU is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

DISK_NODE = "disk0"
VARIABLES_NODE = "variables0"
"""What UEFI keeps between boots, in the second flash chip."""
CODE_NODE = "firmware0"
CD_NODES = ("cd0", "cd1", "cd2")

ENLIGHTENMENTS = (
    *("hv-relaxed", "hv-vapic", "hv-spinlocks=0x1fff", "hv-vpindex", "hv-runtime", "hv-time", "hv-synic"),
    *("hv-stimer", "hv-frequencies", "hv-reset", "hv-tlbflush", "hv-ipi"),
)
"""Hyper-V interfaces that make Windows cheap to run under KVM. Not hv-crash, nor hv-passthrough that has it: QEMU would
hear of a bugcheck before Windows wrote its dump. Source: QEMU documentation, "Hyper-V Enlightenments"."""


class Firmware(StrEnum):
    """How the machine starts; a Windows disk's layout follows it."""

    BIOS = "bios"
    UEFI = "uefi"


class Disk(StrEnum):
    """What the system disk hangs on. Windows writes its crash dumps reliably only to AHCI."""

    VIRTIO = "virtio"
    AHCI = "ahci"


class Network(StrEnum):
    """The network card; Windows has a driver of its own for e1000e."""

    VIRTIO = "virtio"
    E1000E = "e1000e"


class Clock(StrEnum):
    """What the real-time clock holds: UTC, or the host's local time, as Windows takes it unless told otherwise."""

    UTC = "utc"
    LOCAL = "localtime"


@dataclass(frozen=True)
class Machine:
    """The virtual hardware that an image was made for; what is not said is as the Wine guest has it."""

    memory_mb: int
    smp: int
    cpu: str
    """QEMU's CPU model."""
    kvm_cpu: str = ""
    """The model under KVM; empty: the same."""
    firmware: Firmware = Firmware.BIOS
    disk: Disk = Disk.VIRTIO
    network: Network = Network.VIRTIO
    clock: Clock = Clock.UTC
    display: bool = False
    """A VGA card: Windows has no other console, and QEMU can take pictures of it."""
    enlightened: bool = False
    """It knows Hyper-V's interfaces."""
    reboots: bool = False
    """A reset starts the guest again, as it must to write its dump; otherwise it ends QEMU."""
    boot_seconds: int = 60
    """From power-on to an answer, at most; under emulation `EMULATION` times as long."""

    def model(self, accelerator: str) -> str:
        """The `-cpu` argument."""
        if accelerator != "kvm":
            return self.cpu
        extra = ENLIGHTENMENTS if self.enlightened else ()
        return ",".join((self.kvm_cpu or self.cpu, *extra))

    def boot_deadline(self, accelerator: str) -> float:
        """Seconds."""
        return float(self.boot_seconds * (1 if accelerator == "kvm" else EMULATION))

    def nodes(self) -> tuple[str, ...]:
        """The block nodes that the guest writes to: what a snapshot has to hold."""
        return (DISK_NODE, VARIABLES_NODE) if self.firmware is Firmware.UEFI else (DISK_NODE,)

    def to_json(self) -> dict[str, Any]:
        """What `machine_from_json` reads."""
        return asdict(self)


EMULATION = 4


def machine_from_json(data: Mapping[str, Any]) -> Machine:
    """Raises TypeError or ValueError for what is no description of a machine."""
    kinds = {"firmware": Firmware, "disk": Disk, "network": Network, "clock": Clock}
    values: dict[str, Any] = {name: kinds[name](value) if name in kinds else value for name, value in data.items()}
    return Machine(**values)


def hardware_arguments(machine: Machine, accelerator: str, cds: int = 0) -> list[str]:
    """QEMU's arguments for everything but files, ports and memory; `cds` drives are behind the disk in the boot order.

    Board, accelerated or not, is q35: Windows knows all of it. The first serial port (COM1) is the debugger's.
    """
    board = ["q35", "vmport=off"]
    if machine.firmware is Firmware.UEFI:
        board += [f"pflash0={CODE_NODE}", f"pflash1={VARIABLES_NODE}"]
    if machine.enlightened:
        board.append("hpet=off")
    return [
        *("-S", "-no-user-config", "-nodefaults", "-display", "none", "-machine", ",".join(board)),
        *_clock(machine, accelerator),
        *([] if machine.reboots else ["-no-reboot"]),
        *("-boot", "menu=off,strict=on"),
        *("-serial", "chardev:kd", "-serial", "chardev:console"),
        *_disk(machine.disk),
        *_drives(cds),
        *("-device", f"{_CARDS[machine.network]},netdev=net0,romfile="),
        *(["-device", "VGA"] if machine.display else []),
        # A guest that panics says so; what becomes of it then is its own affair: it may have a dump to write.
        *("-device", "pvpanic-pci", "-action", "panic=none"),
        # The guest is under test and may be hostile: QEMU may not start programs or gain rights.
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
    ]


_CARDS = {Network.VIRTIO: "virtio-net-pci", Network.E1000E: "e1000e"}


def _clock(machine: Machine, accelerator: str) -> list[str]:
    base = f"base={machine.clock},clock=host"
    if not machine.enlightened:
        return ["-rtc", base]
    # Neither sleep nor hibernation: the guest would leave the lab's snapshots behind.
    power = ["-global", "ICH9-LPC.disable_s3=1", "-global", "ICH9-LPC.disable_s4=1"]
    ticks = ["-global", "kvm-pit.lost_tick_policy=discard"] if accelerator == "kvm" else []
    return ["-rtc", f"{base},driftfix=slew", *power, *ticks]


def _disk(disk: Disk) -> Sequence[str]:
    # Number 0 is QEMU's own, for a kernel that it starts itself.
    device = "virtio-blk-pci" if disk is Disk.VIRTIO else "ide-hd,bus=ide.0"
    return ("-device", f"{device},drive={DISK_NODE},bootindex=1")


def _drives(count: int) -> list[str]:
    """On the board's own AHCI controller, whose every port is a bus; only the first drive is booted from."""
    arguments: list[str] = []
    for i, node in enumerate(CD_NODES[:count]):
        arguments += ["-device", f"ide-cd,bus=ide.{i + 1},drive={node}" + (",bootindex=2" if i == 0 else "")]
    return arguments
