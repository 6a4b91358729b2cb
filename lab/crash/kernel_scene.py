"""What all kernel dumps have in common: the words for a header, the module list, unloaded drivers."""

from __future__ import annotations

import struct
from datetime import timedelta

from lab.crash.kernel_header import KernelHeader
from lab.crash.scene import Memory, SceneModule
from lab.kd.modules import Module
from lab.symbols.errors import BadImageError, UnreadableError
from lab.symbols.image import Image, PdbIdentity
from lab.symbols.memory import read_number

MAX_UNLOADED = 50
"""As many as the kernel remembers."""
_UNLOADED_SIZE = 0x28
_PRODUCTS = {1: "workstation", 2: "domain controller", 3: "server"}
_KINDS = {15: "free", 12: "checked"}


def system_words(header: KernelHeader) -> str:
    """`Windows build 19041 (free), 4 processors`."""
    major, minor = header.version
    kind = _PRODUCTS.get(header.product)
    parts = [f"Windows build {minor} ({_KINDS.get(major, f'version {major}')})", *([kind] if kind else [])]
    return ", ".join([*parts, f"{header.processors} processor{'' if header.processors == 1 else 's'}"])


def header_facts(header: KernelHeader) -> dict[str, str]:
    """What else a header tells, in words."""
    facts = {}
    if header.up_time is not None:
        facts["up time"] = str(timedelta(seconds=int(header.up_time.total_seconds())))
    if header.comment:
        facts["comment"] = header.comment
    return facts


def scene_module(module: Module, memory: Memory) -> SceneModule:
    """A loaded image, with what its own header in memory says."""
    return SceneModule(
        name=module.name,
        path=module.path,
        base=module.base,
        size=module.size,
        timestamp=module.timestamp or None,
        checksum=module.checksum or None,
        pdb=_pdb(memory, module.base),
    )


def _pdb(memory: Memory, base: int) -> PdbIdentity | None:
    try:
        return Image(lambda rva, count: memory.read(base + rva, count)).pdb
    except (BadImageError, UnreadableError):
        return None


def read_unloaded(memory: Memory, pointer: int) -> list[SceneModule]:
    """The drivers that the kernel remembers to have unloaded (MmUnloadedDrivers)."""
    try:
        array = read_number(memory.read, pointer) if pointer else 0
    except UnreadableError:
        return []
    raw = memory.read(array, MAX_UNLOADED * _UNLOADED_SIZE) if array else b""
    found = []
    for at in range(0, len(raw) - _UNLOADED_SIZE + 1, _UNLOADED_SIZE):
        length, buffer, start, end = struct.unpack_from("<HxxxxxxQQQ", raw, at)
        if start and end > start:
            name = memory.read(buffer, min(length & ~1, 512)).decode("utf-16-le", "replace")
            found.append(SceneModule(name or "?", "", start, end - start, unloaded=True))
    return found
