"""Files of a guest that does not answer any more, from its disk."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.errors import HungError, InfrastructureError

DEADLINE = 300.0
"""Seconds for a whole file: a memory dump is as large as memory."""
EXPORT_DEADLINE = 20.0
_QCOW2 = b"QFI\xfb"


def fetch_from_disk(overlay: Path, guest_path: str, to: Path, deadline: float = DEADLINE) -> int:
    r"""Copy a file out of a disk image (qcow2 with its backing files, or raw) and return its size in bytes.

    `guest_path` is the guest's, like `C:\Windows\MEMORY.DMP`; the drive's letter is not on the disk: the first file
    system that has such a file is taken. The machine must be off, or stopped: what it has not written is not there.

    Raises InfrastructureError when the disk or the file cannot be read, HungError after `deadline` seconds. Then `to`
    does not exist, or is what it was.
    """
    partial = to.with_name(f"{to.name}.partial")
    try:
        with exported(overlay) as server:
            result = _run_reader(overlay, server, guest_path, partial, deadline)
        if "error" in result:
            raise InfrastructureError(f"{overlay}: {result['error']}")
        partial.replace(to)
    except OSError as error:
        raise InfrastructureError(f"cannot write {to}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return int(result["size"])


@contextmanager
def exported(image: Path) -> Iterator[Path]:
    """The disk on a socket, read-only, as long as the block runs; nothing of it needs root.

    Raises InfrastructureError.
    """
    program = shutil.which("qemu-nbd")
    if program is None:
        raise InfrastructureError("qemu-nbd is not installed", "apt-get install qemu-utils")
    with tempfile.TemporaryDirectory(prefix="lab-disk-") as directory:
        path, log = Path(directory) / "socket", Path(directory) / "log"
        with log.open("wb") as out:
            command = [
                program,
                "--read-only",
                "--persistent",
                "--shared=2",
                "--socket",
                str(path),
                "--image-opts",
                _options(image),
            ]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            _await(path, process, log, image)
            yield path
        finally:
            process.kill()
            process.wait()


def _options(image: Path) -> str:
    """How QEMU should open it. The format is never left to QEMU: a guest can write anything into a raw disk."""
    try:
        with image.open("rb") as file:
            kind = "qcow2" if file.read(4) == _QCOW2 else "raw"
    except OSError as error:
        raise InfrastructureError(f"cannot read {image}: {error.strerror}") from error
    name = str(image.resolve()).replace(",", ",,")
    return f"driver={kind},force-share=on,file.driver=file,file.filename={name}"


def _await(path: Path, process: subprocess.Popen[bytes], log: Path, image: Path) -> None:
    """The socket is there before the image is opened: only an answered call tells."""
    end = time.monotonic() + EXPORT_DEADLINE
    while not _answers(path):
        if process.poll() is not None:
            words = log.read_text(errors="replace").strip().splitlines()
            raise InfrastructureError(f"{image} cannot be opened: {words[-1] if words else 'qemu-nbd ended'}")
        if time.monotonic() > end:
            raise InfrastructureError(f"qemu-nbd did not export {image} within {EXPORT_DEADLINE:g} s")
        time.sleep(0.02)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1.0)
        try:
            caller.connect(str(path))
            return len(caller.recv(1)) == 1
        except OSError:
            return False


def _run_reader(overlay: Path, server: Path, guest_path: str, target: Path, deadline: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "lab.crash.disk_files", str(server), guest_path, str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline, check=False)
    except subprocess.TimeoutExpired:
        raise HungError(f"reading {guest_path} from {overlay} took more than {deadline:g} s") from None
    try:
        result = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        raise InfrastructureError(f"{overlay}: its file systems cannot be read: the reader ended with {how}") from None
    return dict(result)
