"""QEMU's command line for a guest, and what identifies the machine that it describes."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.errors import InfrastructureError

GUEST_ADDRESS = "10.0.2.15"
GUEST_SSH = 22
GUEST_WINRM = 5985

# Inside the instance directory. QEMU and the supervisor run there, so that socket paths stay short.
OVERLAY = "overlay.qcow2"
QMP_SOCKET = "qmp.sock"
KD_SOCKET = "kd.sock"
KD_RAW = "kd.raw"
CONSOLE_LOG = "console.log"

DISK_NODE = "disk0"
PORT_REFUSED = "host forwarding rule"
"""In QEMU's words when a port of the host is taken."""


@dataclass(frozen=True)
class VmSpec:
    """Everything that a supervisor needs to start a VM; travels as JSON."""

    qemu: str
    qemu_version: str
    accelerator: str
    accelerator_reason: str
    cpu: str
    memory_mb: int
    smp: int
    kernel: str
    initrd: str
    append: str
    base: str
    image_digest: str
    ssh_port: int
    winrm_port: int
    log_directory: str

    def machine_key(self) -> str:
        """Digest of all that a memory snapshot depends on; ports and paths do not count."""
        parts = [self.qemu_version, self.accelerator, self.cpu, self.memory_mb, self.smp, self.append]
        parts += [self.image_digest, *_hardware()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def load_spec(path: Path) -> VmSpec:
    """Read what `VmSpec.save` wrote."""
    return VmSpec(**json.loads(path.read_text()))


def command_line(spec: VmSpec) -> list[str]:
    """The QEMU command for `spec`, stopped at start (-S), to be run inside the instance directory.

    The KD port is the first serial port (COM1), as on a Windows target; the console is the second.
    """
    forwards = "".join(
        f",hostfwd=tcp:127.0.0.1:{port}-{GUEST_ADDRESS}:{inside}"
        for port, inside in ((spec.ssh_port, GUEST_SSH), (spec.winrm_port, GUEST_WINRM))
    )
    return [
        spec.qemu,
        *("-accel", spec.accelerator, "-cpu", spec.cpu, "-m", str(spec.memory_mb), "-smp", str(spec.smp)),
        *("-kernel", spec.kernel, "-initrd", spec.initrd, "-append", spec.append),
        *("-chardev", f"socket,id=kd,path={KD_SOCKET},server=on,wait=off,logfile={KD_RAW},logappend=on"),
        *("-chardev", f"file,id=console,path={CONSOLE_LOG},append=on"),
        *("-netdev", f"user,id=net0,restrict=on{forwards}"),
        *("-blockdev", json.dumps(_disk())),
        *("-chardev", f"socket,id=qmp,path={QMP_SOCKET},server=on,wait=off", "-mon", "qmp,mode=control"),
        *_hardware(),
    ]


def _hardware() -> list[str]:
    return [
        *("-S", "-no-user-config", "-nodefaults", "-display", "none", "-machine", "q35,vmport=off"),
        *("-rtc", "base=utc,clock=host", "-no-reboot"),
        *("-serial", "chardev:kd", "-serial", "chardev:console"),
        *("-device", f"virtio-blk-pci,drive={DISK_NODE}"),
        *("-device", "virtio-net-pci,netdev=net0,romfile="),
        # A guest that panics says so; what becomes of it then is its own affair: it may have a dump to write.
        *("-device", "pvpanic-pci", "-action", "panic=none"),
        # The guest is under test and may be hostile: QEMU may not start programs or gain rights.
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
    ]


def _disk() -> dict[str, object]:
    # The overlay is disposable: losing it with the host's power costs one cold boot, so flushes are skipped.
    file = {"driver": "file", "filename": OVERLAY}
    return {"driver": "qcow2", "node-name": DISK_NODE, "file": file, "cache": {"no-flush": True}}


def find_qemu() -> tuple[str, str]:
    """Path and version line of QEMU. Raises InfrastructureError when it is not installed or does not run."""
    path = shutil.which("qemu-system-x86_64")
    if not path:
        raise InfrastructureError("qemu-system-x86_64 is not installed", "apt-get install qemu-system-x86 qemu-utils")
    try:
        ran = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(
            f"{path} does not run: {error}", "reinstall it: apt-get install --reinstall qemu-system-x86"
        ) from None
    return path, ran.stdout.splitlines()[0]


def free_ports(count: int) -> list[int]:
    """Ports free on loopback now. Another process may still take one before QEMU does: the caller retries."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
