"""What only the debugger can tell of a kernel, and a dump of its memory needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.errors import InfrastructureError
from lab.kd.bugcheck import Bugcheck
from lab.kd.client import KdClient
from lab.kd.context import Context
from lab.kd.events import StopEvent
from lab.kd.state_change import Machine

ANSWER_DEADLINE = 3.0
"""Seconds for each answer of the target."""
UPPER_HALF = 0xFFFF_8000_0000_0000


@dataclass(frozen=True)
class KernelFacts:
    """Taken while the kernel stands in the debugger, at the bug check."""

    version: tuple[int, int]
    """15 (free) or 12 (checked), and the build number."""
    debugger_data: int
    """Virtual address of KDDEBUGGER_DATA64; 0 when there is none."""
    module_list: int = 0
    """Virtual address of PsLoadedModuleList; 0: the debugger data tells."""
    bugcheck: Bugcheck | None = None
    crashed: int = 0
    """Number of the processor that stopped."""
    contexts: dict[int, Context] = field(default_factory=dict)
    """Registers by processor, where they are better than what the virtual machine says."""
    directory: int | None = None
    """Physical address of the page tables; None: what the processor that stopped has in CR3."""


def is_nt(client: KdClient, timeout: float = ANSWER_DEADLINE) -> bool:
    """Is a stopped target a 64-bit kernel that says where its KDDEBUGGER_DATA64 is? Raises LabError.

    Such a kernel is in the upper half of the address space; a process that hosts drivers, as Wine's, is in the lower.
    """
    version = client.version(timeout)
    is_kernel = min(version.kernel_base, version.debugger_data) >= UPPER_HALF
    return version.machine is Machine.AMD64 and is_kernel


def kernel_facts(client: KdClient, stop: StopEvent, bugcheck: Bugcheck | None) -> KernelFacts:
    """Ask a stopped 64-bit kernel. Raises InfrastructureError for another target, HungError, GuestLostError."""
    version = client.version(ANSWER_DEADLINE)
    if version.machine is not Machine.AMD64:
        raise InfrastructureError("only the memory of a 64-bit kernel is made a dump of")
    pointer = client.read_virtual(version.debugger_data, 8, ANSWER_DEADLINE) if version.debugger_data else b""
    context = client.get_context(stop.processor, ANSWER_DEADLINE)
    return KernelFacts(
        version=(version.major & 0xFF, version.build),
        debugger_data=int.from_bytes(pointer, "little"),
        module_list=version.module_list,
        bugcheck=bugcheck,
        crashed=stop.processor,
        contexts={stop.processor: context} if context else {},
    )
