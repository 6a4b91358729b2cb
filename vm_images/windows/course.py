"""The course of an installation as the user sees it: phases with their times, a line and a picture every minute."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from contextlib import ExitStack
from pathlib import Path

from lab.errors import GuestLostError, InfrastructureError, LabError
from lab.progress import Progress
from vm_images.windows.install_vm import InstallVm
from vm_images.windows.installation import Installation, Phase, Seen
from vm_images.windows.pace import Pace

GIB = 1 << 30
GONE_WITHIN = 5.0
CURSOR = 4000
"""One in so many bits of a picture may differ: a cursor that blinks is no progress."""


class Course:
    """Follows an `Installation`, telling it to `progress`; pictures go into `logs/pictures`."""

    def __init__(self, progress: Progress, logs: Path) -> None:
        self._progress = progress
        self._pictures = logs / "pictures"
        self._phase = ExitStack()
        self._begin = time.monotonic()
        self._count = 0
        self._entered = 0
        self._title = ""
        self._screen = b""
        self._digest = ""

    def enter(self, title: str) -> None:
        """The next phase begins."""
        self._title = title
        self._phase.close()
        self._phase.enter_context(self._progress.phase(title))

    def end(self) -> None:
        """No phase goes on any more."""
        self._phase.close()

    async def follow(self, vm: InstallVm, installation: Installation, pace: Pace) -> None:
        """Watch the machine until the guest says that it is done; press keys that its medium asks for.

        Raises what `Installation.take` raises, and GuestLostError.
        """
        try:
            await self._watch(vm, installation, pace)
        except GuestLostError as lost:
            # Whatever was just being asked of a machine that went away: that it went is the cause.
            raise (vm.gone() if await vm.ended(GONE_WITHIN) else lost) from None
        finally:
            self._enter_all(installation)

    async def explained(self, error: LabError, vm: InstallVm) -> LabError:
        """An error with the phase in which it came; the last picture of the screen is of that moment."""
        with contextlib.suppress(LabError):
            await self._take_picture(vm)
        return type(error)(f"phase '{self._title}': {error}", error.advice)

    async def _watch(self, vm: InstallVm, installation: Installation, pace: Pace) -> None:
        self._enter_all(installation)
        next_picture = pace.picture
        stage = ""
        while not installation.is_done:
            seen = await vm.look(self._elapsed(), self._digest)
            installation.take(seen)
            self._enter_all(installation)
            if installation.stage != stage:
                stage = installation.stage
                self._tell(installation, seen)
            if installation.wants_key(seen.now):
                await vm.press_key()
            if seen.now >= next_picture:
                next_picture += pace.picture
                await self._take_picture(vm)
                self._tell(installation, seen)
            await asyncio.sleep(pace.look)

    def _enter_all(self, installation: Installation) -> None:
        for phase in installation.passed[self._entered :]:
            if phase is not Phase.DONE:
                self.enter(phase.value)
        self._entered = len(installation.passed)

    async def _take_picture(self, vm: InstallVm) -> None:
        self._count += 1
        file = self._pictures / f"{self._count:04}.png"
        try:
            screen = await vm.picture(file)
        except InfrastructureError as error:
            self._progress.note(f"no picture of the screen: {error}")
            return
        if differs(self._screen, screen):
            self._screen, self._digest = screen, hashlib.sha256(screen).hexdigest()

    def _tell(self, installation: Installation, seen: Seen) -> None:
        minutes, seconds = divmod(int(seen.now), 60)
        written = f"{seen.disk_written / GIB:.1f} GiB written"
        stage = f", {installation.stage}" if installation.stage else ""
        line = f"{minutes}:{seconds:02} {installation.phase.value}{stage}: {written}, {seen.resets} restarts"
        self._progress.note(line)

    def _elapsed(self) -> float:
        return time.monotonic() - self._begin


def differs(one: bytes, other: bytes) -> bool:
    """Whether two pictures, as plain pixels, show something else than a cursor here or there."""
    if len(one) != len(other):
        return True
    changed = (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).bit_count()
    return changed * CURSOR > len(one) * 8
