r"""What Windows setup wrote of its failure, read from the disk of a machine that is off.

Source: https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-log-files-and-event-logs (which
folder each part of setup logs to; `setuperr.log` has the errors of `setupact.log`).
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from lab.crash.offline_disk import fetch_from_disk
from lab.errors import LabError
from vm_images.windows.answer_file import COMPUTER

DEADLINE = 30.0
MAX_BYTES = 1 << 20
"""Read of a log: its last lines are what counts."""
MAX_LINE = 300
ERROR_LOGS = {
    "setuperr-first-logon.log": r"C:\Windows\Panther\UnattendGC\setuperr.log",
    "setuperr.log": r"C:\Windows\Panther\setuperr.log",
    "setuperr-copy.log": r"C:\$WINDOWS.~BT\Sources\Panther\setuperr.log",
}
"""The latest part of setup first, by the name under which its log is kept."""
TAKEN_ANSWERS = r"C:\Windows\Panther\unattend.xml"
"""Setup's own copy of the answer file that it found, without passwords."""
_ERROR = re.compile(r",\s*(?:Fatal\s+)?Error\s+")


def explain_failure(disk: Path, logs: Path) -> str:
    """One sentence from setup's error log and from the answers that it took; both are kept in `logs`.

    Empty for a disk that has neither: nothing is raised, for something else has failed already.
    """
    found = []
    if line := _last_error(disk, logs):
        found.append(f"setup's last error: {line}")
    answers = _fetch(disk, TAKEN_ANSWERS, logs / "unattend.xml")
    if answers and COMPUTER not in answers:
        found.append("setup took another answer file than the lab's")
    return "; ".join(found)


def _last_error(disk: Path, logs: Path) -> str:
    for name, guest_path in ERROR_LOGS.items():
        if line := last_error(_fetch(disk, guest_path, logs / name)):
            return line
    return ""


def last_error(text: str) -> str:
    """The last line of a log that tells an error; its last line at all where none does so in the known form."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if _ERROR.search(line)] or lines
    return "".join(each if each.isprintable() else "?" for each in told[-1][:MAX_LINE]) if told else ""


def _fetch(disk: Path, guest_path: str, to: Path) -> str:
    try:
        fetch_from_disk(disk, guest_path, to, DEADLINE)
        with to.open("rb") as file:
            start = file.read(2)
            size = to.stat().st_size
            file.seek(max(0, size - MAX_BYTES) & ~1)
            data = file.read(MAX_BYTES)
    except (LabError, OSError):
        return ""
    return data.decode("utf-16-le" if start == codecs.BOM_UTF16_LE else "utf-8", "replace").lstrip("\ufeff")
