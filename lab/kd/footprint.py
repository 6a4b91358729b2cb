"""What an attached debugger changed in the target, and how that is taken back when it has left."""

from __future__ import annotations

import struct
import threading
import time
from dataclasses import replace

from lab.kd.client import KdClient, KdState
from lab.kd.manipulate import CONTINUES, Api, Manipulate
from lab.kd.requests import DBG_CONTINUE, breakpoint_handle, go_on
from lab.kd.state_change import STATUS_BREAKPOINT, STATUS_SINGLE_STEP, ExceptionChange, decode_any

ASK_AGAIN_AFTER = 0.5
_CONTINUE2 = struct.Struct("<IIQ")
_ENABLED = 0xFF
_DR7_OFF = 0x400


class Footprint:
    """Breakpoints set, debug registers enabled, the stop it holds.

    The target's replies tell it, not the debugger's wishes. Told on the client's reader thread, asked on any.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._breakpoints: dict[int, int] = {}
        """Handle to address."""
        self._dr7 = 0
        self._held: bytes | None = None

    @property
    def holds(self) -> bool:
        """The target is stopped for the debugger."""
        return self._held is not None

    @property
    def remains(self) -> bool:
        """Breakpoints are set, in memory or in debug registers."""
        return bool(self._breakpoints) or bool(self._dr7 & _ENABLED)

    def stopped(self, payload: bytes) -> None:
        """The target stopped and waits for the debugger."""
        with self._changed:
            self._held = payload
            self._changed.notify_all()

    def asked(self, request: Manipulate) -> None:
        """The debugger's request is about to be passed on."""
        with self._changed:
            if request.api in CONTINUES:
                self._held = None
            if request.api == Api.CONTINUE2:
                self._dr7 = _CONTINUE2.unpack_from(request.union)[2]

    def replied(self, reply: Manipulate) -> None:
        """The target's reply to a request."""
        with self._changed:
            if reply.api == Api.WRITE_BREAKPOINT and not reply.failed:
                self._breakpoints[breakpoint_handle(reply)] = int.from_bytes(reply.union[:8], "little")
            elif reply.api == Api.RESTORE_BREAKPOINT:
                self._breakpoints.pop(int.from_bytes(reply.union[:4], "little"), None)

    def void(self) -> None:
        """The target restarted or went back in time: it knows nothing of the debugger."""
        with self._changed:
            self._breakpoints.clear()
            self._dr7 = 0
            self._held = None
            self._changed.notify_all()

    def erase(self, client: KdClient, within: float) -> None:
        """Turn its hardware breakpoints off, and let the target run from a stop of the debugger's own making.

        That is to be done before the client detaches it, which takes care of breakpoints in memory and of other
        stops, by policy. Gives up after `within` seconds. Raises GuestLostError.
        """
        deadline = time.monotonic() + within
        hardware = bool(self._dr7 & _ENABLED)
        if hardware and not self._stop(client, deadline):
            return
        if hardware or self._own_stop():
            self._go_on(client, deadline)

    def _own_stop(self) -> bool:
        """The target stands on a breakpoint that the debugger set, or after a step that it asked for."""
        change = decode_any(self._held) if self._held else None
        if not isinstance(change, ExceptionChange):
            return False
        on_breakpoint = change.code == STATUS_BREAKPOINT and change.program_counter in self._breakpoints.values()
        return on_breakpoint or change.code == STATUS_SINGLE_STEP

    def _stop(self, client: KdClient, deadline: float) -> bool:
        while not self.holds and time.monotonic() < deadline and client.state not in (KdState.LOST, KdState.CLOSED):
            # Asked again: a Continue of the debugger's may still have been on its way the first time.
            client.interrupt()
            with self._changed:
                self._changed.wait_for(lambda: self.holds, min(deadline - time.monotonic(), ASK_AGAIN_AFTER))
        return self.holds

    def _go_on(self, client: KdClient, deadline: float) -> None:
        message = go_on(processor=int.from_bytes((self._held or bytes(8))[6:8], "little"))
        if self._dr7 & _ENABLED:
            message = replace(message, api=Api.CONTINUE2, union=_CONTINUE2.pack(DBG_CONTINUE, 0, _DR7_OFF))
        self.asked(message)
        client.relay(message.encode())
        while client.state is KdState.STOPPED and not self.holds and time.monotonic() < deadline:
            time.sleep(0.01)
