"""The machine that Windows is installed and run on."""

from __future__ import annotations

from lab.machine.hardware import Disk, Machine, Network
from vm_images.windows.release import Release

KVM_CPU = "host,vmx=off,svm=off"
"""Without virtualization of its own Windows cannot start the hypervisor that keeps test drivers out (VBS, HVCI)."""
EMULATED_CPU = (
    "Skylake-Client-v4,-pcid,-tsc-deadline,-invpcid,-spec-ctrl,-xsavec,-xsaves,-x2apic,-rdseed,-3dnowprefetch"
)
"""Has POPCNT and SSE4.2, without which Windows 11 24H2 does not start; without what QEMU cannot emulate."""
BOOT_SECONDS = 600


def windows_machine(release: Release) -> Machine:
    """With drivers that every Windows brings along, so that nothing has to be added to its medium.

    The clock is UTC, which is the local time of the guest: its answer file sets that time zone.
    """
    return Machine(
        memory_mb=release.memory_mb,
        smp=2,
        cpu=EMULATED_CPU,
        kvm_cpu=KVM_CPU,
        firmware=release.firmware,
        disk=Disk.AHCI,
        network=Network.E1000E,
        display=True,
        enlightened=True,
        reboots=True,
        boot_seconds=BOOT_SECONDS,
    )
