"""QEMU's command line for a guest, and what identifies the machine that it describes."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.errors import InfrastructureError
from lab.machine.firmware import VARIABLES
from lab.machine.hardware import (
    CD_NODES,
    CODE_NODE,
    DISK_NODE,
    VARIABLES_NODE,
    Machine,
    hardware_arguments,
    machine_from_json,
)

GUEST_ADDRESS = "10.0.2.15"
GUEST_SSH = 22
WINRM_HTTP = 5985
WINRM_HTTPS = 5986

# Inside the instance directory. QEMU and the supervisor run there, so that socket paths stay short.
OVERLAY = "overlay.qcow2"
QMP_SOCKET = "qmp.sock"
KD_SOCKET = "kd.sock"
KD_RAW = "kd.raw"
CONSOLE_LOG = "console.log"

PORT_REFUSED = "host forwarding rule"
"""In QEMU's words when a port of the host is taken."""


@dataclass(frozen=True)
class VmSpec:
    """Everything that a supervisor needs to start a VM; travels as JSON."""

    qemu: str
    qemu_version: str
    accelerator: str
    accelerator_reason: str
    machine: Machine
    base: str
    image_digest: str
    ssh_port: int
    winrm_port: int
    log_directory: str
    kernel: str = ""
    """Started by QEMU itself, with `initrd` and `append`; empty: the guest boots from its disk."""
    initrd: str = ""
    append: str = ""
    firmware: str = ""
    """Code of a guest that boots by UEFI."""
    cds: tuple[str, ...] = ()
    guest_winrm: int = WINRM_HTTP
    """The guest's port behind `winrm_port`."""

    def machine_key(self) -> str:
        """Digest of all that a memory snapshot depends on; ports and paths do not count."""
        parts = [self.qemu_version, self.accelerator, self.machine.to_json(), self.append, self.image_digest]
        parts += hardware_arguments(self.machine, self.accelerator)
        if self.firmware:
            parts.append(hashlib.sha256(Path(self.firmware).read_bytes()).hexdigest())
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def load_spec(path: Path) -> VmSpec:
    """Read what `VmSpec.save` wrote."""
    data = json.loads(path.read_text())
    return VmSpec(**{**data, "machine": machine_from_json(data["machine"]), "cds": tuple(data["cds"])})


def command_line(spec: VmSpec) -> list[str]:
    """The QEMU command for `spec`, stopped at start (-S), to be run inside the instance directory.

    The KD port is the first serial port (COM1), as on a Windows target; the console, or what a guest reports while it
    is installed, is the second.
    """
    forwards = "".join(
        f",hostfwd=tcp:127.0.0.1:{port}-{GUEST_ADDRESS}:{inside}"
        for port, inside in ((spec.ssh_port, GUEST_SSH), (spec.winrm_port, spec.guest_winrm))
    )
    machine = spec.machine
    return [
        spec.qemu,
        *("-accel", spec.accelerator, "-cpu", machine.model(spec.accelerator)),
        *("-m", str(machine.memory_mb), "-smp", str(machine.smp)),
        *(["-kernel", spec.kernel, "-initrd", spec.initrd, "-append", spec.append] if spec.kernel else []),
        *("-chardev", f"socket,id=kd,path={KD_SOCKET},server=on,wait=off,logfile={KD_RAW},logappend=on"),
        *("-chardev", f"file,id=console,path={CONSOLE_LOG},append=on"),
        *("-netdev", f"user,id=net0,restrict=on{forwards}"),
        *(word for node in _block_nodes(spec) for word in ("-blockdev", json.dumps(node))),
        *("-chardev", f"socket,id=qmp,path={QMP_SOCKET},server=on,wait=off", "-mon", "qmp,mode=control"),
        *hardware_arguments(machine, spec.accelerator, len(spec.cds)),
    ]


def _block_nodes(spec: VmSpec) -> Iterator[dict[str, object]]:
    yield _qcow2(DISK_NODE, OVERLAY)
    if spec.firmware:
        yield _raw(CODE_NODE, spec.firmware)
        yield _qcow2(VARIABLES_NODE, VARIABLES)
    for node, cd in zip(CD_NODES, spec.cds, strict=False):
        yield _raw(node, cd)


def _qcow2(node: str, file: str) -> dict[str, object]:
    # What a VM writes is disposable: losing it with the host's power costs one cold boot, so flushes are skipped.
    protocol = {"driver": "file", "filename": file}
    return {"driver": "qcow2", "node-name": node, "file": protocol, "cache": {"no-flush": True}}


def _raw(node: str, file: str) -> dict[str, object]:
    return {"driver": "raw", "node-name": node, "read-only": True, "file": {"driver": "file", "filename": file}}


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
