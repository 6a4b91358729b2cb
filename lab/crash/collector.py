"""Looks into every crash of a target while it stands still, before it goes on to die."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from lab.crash.host_memory import HostMemory
from lab.crash.kept_memory import KeptMemory
from lab.crash.kept_scene import save_scene
from lab.crash.kernel_facts import is_nt, kernel_facts
from lab.crash.look import Look
from lab.crash.scene import Scene
from lab.errors import HungError, LabError
from lab.incidents import Kind
from lab.kd import requests
from lab.kd.bugcheck import Bugcheck
from lab.kd.client import KdClient
from lab.kd.events import BugcheckEvent, KdEvent, LinkLostEvent, StopEvent, describe
from lab.kd.state_change import is_user_mode
from lab.kd.stop_reason import BUGCHECK, EXCEPTION

logger = logging.getLogger(__name__)

CRITICAL_PROCESS_DIED = 0xEF
CLOSE_WITHIN = 12.0
POLL = 0.25


class Tell(Protocol):
    """Takes an incident."""

    def __call__(self, kind: str, text: str, **extras: Any) -> None: ...


class Collector:
    """Owns a thread. For each crash: incidents as they are seen, and a scene in `directory`."""

    def __init__(
        self, client: KdClient, directory: Path, images: Sequence[Path], tell: Tell, memory: HostMemory | None = None
    ) -> None:
        """`images` are directories with images of the system; `memory`, where there is one, is taken of NT kernels."""
        self._client = client
        self._directory = directory
        self._images = images
        self._tell = tell
        self._memory = memory
        self._visit: StopEvent | None = None
        self._bugcheck: Bugcheck | None = None
        self._scene: tuple[Scene, KeptMemory] | None = None
        """Of the exception that a bugcheck may follow."""
        self._boot = -1
        self._count = 0
        self._forced: int | None = None
        """In which boot the next stop is a crash of our own making: it was looked at before."""
        self._closing = threading.Event()
        self._events = client.subscribe()
        self._thread = threading.Thread(target=self._run, name="crash-collector", daemon=True)

    def start(self) -> None:
        """Begin to look into crashes."""
        self._client.set_visitor(self._wants)
        self._thread.start()

    def close(self) -> None:
        """Look into nothing more; a look that is under way ends first."""
        self._closing.set()
        self._thread.join(CLOSE_WITHIN)
        self._events.close()

    def look_now(self, within: float) -> str:
        """Stop the target, look at it, and let it run; the file of the scene. Takes little more than `within` seconds.

        Raises HungError when it does not stop, GuestLostError.
        """
        begin = time.monotonic()
        stop = self._client.break_in(within / 2)
        try:
            look = Look(self._client, stop, self._images, within - (time.monotonic() - begin))
            scene = look.scene("a hang, stopped by the kernel debugger")
        finally:
            self._client.resume()
        self._count += 1
        path = self._directory / f"hang-{self._count}.scene.json.gz"
        save_scene(scene, look.memory, path)
        return path.name

    def crash_now(self, within: float) -> bool:
        """Make the kernel die, so that it writes its dump. Returns whether an incident about its memory follows.

        Raises HungError when it does not stop for that.
        """
        self._client.break_in(within)
        memory_follows = self._takes_memory()
        self._forced = self._client.boots
        self._client.resume(message=requests.cause_bugcheck())
        return memory_follows

    def _wants(self, stop: StopEvent) -> bool:
        """Called by the client's own thread."""
        if self._closing.is_set() or is_user_mode(stop.change):
            return False
        fatal = stop.reason == BUGCHECK or (stop.reason == EXCEPTION and not stop.first_chance)
        if fatal:
            self._visit = stop
        return fatal

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                event = self._events.get(POLL)
            except HungError:
                continue
            try:
                self._take(event)
            except Exception:
                logger.exception("a crash could not be looked into")
            if isinstance(event, LinkLostEvent):
                return

    def _take(self, event: KdEvent) -> None:
        if self._boot != self._client.boots:
            self._boot, self._bugcheck, self._scene = self._client.boots, None, None
        if isinstance(event, BugcheckEvent):
            self._bugcheck = Bugcheck(event.code, event.parameters)
            kind = Kind.HOST_DEATH if event.code == CRITICAL_PROCESS_DIED else Kind.BUGCHECK
            self._tell(kind, describe(event)[2], code=event.code, parameters=list(event.parameters))
        elif isinstance(event, LinkLostEvent):
            self._tell(Kind.LINK_LOST, event.text)
        elif isinstance(event, StopEvent) and self._visit is not None and event.change is self._visit.change:
            visit, self._visit = self._visit, None
            forced, self._forced = self._forced, None
            try:
                if forced != self._boot:
                    self._look(visit)
                if visit.reason == BUGCHECK and self._takes_memory():
                    self._take_memory(visit)
            finally:
                self._client.end_visit(visit)

    def _takes_memory(self) -> bool:
        """Is it a kernel whose memory can be made a dump of?"""
        try:
            return self._memory is not None and is_nt(self._client)
        except LabError:
            return False

    def _take_memory(self, stop: StopEvent) -> None:
        assert self._memory  # noqa: S101
        try:
            self._memory.take(kernel_facts(self._client, stop, self._bugcheck))
        except LabError as error:
            self._tell(Kind.MEMORY, f"the machine's memory could not be taken: {error}", taken=False)
        else:
            self._tell(Kind.MEMORY, "the machine's memory is taken", taken=True)

    def _look(self, stop: StopEvent) -> None:
        kind = Kind.BUGCHECK_STOP if stop.reason == BUGCHECK else Kind.EXCEPTION
        self._tell(kind, describe(stop)[2], code=stop.code, pc=stop.program_counter)
        bugcheck = self._bugcheck if stop.reason == BUGCHECK else None
        if bugcheck is not None and self._scene is not None:
            # The exception of which it dies was looked at a moment ago: nothing has moved since.
            scene, memory = self._scene
            scene = replace(scene, bugcheck=bugcheck)
        else:
            look = Look(self._client, stop, self._images)
            scene, memory = look.scene("stop in the kernel debugger", bugcheck), look.memory
        self._scene = None if bugcheck else (scene, memory)
        self._save(scene, memory)

    def _save(self, scene: Scene, memory: KeptMemory) -> None:
        self._count += 1
        path = self._directory / f"crash-{self._count}.scene.json.gz"
        save_scene(scene, memory, path)
        final = scene.bugcheck is not None
        memory_follows = final and self._takes_memory()
        self._tell(Kind.SCENE, f"{scene.source}: {path.name}", file=path.name, final=final, memory=memory_follows)
