r"""Files to and from a guest without an SSH server: PowerShell in the guest, Base64 over WinRM's input and output.

Enough for drivers and programs, slow for dumps. Paths are Windows paths, as in `lab.guest.ssh`.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import time
from collections.abc import Callable
from pathlib import Path

from lab.errors import GuestLostError, HungError, InfrastructureError, LabError
from lab.guest.powershell import encoded_command
from lab.guest.winrm import CommandResult, WinRm

TRANSFER_DEADLINE = 120.0
LINE_BYTES = 48 << 10
"""Bytes of a file in one line of Base64."""
NOT_FOUND = 2
"""Exit code for ERROR_FILE_NOT_FOUND."""

_BEGIN = "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'; $path = '{path}'; "
_PUT = _BEGIN + (
    "$folder = Split-Path -Parent $path; "
    "if (-not (Test-Path -LiteralPath $folder)) {{ New-Item -ItemType Directory -Force -Path $folder | Out-Null }}; "
    "$file = [System.IO.File]::Create($path + '.new'); "
    "while ($null -ne ($line = [Console]::In.ReadLine())) {{ "
    "$piece = [Convert]::FromBase64String($line); $file.Write($piece, 0, $piece.Length) }}; "
    "$file.Close(); Move-Item -LiteralPath ($path + '.new') -Destination $path -Force"
)
_GET = _BEGIN + (
    "if (-not (Test-Path -LiteralPath $path)) {{ exit 2 }}; "
    "$file = [System.IO.File]::Open($path, 'Open', 'Read', 'ReadWrite'); $piece = New-Object byte[] {piece}; "
    "while (($count = $file.Read($piece, 0, $piece.Length)) -gt 0) {{ "
    "[Console]::Out.WriteLine([Convert]::ToBase64String($piece, 0, $count)) }}; $file.Close()"
)
_MODIFIED = _BEGIN + (
    "if (-not (Test-Path -LiteralPath $path)) {{ exit 2 }}; "
    "$when = (Get-Item -LiteralPath $path -Force).LastWriteTimeUtc - [DateTime]'1970-01-01'; "
    "[Console]::Out.WriteLine($when.TotalSeconds.ToString([Globalization.CultureInfo]::InvariantCulture))"
)
SCRIPTS = (_PUT, _GET, _MODIFIED)


class WinRmFiles:
    """Does over WinRM what `lab.guest.ssh.Sftp` does over SSH, with the same errors."""

    def __init__(self, winrm: WinRm) -> None:
        self._winrm = winrm

    def put(self, data: bytes | Path, remote: str) -> None:
        """Write a file into the guest; a reader there sees the old or the new one, never half.

        Raises GuestLostError when the guest cannot be reached, InfrastructureError when it refuses.
        """
        content = data.read_bytes() if isinstance(data, Path) else data
        pieces = (content[i : i + LINE_BYTES] for i in range(0, len(content), LINE_BYTES))
        lines = (base64.b64encode(piece) + b"\n" for piece in pieces)
        result = self._winrm.run(script_command(_PUT, remote), TRANSFER_DEADLINE, lines)
        if result.code != 0:
            raise _failed("write", remote, result)

    def get(self, remote: str) -> bytes:
        """Read a file of the guest. Raises FileNotFoundError, GuestLostError, InfrastructureError."""
        content = bytearray()
        self._read(remote, content.extend, TRANSFER_DEADLINE)
        return bytes(content)

    def modified(self, remote: str) -> float | None:
        """When a file was last written, in seconds since 1970 by the guest's clock; None when there is no such file.

        Raises GuestLostError, InfrastructureError.
        """
        result = self._winrm.run(script_command(_MODIFIED, remote), TRANSFER_DEADLINE)
        if result.code == NOT_FOUND:
            return None
        try:
            return float(result.stdout)
        except ValueError:
            raise _failed("look at", remote, result) from None

    def fetch(self, remote: str, to: Path, within: float) -> None:
        """Bring a large file of the guest to `to`, compressed with gzip on the way; `to` is whole or not there.

        Raises HungError after `within` seconds, GuestLostError, InfrastructureError.
        """
        partial = to.with_name(f".{to.name}.part")
        try:
            with gzip.open(partial, "wb", 1) as copy:
                self._read(remote, copy.write, within)
            partial.replace(to)
        except FileNotFoundError:
            raise InfrastructureError(f"cannot read {remote} in the guest: it is not there") from None
        except HungError:
            raise HungError(f"{remote} did not come within {within:.0f} s") from None
        finally:
            partial.unlink(missing_ok=True)

    def wait_ready(self, deadline: float) -> None:
        """Return when the guest answers; raise GuestLostError after `deadline` seconds."""
        end = time.monotonic() + deadline
        self._winrm.wait_ready(max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Nothing is open between calls."""

    def _read(self, remote: str, take: Callable[[bytes], object], within: float) -> None:
        broken: list[LabError] = []

        def on_line(line: str) -> None:
            try:
                take(base64.b64decode(line, validate=True))
            except binascii.Error:
                broken.append(InfrastructureError(f"{remote} came from the guest as no Base64: {line[:80]!r}"))

        errors: list[str] = []
        code = self._winrm.stream(script_command(_GET, remote, piece=LINE_BYTES), on_line, within, errors.append)
        if code == NOT_FOUND:
            raise FileNotFoundError(remote)
        if code != 0:
            raise _failed("read", remote, CommandResult("", "\n".join(errors), code))
        if broken:
            raise broken[0]


def script_command(script: str, path: str, **values: int) -> list[str]:
    """The command that runs one of `SCRIPTS` for a path."""
    return encoded_command(script.format(path=path.replace("'", "''"), **values))


def _failed(verb: str, remote: str, result: CommandResult) -> InfrastructureError | GuestLostError:
    said = (result.stderr or result.stdout).strip()[:300]
    return InfrastructureError(f"cannot {verb} {remote} in the guest (exit code {result.code}): {said}")
