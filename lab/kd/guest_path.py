"""Names that a Windows kernel and its boot loader have for one file."""

from __future__ import annotations

import re

_PREFIXES = re.compile(r"^\\(\?\?|dosdevices|global\?\?|\\\?)(?=\\)", re.IGNORECASE)
_VOLUME = re.compile(r"^(\\device\\[^\\]+|\\arcname\\[^\\]+|multi\([^\\]+|c:)(?=\\)", re.IGNORECASE)
_ROOT = re.compile(r"^(\\systemroot|%systemroot%|%windir%)(?=\\)", re.IGNORECASE)


def canonical(path: str) -> str:
    r"""The name by which a file is compared: `\windows\system32\drivers\x.sys`, `d:\x.sys`, or a bare `x.sys`.

    Case, the kind of slash, `\??\`, `\SystemRoot` (taken for `\Windows`), the system's volume and drive C: do not
    count. A path below `system32` is below the Windows directory.
    """
    path = path.strip().replace("/", "\\").lower()
    path = _PREFIXES.sub("", path)
    path = path[1:] if re.match(r"^\\[a-z]:\\", path) else path
    path = _VOLUME.sub("", path)
    path = _ROOT.sub(lambda _: "\\windows", path)
    if path.startswith("system32\\"):
        path = "\\windows\\" + path
    return re.sub(r"\\{2,}", lambda _: "\\", path)


def is_bare(path: str) -> bool:
    """Is it a file's name alone, for whatever directory?"""
    return "\\" not in path and "/" not in path
