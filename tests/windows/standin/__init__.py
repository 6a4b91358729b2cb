"""A medium that boots something small which plays the part of Windows setup, over the same channels.

Its program runs in real mode under the real firmware, reads the CD, writes the disk, restarts the machine, draws on the
screen, and reports over COM2. WinRM is answered by the Wine guest's service, on this host, with the password and the
certificate that are on the lab's CD, as a provisioned Windows would have taken them from there; and only while the
machine says that it does: not before a script comes to `WINRM`, and not after a restart until one comes to it again.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycdlib
from compact_disc import read_file
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from wsman.conftest import Service
from wsman.tls import TlsFront

from lab.guest.remote import Remote
from lab.machine.image import Credentials
from lab.machine.qemu import CONSOLE_LOG, VmSpec
from vm_images.windows.answer_file import UNATTEND

from .volume import SECTOR, fat_volume, partition_entry

HERE = Path(__file__).parent
READ_CD, WRITE_DISK, RESTART, HANG, PAUSE, POWER_OFF, INSTALL, OFF_AT_NMI = b"\x01\x02\x03\x04\x05\x06\x07\x08"
SCRIPTS = 0x1000
SIZE = 32 * 512
PARTITIONS = 446
VOLUME = 16
"""The sector at which the volume begins, if there is one."""
GOOD = {
    "computer": "LAB-GUEST",
    "build": 19041,
    "revision": 2006,
    "setup_state": "IMAGE_STATE_COMPLETE",
    "start_options": " NOEXECUTE=OPTIN  TESTSIGNING  DEBUG  DEBUGPORT=COM1",
    "debugger": "debugtype Serial debugport 1 baudrate 115200",
    "secure_boot": 0,
    "vbs": 0,
    "signature_flags": 16,
    "print_filter": 15,
    "dump": 2,
    "dump_kept": 1,
    "pagefile_mb": 4396,
    "memory_mb": 4096,
    "winrm_listener": "Transport=HTTPS Address=*",
    "winrm_basic": "false",
    "sshd": None,
    "updates_off": 1,
    "licence": {"status": 1, "minutes_left": 129600},
}


def orders(*parts: int | bytes) -> bytes:
    """A script: orders by their constants, text as it is."""
    return b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)


def report(event: str, stage: str, text: str = "") -> bytes:
    """A line as guest/report.ps1 sends it."""
    return b"LAB " + json.dumps({"event": event, "stage": stage, "text": text}).encode() + b"\r\n"


WINRM = b"WinRM answers\r\n"
"""From here on, until the machine starts again."""
_STARTS = b"stand-in: "
"""What the program says when it starts, and when it crashes."""
SETUP = orders(READ_CD, WRITE_DISK, WRITE_DISK, INSTALL, RESTART)


def provisioning(name: str = "standin") -> bytes:
    """What a guest tells at its first logon."""
    stages = [report("begin", each) + report("end", each) for each in ("power", "winrm")]
    return report("start", "provision", name) + b"".join(stages) + report("restarting", "provision")


def read_back(**changes: object) -> bytes:
    """What a guest tells after the restart."""
    return report("check", "check", json.dumps({**GOOD, **changes})) + report("done", "check")


def program(directory: Path) -> bytes:
    """Compile the stand-in."""
    target = ["clang", "--target=i386-elf", "-c"]
    flags = ["-m16", "-march=i386", "-Os", "-ffreestanding", "-fno-pic", "-fno-jump-tables", "-fno-stack-protector"]
    for command in (
        [*target, HERE / "start.S", "-o", "start.o"],
        [*target, *flags, HERE / "standin.c", "-o", "standin.o"],
        ["ld.lld", "-T", HERE / "standin.ld", "--oformat=binary", "-o", "standin.bin", "start.o", "standin.o"],
    ):
        subprocess.run(list(map(str, command)), cwd=directory, check=True)
    code = (directory / "standin.bin").read_bytes()
    assert len(code) <= SCRIPTS
    return code.ljust(SCRIPTS, b"\0")


def write_medium(iso: Path, wim: bytes, boot: bytes, scripts: Sequence[bytes], left: Mapping[str, bytes]) -> None:
    """An ISO with an install.wim; each start of the machine runs the next script. Without `boot` it does not start.

    `left` are files in a volume on the disk, from INSTALL on.
    """
    disc = pycdlib.PyCdlib()
    disc.new()
    disc.add_directory("/SOURCES")
    disc.add_fp(io.BytesIO(wim), len(wim), "/SOURCES/INSTALL.WIM;1")
    filler = bytes(1 << 20)
    disc.add_fp(io.BytesIO(filler), len(filler), "/SOURCES/BOOT.WIM;1")
    if boot:
        image = _disk(boot + b"\0".join(scripts) + b"\0", left)
        disc.add_fp(io.BytesIO(image), len(image), "/STANDIN.BIN;1")
        disc.add_eltorito("/STANDIN.BIN;1", bootcatfile="/BOOT.CAT;1", boot_load_size=SIZE // 512)
    disc.write(str(iso))
    disc.close()


def _disk(program: bytes, left: Mapping[str, bytes]) -> bytes:
    """What the firmware loads from the CD, and INSTALL writes to the disk's begin."""
    if not left:
        assert len(program) <= SIZE
        return program.ljust(SIZE, b"\0")
    sectors = SIZE // SECTOR - VOLUME
    assert len(program) <= VOLUME * SECTOR
    assert not any(program[PARTITIONS : SECTOR - 2])
    table = partition_entry(VOLUME, sectors)
    disk = program[:PARTITIONS] + table + program[PARTITIONS + len(table) :]
    return disk.ljust(VOLUME * SECTOR, b"\0") + fat_volume(left, sectors)


@dataclass
class StandInGuest:
    """The guest's WinRM."""

    directory: Path
    unsigned: int = 577
    clock: float = 0.0
    dump: dict[str, Any] = field(default_factory=lambda: {"size": 1 << 20, "head": "PAGEDU64", "crashes": 1})
    password: str = ""
    """Instead of the CD's."""
    console: Path | None = None
    """What the machine has said on COM2 up to now."""
    service: Service | None = None
    front: TlsFront | None = None

    def reach(self, spec: VmSpec, login: Credentials) -> Remote:
        """Start the service with what is on the lab's CD; the remote that the build is to use."""
        self.console = Path(spec.cds[1]).with_name(CONSOLE_LOG)
        password = self._take_from_cd(Path(spec.cds[1]))
        tools = self.directory / "tools"
        tools.mkdir()
        for name in ("cmd.exe", "powershell.exe", "sc.exe", "shutdown.exe"):
            (tools / name).write_bytes((HERE / "tool.py").read_bytes())
            (tools / name).chmod(0o755)
        told = {"unsigned": self.unsigned, "clock": self.clock, "dump": self.dump}
        (self.directory / "answers.json").write_text(json.dumps(told))
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        environment["STANDIN"] = str(self.directory / "answers.json")
        self.service = Service(
            self.directory, "--runner", "direct", environment=environment, password=self.password or password
        )
        files = self.directory / "winrm.pem", self.directory / "winrm.key"
        self.front = TlsFront(self.service.port, *files, self._answers)
        return Remote(1, self.front.port, login)  # Nobody is at port 1: there is no SSH server.

    def _answers(self) -> bool:
        """Never at the first try: that the build tries again must not hang on who is faster."""
        assert self.console
        assert self.front
        said = self.console.read_bytes()
        return said.rfind(WINRM) > said.rfind(_STARTS) and self.front.refused > 0

    def _take_from_cd(self, cd: Path) -> str:
        """The user's password; the certificate goes into files."""
        secret = json.loads(read_file(cd, "lab/settings.json"))["pfx_password"].encode()
        key, certificate, _ = pkcs12.load_key_and_certificates(read_file(cd, "lab/winrm.pfx"), secret)
        assert key
        assert certificate
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.directory / "winrm.key").write_bytes(pem)
        (self.directory / "winrm.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        answers = ET.fromstring(read_file(cd, "Autounattend.xml"))  # noqa: S314  # our own
        hidden = answers.findtext(f".//{{{UNATTEND}}}LocalAccount//{{{UNATTEND}}}Value")
        return base64.b64decode(hidden or "").decode("utf-16-le").removesuffix("Password")

    def close(self) -> None:
        if self.front:
            self.front.close()
        if self.service:
            self.service.stop()
