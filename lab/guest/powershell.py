"""PowerShell in the guest, without a file there."""

from __future__ import annotations

import base64


def encoded_command(script: str) -> list[str]:
    """The command that runs a script. An encoded one has nothing that a shell could touch."""
    encoded = base64.b64encode(script.encode("utf-16-le")).decode("ascii")
    options = ["-NoLogo", "-NoProfile", "-NonInteractive", "-OutputFormat", "Text"]
    return ["powershell.exe", *options, "-EncodedCommand", encoded]
