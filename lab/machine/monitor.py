"""QMP, as the supervisor needs it: pause and resume, snapshots, quit; every call has a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qemu.qmp import EventListener, QMPClient, QMPError

from lab.errors import GuestLostError, HungError, InfrastructureError
from lab.machine.hardware import DISK_NODE

CALL_DEADLINE = 20.0
SNAPSHOT_DEADLINE = 120.0
MEMORY_DEADLINE = 60.0
POLL = 0.01


class Monitor:
    """A QMP connection to one QEMU."""

    def __init__(self, nodes: Sequence[str] = (DISK_NODE,)) -> None:
        """`nodes` are the block nodes that belong into a snapshot; the memory goes into the first."""
        self._nodes = list(nodes)
        self._client = QMPClient("lab")
        self._jobs = 0

    async def connect(self, path: str, deadline: float) -> None:
        """Connect to QEMU's QMP socket, which appears shortly after QEMU has started."""
        try:
            async with asyncio.timeout(deadline):
                while True:
                    try:
                        await self._client.connect(path)
                    except QMPError:
                        await asyncio.sleep(0.02)
                    else:
                        return
        except TimeoutError:
            raise HungError(f"QEMU did not open its QMP socket within {deadline:.0f} s") from None

    def watch(self, on_event: Callable[[str, Mapping[str, Any], float], None]) -> asyncio.Task[None]:
        """Hand on QEMU's events until the connection ends or the task is cancelled: name, data, time in seconds."""

        async def pump() -> None:
            listener = EventListener()
            with self._client.listen(listener):
                async for message in listener:
                    on_event(str(message["event"]), _mapping(message.get("data")), _seconds(message.get("timestamp")))

        return asyncio.create_task(pump(), name="QMP events")

    async def execute(
        self, command: str, arguments: Mapping[str, object] | None = None, deadline: float = CALL_DEADLINE
    ) -> object:
        """Run one QMP command. Raises InfrastructureError with QEMU's own words, GuestLostError, HungError."""
        try:
            async with asyncio.timeout(deadline):
                return await self._client.execute(command, arguments)
        except TimeoutError:
            raise HungError(f"QEMU did not answer {command} within {deadline:.0f} s") from None
        except QMPError as error:
            if self._client.runstate.name != "RUNNING":
                raise GuestLostError(f"QEMU is gone ({command} could not be sent)") from None
            raise InfrastructureError(f"QEMU refused {command}: {error}") from None

    async def save_snapshot(self, tag: str) -> None:
        """Replace the snapshot `tag` (memory, devices, disk) in the overlay. The VM should be paused."""
        if await self._has_snapshot(tag):
            await self._job("snapshot-delete", tag)
        await self._job("snapshot-save", tag)

    async def load_snapshot(self, tag: str) -> None:
        """Put the paused VM back to the snapshot `tag`. Raises InfrastructureError when QEMU cannot."""
        await self._job("snapshot-load", tag)

    async def _has_snapshot(self, tag: str) -> bool:
        nodes = await self.execute("query-named-block-nodes")
        assert isinstance(nodes, list)  # noqa: S101
        disk = next(node for node in nodes if node.get("node-name") == self._nodes[0])
        return any(each["name"] == tag for each in disk["image"].get("snapshots", []))

    async def _job(self, command: str, tag: str) -> None:
        self._jobs += 1
        job = f"{command}-{self._jobs}"
        arguments: dict[str, object] = {"job-id": job, "tag": tag, "devices": self._nodes}
        if command != "snapshot-delete":
            arguments["vmstate"] = self._nodes[0]
        await self.execute(command, arguments)
        try:
            async with asyncio.timeout(SNAPSHOT_DEADLINE):
                error = await self._concluded(job)
        except TimeoutError:
            raise HungError(f"QEMU's {command} did not end within {SNAPSHOT_DEADLINE:.0f} s") from None
        await self.execute("job-dismiss", {"id": job})
        if error:
            raise InfrastructureError(f"{command} {tag!r} failed: {error}", "start over: lab down; lab up")

    async def _concluded(self, job: str) -> str:
        """Wait for a job's end; a failed one also ends "concluded", with an error text."""
        while True:
            jobs = await self.execute("query-jobs")
            assert isinstance(jobs, list)  # noqa: S101
            mine = next(each for each in jobs if each["id"] == job)
            if mine["status"] == "concluded":
                return str(mine.get("error", ""))
            await asyncio.sleep(POLL)

    async def dump_memory(self, path: Path) -> None:
        """Write the guest's memory into an ELF core; it stands still for that, then runs if it ran.

        Raises HungError after MEMORY_DEADLINE seconds (QEMU goes on writing), InfrastructureError.
        """
        arguments = {"paging": False, "protocol": f"file:{path}", "detach": True}
        await self.execute("dump-guest-memory", arguments)
        try:
            async with asyncio.timeout(MEMORY_DEADLINE):
                status = await self._dumped()
        except TimeoutError:
            raise HungError(f"QEMU did not write the guest's memory within {MEMORY_DEADLINE:.0f} s") from None
        if status != "completed":
            raise InfrastructureError(f"QEMU could not write the guest's memory to {path}")

    async def _dumped(self) -> str:
        while True:
            status = str(_mapping(await self.execute("query-dump")).get("status"))
            if status != "active":
                return status
            await asyncio.sleep(POLL)

    async def close(self) -> None:
        """Drop the connection; never raises."""
        # Disconnecting reports again whatever ended the connection before: EOF when QEMU was killed.
        with contextlib.suppress(TimeoutError, QMPError, OSError, EOFError):
            async with asyncio.timeout(2):
                await self._client.disconnect()


def _seconds(timestamp: object) -> float:
    parts = _mapping(timestamp)
    return float(parts.get("seconds", 0)) + float(parts.get("microseconds", 0)) / 1e6


def _mapping(data: object) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}
