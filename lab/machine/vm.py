"""One running QEMU with its QMP connection and KD link. Lives in the supervisor's process and directory."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lab.crash.collector import Collector
from lab.crash.host_memory import HostMemory
from lab.errors import InfrastructureError, LabError
from lab.incidents import Journal, Kind
from lab.kd.bridge import Bridge
from lab.kd.client import KdClient
from lab.kd.events import STATUS_NAMES
from lab.kd.link import LinkState
from lab.kd.log import KdLog
from lab.kd.policy import Policy
from lab.kd.transport import UnixTransport
from lab.machine.console import console_last_words
from lab.machine.firmware import VARIABLES
from lab.machine.instance import KD_BRIDGE_SOCKET, QEMU_LOG
from lab.machine.monitor import Monitor
from lab.machine.qemu import CONSOLE_LOG, KD_RAW, KD_SOCKET, OVERLAY, PORT_REFUSED, QMP_SOCKET, VmSpec, command_line
from lab.machine.template import copy_disk

MEMORY_CORE = "memory.core"
START_DEADLINE = 20.0
QUIT_DEADLINE = 5.0
PR_SET_PDEATHSIG = 1


class VirtualMachine:
    """Starts QEMU stopped, attaches QMP and KD, and only then lets the guest run."""

    def __init__(self, spec: VmSpec) -> None:
        self._spec = spec
        self._logs = Path(spec.log_directory)
        self._process: asyncio.subprocess.Process | None = None
        self._monitor = Monitor(spec.machine.nodes())
        self._kd: KdClient | None = None
        self._kd_log: KdLog | None = None
        self._bridge: Bridge | None = None
        self._collector: Collector | None = None
        self._memory: HostMemory | None = None
        self._events: asyncio.Task[None] | None = None
        self._journal = Journal(self._logs)
        self._still = asyncio.Lock()
        """Whoever makes the machine stand still has it: QEMU would start the machine at the end of each, for all."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start QEMU with the guest stopped and the debugger attached: the first packet must find us listening.

        Raises InfrastructureError with QEMU's own words when it does not start.
        """
        for name in (QMP_SOCKET, KD_SOCKET):
            Path(name).unlink(missing_ok=True)
        for name in (KD_RAW, CONSOLE_LOG):
            _link_into(self._logs, name)
        log = (self._logs / QEMU_LOG).open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                *command_line(self._spec),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )
        connecting = asyncio.create_task(self._monitor.connect(QMP_SOCKET, START_DEADLINE))
        exiting = asyncio.create_task(self._process.wait())
        await asyncio.wait([connecting, exiting], return_when=asyncio.FIRST_COMPLETED)
        exiting.cancel()
        if self._process.returncode is not None:
            connecting.cancel()
            raise InfrastructureError(f"QEMU did not start: {self.last_words()}", _advice(self.last_words()))
        await connecting
        self._events = self._monitor.watch(self._take_event)
        self._kd_log = KdLog(self._logs)
        self._kd = KdClient(UnixTransport(Path(KD_SOCKET)), self._kd_log)
        self._kd.start()
        self._bridge = Bridge(Path(KD_BRIDGE_SOCKET), self._kd, self._kd_log)
        self._bridge.start()
        images = Path(self._spec.base).parent / "modules"
        loop = asyncio.get_running_loop()
        self._memory = HostMemory(
            partial(self._write_memory, loop), Path(MEMORY_CORE), self._spec.machine.memory_mb << 20
        )
        self._collector = Collector(self._kd, self._logs, [images], self._journal.tell, self._memory)
        self._collector.start()

    def _take_event(self, name: str, data: Mapping[str, Any], _when: float) -> None:
        """What QEMU says by itself, as far as it is bad news."""
        reason = str(data.get("reason", ""))
        if name == "GUEST_PANICKED":
            self._journal.tell(Kind.PANIC, f"the guest's kernel panicked (QEMU will {data.get('action', 'go on')})")
        elif name == "RESET" and data.get("guest"):
            self._journal.tell(Kind.RESET, f"the guest reset its machine ({reason})")
        elif name == "SHUTDOWN" and data.get("guest"):
            kind, does = (Kind.RESET, "reset") if reason == "guest-reset" else (Kind.SHUTDOWN, "shut down")
            self._journal.tell(kind, f"the guest {does} its machine ({reason})")

    async def cont(self) -> None:
        await self._monitor.execute("cont")
        if self._kd:
            self._kd.unfreeze()

    async def wait(self) -> None:
        """Return when QEMU has ended."""
        if self._process:
            await self._process.wait()
            self._journal.tell(Kind.QEMU_ENDED, self.last_words())

    async def save(self, tag: str) -> dict[str, Any]:
        """Take a snapshot of the running guest; return the KD link state that belongs to it."""
        assert self._kd  # noqa: S101
        async with self._still:
            await self._monitor.execute("stop")
            try:
                link = await asyncio.to_thread(self._kd.freeze)
                await self._monitor.save_snapshot(tag)
            finally:
                await self.cont()
        return link.to_json()

    async def load(self, tag: str, link: dict[str, Any]) -> None:
        """Put the guest back to a snapshot and let it run. The KD link goes back in time with it.

        An attached debugger stays: for it the target has restarted.
        """
        assert self._kd  # noqa: S101
        async with self._still:
            await asyncio.to_thread(self._kd.hush)
            await self._monitor.execute("stop")
            await self._monitor.load_snapshot(tag)
            await asyncio.to_thread(self._kd.thaw, LinkState.from_json(link))
            self._journal.tell(Kind.RESTORED, f"put back to the snapshot {tag!r}")
            await self.cont()
        if self._memory:
            await asyncio.to_thread(self._memory.forget)

    async def copy_disk(self, to: Path) -> None:
        """Copy the disk with its snapshots; the guest stands still meanwhile. Raises InfrastructureError."""
        async with self._still:
            await self._monitor.execute("stop")
            try:
                await asyncio.to_thread(copy_disk, Path(OVERLAY), to)
                if self._spec.firmware:
                    await asyncio.to_thread(copy_disk, Path(VARIABLES), to.with_name(VARIABLES))
            finally:
                await self._monitor.execute("cont")

    def mark(self, text: str, scenario: str | None) -> int:
        """Write a marker into the kd log; following entries belong to `scenario`."""
        assert self._kd_log  # noqa: S101
        return self._kd_log.marker(text, scenario=scenario)

    def sync(self, timeout: float) -> None:
        """Return when everything that the guest printed before is in the kd log."""
        assert self._kd  # noqa: S101
        self._kd.sync(timeout)

    def look(self, within: float) -> str:
        """Stop the guest in the debugger, look at it, let it run; the file of what was seen, in the logs."""
        assert self._collector  # noqa: S101
        if self.debugger() is not None:
            raise InfrastructureError(f"a debugger is attached ({self.debugger()}): it is not disturbed")
        return self._collector.look_now(within)

    def crash(self, within: float) -> bool:
        """Make the guest crash by the debugger, for its dump's sake. Is an incident about its memory to follow?"""
        assert self._collector  # noqa: S101
        return self._collector.crash_now(within)

    def wrap_memory(self, target: Path) -> tuple[str, ...]:
        """Make a dump of the guest's memory, as it was when its kernel died. Returns what could not be told."""
        assert self._memory  # noqa: S101
        return self._memory.wrap(target).notes

    def _write_memory(self, loop: asyncio.AbstractEventLoop, path: Path) -> None:
        """For the collector's thread."""

        async def dump() -> None:
            async with self._still:
                await self._monitor.dump_memory(path.resolve())

        asyncio.run_coroutine_threadsafe(dump(), loop).result()

    async def pulse(self) -> dict[str, float]:
        """What the guest has used up to now: `cpu`, seconds that its processors worked; `waited`, seconds that one of
        them would have, had the host had a processor for it; `disk`, bytes read and written."""
        statistics = await self._monitor.execute("query-blockstats")
        assert isinstance(statistics, list)  # noqa: S101
        disk = sum(each["stats"]["rd_bytes"] + each["stats"]["wr_bytes"] for each in statistics)
        processors = await self._monitor.execute("query-cpus-fast")
        assert isinstance(processors, list)  # noqa: S101
        # Under TCG all virtual processors may share a thread.
        times = [self._thread_times(each) for each in {each["thread-id"] for each in processors}]
        cpu, waited = (sum(each) / 1e9 for each in zip(*times, strict=True))
        return {"cpu": cpu, "waited": waited / len(times), "disk": float(disk)}

    def _thread_times(self, thread: int) -> tuple[int, int]:
        """Nanoseconds that one of QEMU's threads has run, and waited for a processor of the host."""
        run, waited, _ = Path(f"/proc/{self.pid}/task/{thread}/schedstat").read_text().split()
        return int(run), int(waited)

    async def inject_nmi(self) -> None:
        """Interrupt the guest in a way that it cannot mask."""
        await self._monitor.execute("inject-nmi")

    async def press_power_button(self) -> None:
        """Ask the guest to shut down in order."""
        await self._monitor.execute("system_powerdown")

    def set_policy(self, policy: Policy) -> None:
        """How the kernel debugger reacts to stops and prompts from now on."""
        assert self._kd  # noqa: S101
        self._kd.set_policy(policy)

    def serve(self, files: dict[str, Path]) -> None:
        """Files of the host that the guest gets from now on in place of its own, by guest path."""
        assert self._kd  # noqa: S101
        self._kd.serve(files)

    def held_stop(self) -> str | None:
        """Where and why the guest is held in the kernel debugger; None when it is not."""
        stop = self._kd.stop_event if self._kd and self._kd.held and not self._kd.visited else None
        if stop is None:
            return None
        what = stop.reason if stop.reason != "exception" else STATUS_NAMES.get(stop.code, stop.reason)
        return f"{stop.program_counter:#x}: {what} ({stop.code:#010x})"

    def kd_state(self) -> str:
        return self._kd.state if self._kd else "not attached"

    def debugger(self) -> str | None:
        """Who is attached through the bridge; None for nobody."""
        return self._bridge.attached if self._bridge else None

    def last_words(self) -> str:
        """How QEMU ended, in one line, with what it or the guest's console said last."""
        status = self._process.returncode if self._process else None
        how = "has not ended" if status is None else f"ended with status {status}"
        if status is not None and status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        lines = (self._logs / QEMU_LOG).read_text(errors="replace").strip().splitlines()
        said = lines[-1][:300] if lines else ""
        if status == 0:
            how = "ended because the guest shut down or crashed"
            said = f"its console last said: {console_last_words(self._logs / CONSOLE_LOG)}"
        return f"QEMU {how}" + (f": {said}" if said else "")

    async def close(self) -> None:
        """End the KD link and QEMU, whatever state they are in."""
        if self._events:
            self._events.cancel()
        if self._collector:
            await asyncio.to_thread(self._collector.close)
        if self._memory:
            self._memory.forget()
        if self._bridge:
            await asyncio.to_thread(self._bridge.close)
            Path(KD_BRIDGE_SOCKET).unlink(missing_ok=True)
        if self._kd:
            await asyncio.to_thread(self._kd.close)
        if self._kd_log:
            self._kd_log.close()
        if self._process and self._process.returncode is None:
            with contextlib.suppress(LabError):
                await self._monitor.execute("quit", deadline=QUIT_DEADLINE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIT_DEADLINE):
                    await self._process.wait()
        await self._monitor.close()
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._journal.close()


def _die_with_parent() -> None:
    """In the child before exec: get SIGKILL when the supervisor dies, and end at once if it already has."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _link_into(logs: Path, name: str) -> None:
    """QEMU writes `name` in its own directory: make that the file of this start's logs."""
    Path(name).unlink(missing_ok=True)
    Path(name).symlink_to(logs / name)


def _advice(words: str) -> str:
    if PORT_REFUSED in words:
        return "another program took the port in the meantime: start again"
    return "see qemu.log beside the kd log"
