"""Small programs for the guest, built as the driver's own are."""

from __future__ import annotations

import subprocess
from pathlib import Path

HEADERS = "/usr/share/mingw-w64/include"
KERNEL32 = "/usr/x86_64-w64-mingw32/lib/libkernel32.a"


def build(source: Path, place: Path) -> Path:
    """Compile `source`, which begins at `entry` and calls nothing but kernel32.dll, into an .exe in `place`."""
    flags = ["--target=x86_64-w64-windows-gnu", "-ffreestanding", "-fno-stack-protector", "-O1", "-isystem", HEADERS]
    subprocess.run(["clang", *flags, "-c", source, "-o", place / "it.obj"], check=True)
    link = ["lld-link", "/subsystem:console", "/nodefaultlib", "/entry:entry", "/out:it.exe", "it.obj", KERNEL32]
    subprocess.run(link, check=True, cwd=place)
    return place / "it.exe"
