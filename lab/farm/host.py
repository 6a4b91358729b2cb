"""The processes of a farm: its scheduler, and the workers of a host, one process for each VM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import dask
from distributed import Nanny, Scheduler

from lab.document import printable
from lab.errors import InfrastructureError, UsageError
from lab.farm.certificates import security

HOME = "lab.farm.home"
"""Where a worker finds the name of its host's directory."""
JOIN_WITHIN = 60.0

# A death is told at once: what is to be tried again, and where, is judged by who asked for it.
dask.config.set({"distributed.scheduler.allowed-failures": 0})


async def serve_scheduler(listen: str, certificates: Path, tell: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM. `listen` is HOST:PORT. Raises UsageError, InfrastructureError: the port is taken."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"{listen!r} is no address to listen at", "HOST:PORT, as 127.0.0.1:8786")
    try:
        async with Scheduler(
            host=host, port=int(port), protocol="tls", security=security(certificates, "scheduler"), dashboard=False
        ) as scheduler:
            tell(f"farm: {scheduler.address}")
            await _told_to_stop()
    except OSError as error:
        raise InfrastructureError(f"the scheduler cannot listen at {listen}: {error}", "name another port") from None


async def serve_workers(
    address: str, certificates: Path, directory: Path, slots: int, guests: list[str], tell: Callable[[str], None]
) -> None:
    """Until SIGINT or SIGTERM: so many processes, each started again when it dies, each with one slot for these guests.

    `directory` is for what they fetch, and for their VMs. Raises InfrastructureError when there is no farm.
    """
    proof = security(certificates, "worker")
    async with contextlib.AsyncExitStack() as stack:
        try:
            for number in range(1, slots + 1):
                nanny = Nanny(
                    address, nthreads=1, name=f"{socket.gethostname()}-{directory.name}-{number}", security=proof,
                    resources={"slot": 1, **dict.fromkeys(guests, 1)}, memory_limit=0, protocol="tls",
                    host="127.0.0.1" if "//127." in address else None, death_timeout=JOIN_WITHIN, dashboard=False,
                    local_directory=str(directory / "dask"), config={HOME: str(directory)},
                )  # fmt: skip
                await stack.enter_async_context(nanny)
        except (OSError, TimeoutError) as error:
            what = printable(f"no farm at {address}: {error}", 300)
            raise InfrastructureError(what, "is its scheduler up, and are these its certificates?") from None
        tell(f"farm: {slots} slots for {', '.join(guests)} at {address}")
        await _told_to_stop()


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
