"""What guests can do, by name: images list what they have, scenarios what they require."""

from __future__ import annotations

CAPABILITIES = {
    "bugcheck": "KeBugCheckEx reaches the debugger with its parameters",
    "cleanup-irp": "the driver gets CLEANUP when the last handle is closed",
    "concurrent-dispatch": "requests of several processes are in the driver at the same time",
    "crash-dump": "a crash leaves a dump file in the guest",
    "create-status": "a failing CREATE lets CreateFile fail, with the driver's status",
    "debug-string": "what a program gives to OutputDebugString reaches the kernel debugger",
    "deferred-unload": "a stopped driver is unloaded after its last handle is closed",
    "driver-verifier": "Driver Verifier can watch the driver",
    "ioctl-access": "the access in an IOCTL code is checked against the handle's",
    "irql": "the interrupt request level is real",
    "kd-modules": "loads and unloads reach the debugger",
    "kd-print": "DbgPrint reaches the debugger",
    "names-below-device": r"names below a device (\\.\Device\NAME) can be opened",
    "nmi-crash": "an NMI makes the kernel crash, whatever it is doing",
    "other-users": "a process can run as a user who is no administrator",
    "print-process": "each print says which user process it was made for",
    "schedule-fuzzing": "threads of the driver can be preempted by a seed",
    "sftp": "files can be copied over SSH",
    "user-buffers": "with neither buffered nor direct I/O the driver sees the caller's own pointers",
    "verifier-at-boot": "Driver Verifier's settings are those of the boot: the guest is restarted for other ones",
    "verifier-deadlock": "Driver Verifier finds locks that are taken in different orders",
    "verifier-io": "Driver Verifier watches what happens to IRPs",
    "verifier-irql": "Driver Verifier takes paged pool away at a raised IRQL",
    "verifier-pool-tracking": "Driver Verifier finds what a driver leaks until it is unloaded",
    "verifier-special-pool": "Driver Verifier finds overruns of pool memory, and its use after it was freed",
    "winrm": "commands run over WinRM",
}
