"""The machine while Windows is installed on it: QEMU, its QMP connection, and what can be seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.errors import GuestLostError, InfrastructureError
from lab.machine.hardware import CD_NODES, DISK_NODE
from lab.machine.monitor import Monitor
from lab.machine.qemu import CONSOLE_LOG, QMP_SOCKET, VmSpec, command_line
from lab.socket_address import socket_address
from vm_images.windows.installation import Seen

START_DEADLINE = 20.0
QUIT_DEADLINE = 10.0
RESTART_SECONDS = 1.0
"""SeaBIOS on q35 finds its memory as a reset left it, and resets the machine once or twice more: one restart."""


class InstallVm:
    """One QEMU in `directory`; no debugger is attached, for a stop in it would stop the installation."""

    def __init__(self, spec: VmSpec, directory: Path) -> None:
        self._spec = spec
        self._directory = directory
        self._monitor = Monitor(spec.machine.nodes())
        self._process: asyncio.subprocess.Process | None = None
        self._events: asyncio.Task[None] | None = None
        self._told = 0
        self.resets = 0
        """Restarts by the guest."""
        self._reset_at = float("-inf")
        self.panicked = False

    async def start(self) -> None:
        """Power on. Raises InfrastructureError with QEMU's own words when it does not start."""
        log = Path(self._spec.log_directory) / "qemu.log"
        with log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command_line(self._spec),
                cwd=self._directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        connecting = asyncio.create_task(self._connect())
        exiting = asyncio.create_task(self._process.wait())
        await asyncio.wait([connecting, exiting], return_when=asyncio.FIRST_COMPLETED)
        exiting.cancel()
        if self._process.returncode is not None:
            connecting.cancel()
            lines = log.read_text(errors="replace").strip().splitlines()
            raise InfrastructureError(f"QEMU did not start: {lines[-1] if lines else 'it said nothing'}", f"see {log}")
        await connecting
        self._events = self._monitor.watch(self._take_event)
        await self._monitor.execute("cont")

    async def _connect(self) -> None:
        with socket_address(self._directory / QMP_SOCKET) as address:
            await self._monitor.connect(address, START_DEADLINE)

    def _take_event(self, name: str, data: Mapping[str, Any], when: float) -> None:
        if name == "RESET" and data.get("guest"):
            if when - self._reset_at > RESTART_SECONDS:
                self.resets += 1
                self._reset_at = when
        elif name == "GUEST_PANICKED":
            self.panicked = True

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def look(self, now: float, picture: str) -> Seen:
        """What can be seen at `now`. Raises GuestLostError when the machine is off."""
        self.require_running()
        resets = self.resets  # Before the statistics: what a start has read and written is never newer than it.
        statistics = await self._monitor.execute("query-blockstats")
        assert isinstance(statistics, list)  # noqa: S101
        nodes = {each.get("node-name"): each["stats"] for each in statistics}
        if not {CD_NODES[0], DISK_NODE} <= nodes.keys():  # QEMU has given them up: it is ending.
            await self.ended(QUIT_DEADLINE)
            raise self.gone()
        return Seen(
            now,
            self._serial(),
            nodes[CD_NODES[0]]["rd_bytes"],
            nodes[DISK_NODE]["wr_bytes"],
            resets,
            picture,
        )

    def require_running(self) -> None:
        """Raises GuestLostError when the machine is off."""
        if not self.is_running:
            raise self.gone()

    def gone(self) -> GuestLostError:
        """How the machine went."""
        status = self._process.returncode if self._process else None
        how = "switched itself off" if status == 0 else f"is gone: QEMU ended with status {status}"
        return GuestLostError(f"the guest {how}", f"see {self._spec.log_directory}")

    def _serial(self) -> bytes:
        with (self._directory / CONSOLE_LOG).open("rb") as file:
            file.seek(self._told)
            data = file.read()
        self._told += len(data)
        return data

    async def picture(self, file: Path) -> bytes:
        """Write what is on the screen into a PNG file; returns it as plain pixels."""
        await self._monitor.execute("screendump", {"filename": str(file), "format": "png"})
        pixels = self._directory / "screen.ppm"
        await self._monitor.execute("screendump", {"filename": str(pixels)})
        return pixels.read_bytes()

    async def press_key(self) -> None:
        """Enter, on the machine's keyboard."""
        await self._monitor.execute("send-key", {"keys": [{"type": "qcode", "data": "ret"}]})

    async def inject_nmi(self) -> None:
        """What makes Windows crash with bugcheck 0x80."""
        await self._monitor.execute("inject-nmi")

    async def press_power(self, deadline: float) -> None:
        """Press the power button and wait for the end. Raises InfrastructureError when it does not come."""
        assert self._process  # noqa: S101
        await self._monitor.execute("system_powerdown")
        if not await self.ended(deadline):
            raise InfrastructureError(f"the guest did not shut down within {deadline:.0f} s")

    async def ended(self, deadline: float) -> bool:
        """Wait for the machine to be off; whether it is."""
        assert self._process  # noqa: S101
        try:
            await asyncio.wait_for(self._process.wait(), deadline)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End the machine, whatever it is doing."""
        if self._events:
            self._events.cancel()
        await self._monitor.close()
        if self._process and self._process.returncode is None:
            self._process.terminate()
            if not await self.ended(QUIT_DEADLINE):
                self._process.kill()
                await self._process.wait()
