"""The process that owns one VM: QEMU is its child, the KD link its socket. It outlives the command that started it.

Started as `python -m lab.machine.supervisor DIRECTORY LEASE_FD`. Until somebody says "ready", the VM is on lease:
when the other end of the lease pipe closes (the starting command died), the supervisor takes the VM down. A worker's
VM stays on lease for good. When the supervisor itself is killed, the kernel ends QEMU with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lab.errors import GuestLostError, InfrastructureError, LabError, UsageError
from lab.kd.policy import Policy
from lab.machine.control import MAX_LINE, encode_error
from lab.machine.instance import CONTROL_SOCKET, SNAPSHOTS, SPEC, STATE, Instance
from lab.machine.qemu import load_spec
from lab.machine.vm import VirtualMachine

logger = logging.getLogger("supervisor")

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Supervisor:
    """Serves the control socket of one VM until the VM ends, its lease ends, or somebody says stop."""

    def __init__(self, directory: Path, lease: int) -> None:
        self._instance = Instance(directory)
        self._spec = load_spec(self._instance.path(SPEC))
        self._vm = VirtualMachine(self._spec)
        self._lease = lease
        self._is_leased = True
        self._phase = "starting"
        self._details: dict[str, Any] = {}
        self._scenario: str | None = None
        self._stop = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._handlers: dict[str, Handler] = {
            "status": self._status,
            "cont": self._cont,
            "ready": self._ready,
            "mark": self._mark,
            "sync": self._sync,
            "kd-policy": self._kd_policy,
            "kd-serve": self._kd_serve,
            "save": self._save,
            "load": self._load,
            "copy": self._copy,
            "look": self._look,
            "crash": self._crash,
            "memory": self._wrap_memory,
            "pulse": self._pulse,
            "nmi": self._nmi,
            "power-button": self._power_button,
            "stop": self._ask_stop,
        }

    async def run(self) -> None:
        """Start the VM, serve, and end it. The reason of the end is in the state file."""
        self._write_state()
        error: LabError | None = None
        try:
            await self._vm.start()
            await self._serve()
        except LabError as failure:
            error = failure
        finally:
            # From here on this is no lab that one could attach to, though it takes a moment to end.
            self._phase = "ending"
            self._write_state(error)
            await self._vm.close()
            Path(CONTROL_SOCKET).unlink(missing_ok=True)
            self._phase = "failed" if error else "stopped"
            self._write_state(error)
            logger.info("ended: %s", error or "stopped")

    async def _serve(self) -> None:
        Path(CONTROL_SOCKET).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._answer, CONTROL_SOCKET, limit=MAX_LINE)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_reader(self._lease, self._lease_ended)
        # Only now: whoever waits for this phase has something to ask next.
        self._set_phase("running")
        ending = [asyncio.create_task(self._vm.wait()), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(self._lease)
            server.close()
            for task in ending:
                task.cancel()
        if not self._stop.is_set():
            raise GuestLostError(
                self._vm.last_words(),
                f"read qemu.log and console.log in {self._spec.log_directory}; start again: lab up",
            )

    def _lease_ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lease)
        if self._is_leased:
            logger.warning("the process that this VM was for is gone: ending")
            self._stop.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError):
            line = await reader.readline()
            if line:
                writer.write(json.dumps(await self._dispatch(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _dispatch(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            handler = self._handlers.get(request.get("command"))
            if handler is None:
                raise UsageError(f"the supervisor knows no command {request.get('command')!r}")
            return await handler(request)
        except LabError as error:
            return {"error": encode_error(error)}
        except Exception as error:
            logger.exception("request failed")
            what = f"the supervisor failed: {type(error).__name__}: {error}"
            return {"error": encode_error(InfrastructureError(what, "see supervisor.log"))}

    async def _status(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {
            **self._state(),
            "kd": self._vm.kd_state(),
            "held": self._vm.held_stop(),
            "debugger": self._vm.debugger(),
            "snapshots": self._snapshots(),
        }

    async def _cont(self, _request: dict[str, Any]) -> dict[str, Any]:
        await self._vm.cont()
        return {}

    async def _ready(self, request: dict[str, Any]) -> dict[str, Any]:
        self._details = request.get("details", {})
        self._is_leased = bool(request.get("leased", False))
        self._set_phase("ready")
        return {}

    async def _mark(self, request: dict[str, Any]) -> dict[str, Any]:
        self._scenario = request.get("scenario")
        return {"seq": self._vm.mark(str(request["text"]), self._scenario)}

    async def _sync(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._one_at_a_time:
            await asyncio.to_thread(self._vm.sync, float(request["within"]))
        return {}

    async def _kd_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        await asyncio.to_thread(self._vm.set_policy, Policy.from_json(request["policy"]))
        return {}

    async def _kd_serve(self, request: dict[str, Any]) -> dict[str, Any]:
        files = {str(guest): Path(file) for guest, file in request["files"].items()}
        await asyncio.to_thread(self._vm.serve, files)
        return {}

    async def _save(self, request: dict[str, Any]) -> dict[str, Any]:
        tag = str(request["tag"])
        async with self._one_at_a_time:
            # Forgotten first: a snapshot that is being replaced must not be found half-written.
            self._record_snapshot(tag, None)
            link = await self._vm.save(tag)
            self._record_snapshot(tag, {"key": request["key"], "link": link, "made": time.time()})
        return {}

    async def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        tag = str(request["tag"])
        known = self._instance.read(SNAPSHOTS).get(tag)
        if known is None:
            raise InfrastructureError(f"this VM has no snapshot {tag!r}", "make one: lab down; lab up")
        async with self._one_at_a_time:
            await self._vm.load(tag, known["link"])
        return {}

    async def _copy(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._one_at_a_time:
            await self._vm.copy_disk(Path(request["to"]))
        return {}

    async def _look(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"file": await asyncio.to_thread(self._vm.look, float(request["within"]))}

    async def _crash(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"memory": await asyncio.to_thread(self._vm.crash, float(request["within"]))}

    async def _wrap_memory(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"notes": await asyncio.to_thread(self._vm.wrap_memory, Path(request["to"]))}

    async def _pulse(self, _request: dict[str, Any]) -> dict[str, Any]:
        return dict(await self._vm.pulse())

    async def _nmi(self, _request: dict[str, Any]) -> dict[str, Any]:
        await self._vm.inject_nmi()
        return {}

    async def _power_button(self, _request: dict[str, Any]) -> dict[str, Any]:
        await self._vm.press_power_button()
        return {}

    async def _ask_stop(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._stop.set()
        return {}

    def _snapshots(self) -> dict[str, str]:
        return {tag: each["key"] for tag, each in self._instance.read(SNAPSHOTS).items()}

    def _record_snapshot(self, tag: str, record: dict[str, Any] | None) -> None:
        snapshots = self._instance.read(SNAPSHOTS)
        snapshots.pop(tag, None)
        if record:
            snapshots[tag] = record
        self._instance.write(SNAPSHOTS, snapshots)

    def _set_phase(self, phase: str) -> None:
        self._phase = phase
        self._write_state()

    def _state(self) -> dict[str, Any]:
        spec = self._spec
        return {
            "phase": self._phase,
            "pid": os.getpid(),
            "qemu_pid": self._vm.pid,
            "accelerator": spec.accelerator,
            "accelerator_reason": spec.accelerator_reason,
            "ports": {"ssh": spec.ssh_port, "winrm": spec.winrm_port},
            "image": str(Path(spec.base).parent),
            "logs": spec.log_directory,
            "details": self._details,
            "scenario": self._scenario,
        }

    def _write_state(self, error: LabError | None = None) -> None:
        state = self._state()
        if error:
            state["error"] = encode_error(error)
        self._instance.write(STATE, state)


def main() -> None:
    directory, lease = Path(sys.argv[1]), int(sys.argv[2])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)  # It reports what we raise anyway.
    os.chdir(directory)
    instance = Instance(directory)
    with instance.lock("supervisor", "another supervisor runs this VM"):
        asyncio.run(Supervisor(directory, lease).run())


if __name__ == "__main__":
    main()
