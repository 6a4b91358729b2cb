"""What a crash or a hang leaves, brought into safety: each part with a deadline of its own, each failure noted."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from lab.crash.kept_scene import load_scene
from lab.crash.offline_disk import fetch_from_disk
from lab.crash.report import CrashReport, make_report
from lab.crash.scene_symbols import scene_symbols
from lab.crash.seen import CrashSeen, HangSeen, Part, crash_of
from lab.errors import GuestLostError, HungError, InfrastructureError, LabError
from lab.guest.guest import Guest
from lab.guest.ssh import COMPRESSION
from lab.incidents import Incident, Kind
from lab.machine.control import call
from lab.machine.instance import Instance
from lab.machine.qemu import OVERLAY

SCENE_WITHIN = 10.0
"""Seconds from the first sign until the debugger has looked at everything."""
DUMP_WITHIN = 8.0
"""Seconds that the guest has to write its dump."""
REBOOT_WITHIN = 60.0
"""Seconds that an NT kernel has to write its dump and to start again, so that it can be fetched."""
FETCH_WITHIN = 60.0
MEMORY_WITHIN = 65.0
"""Seconds that QEMU has to write the machine's memory."""
WRAP_WITHIN = 120.0
"""Seconds for making a dump of it."""
LOOK_WITHIN = 5.0
"""Seconds for stopping a guest that hangs, and for looking at it."""
BREAK_IN_WITHIN = 3.0
CLOCKS_DIFFER = 5.0
"""Seconds: a dump whose time is that much before the crash is of an older one."""
POLL = 0.1

SCENE_FILE = "scene.json.gz"
REPORT_FILE = "crash.json"
TEXT_FILE = "crash.txt"
DUMP_FILE = "crash.dmp.gz"
HANG_DUMP_FILE = "hang.dmp.gz"
MEMORY_FILE = "memory.dmp.gz"


@dataclass(frozen=True)
class Sources:
    """Where evidence comes from, and what it is explained with."""

    instance: Instance
    guest: Guest
    logs: Path
    """Where the debugger leaves its scenes."""
    dumps: Sequence[str]
    """Guest files."""
    symbols: Sequence[Path]
    """Directories with PDBs and images."""
    code: Path
    """Below it the sources may lie that the PDBs name."""
    incidents: Callable[[], list[Incident]]


class Evidence:
    """Of one crash or hang, for one directory. A part that cannot be had is noted, and nothing is raised."""

    def __init__(self, sources: Sources, directory: Path) -> None:
        self._sources = sources
        self._directory = directory
        self._parts: list[Part] = []
        self._report: CrashReport | None = None
        self._first = time.time()

    def secure_crash(self) -> CrashSeen | None:
        """Bring in report, scene and dump; None when there was no crash."""
        incidents = self._sources.incidents()
        if crash_of(incidents) is None:
            return None
        self._first = incidents[0].t
        self._part("report", self._report_crash)
        if any(each.kind in (Kind.EXCEPTION, Kind.BUGCHECK, Kind.BUGCHECK_STOP) for each in incidents):
            follows = any(each.extras.get("memory") for each in self._sources.incidents())
            taken = follows and self._memory_taken()
            within = REBOOT_WITHIN if follows else DUMP_WITHIN
            if not self._part("dump", lambda: self._dump(DUMP_FILE, within)) and follows:
                self._part("memory", lambda: self._wrap_memory(MEMORY_FILE, taken))
        seen = crash_of(self._sources.incidents())
        assert seen  # noqa: S101
        return replace(seen, report=self._report, parts=tuple(self._parts))

    def secure_hang(self, capabilities: Set[str]) -> HangSeen:
        """Stop the guest and look at it; then make it crash, if it leaves dumps, and bring in the dump."""
        self._part("report", self._report_hang)
        if "crash-dump" in capabilities:
            self._part("dump", lambda: self._force_dump(by_nmi="nmi-crash" in capabilities))
        return HangSeen(self._report, tuple(self._parts))

    def _part(self, what: str, bring: Callable[[], str]) -> bool:
        """Is it in safety?"""
        try:
            file, failure = bring(), ""
        except (LabError, OSError) as error:  # OSError: the host's disk is full.
            file, failure = "", str(error)
        self._parts.append(Part(what, time.time() - self._first, file, failure))
        return bool(file)

    # --- reports ---

    def _report_crash(self) -> str:
        report = self._explain(self._scene_name())
        (self._directory / REPORT_FILE).write_text(json.dumps(report.to_json(), indent=1) + "\n")
        (self._directory / TEXT_FILE).write_text(report.text(), encoding="utf-8")
        return TEXT_FILE

    def _report_hang(self) -> str:
        answer = call(self._sources.instance, "look", timeout=LOOK_WITHIN + 5, within=LOOK_WITHIN)
        self._explain(str(answer["file"]))
        return SCENE_FILE

    def _explain(self, scene_name: str) -> CrashReport:
        found = self._directory / SCENE_FILE
        shutil.copyfile(self._sources.logs / scene_name, found)
        scene = load_scene(found)
        self._report = make_report(scene, scene_symbols(scene, self._sources.symbols), [self._sources.code])
        return self._report

    def _scene_name(self) -> str:
        """The newest, once nothing more is to come."""
        deadline = self._first + SCENE_WITHIN
        while True:
            scenes = [each for each in self._sources.incidents() if each.kind == Kind.SCENE]
            if scenes and (scenes[-1].extras["final"] or time.time() > deadline):
                return str(scenes[-1].extras["file"])
            if time.time() > deadline:
                raise HungError(f"the debugger saw no scene of it within {SCENE_WITHIN:g} s")
            time.sleep(POLL)

    # --- dumps ---

    def _force_dump(self, *, by_nmi: bool) -> str:
        self._first = time.time()
        try:
            answer = call(self._sources.instance, "crash", timeout=BREAK_IN_WITHIN + 5, within=BREAK_IN_WITHIN)
        except HungError:
            if not by_nmi:
                raise
            # A kernel that does not even listen to its debugger has one more ear.
            answer = call(self._sources.instance, "nmi")
        if answer.get("memory") and self._memory_taken():
            return self._wrap_memory(HANG_DUMP_FILE, taken=True)
        return self._dump(HANG_DUMP_FILE, DUMP_WITHIN)

    def _dump(self, name: str, within: float) -> str:
        """From the guest while it answers; from its disk when the machine is off."""
        try:
            return self._fetch_dump(name, within)
        except GuestLostError:
            if self._sources.instance.is_supervised():
                raise
            return self._read_dump(name)

    def _read_dump(self, name: str) -> str:
        plain = self._directory / Path(name).stem
        complaints = []
        for remote in self._sources.dumps:
            try:
                fetch_from_disk(self._sources.instance.path(OVERLAY), remote, plain, FETCH_WITHIN)
            except LabError as error:
                complaints.append(str(error))
                continue
            return self._pack(plain, name)
        raise InfrastructureError("; ".join(complaints) or "this guest writes no dumps")

    def _fetch_dump(self, name: str, within: float) -> str:
        """The guest's own, as soon as it is written."""
        if not self._sources.dumps:
            raise InfrastructureError("this guest writes no dumps")
        deadline = time.time() + within
        while True:
            remote = self._written(until=deadline)
            if remote:
                self._sources.guest.fetch(remote, self._directory / name, FETCH_WITHIN)
                return name
            if time.time() > deadline:
                raise HungError(f"the guest wrote no dump within {within:g} s")
            time.sleep(POLL)

    def _written(self, until: float) -> str | None:
        """The dump of this crash in the guest. Until then the guest may be away: it starts again."""
        try:
            for remote in self._sources.dumps:
                written = self._sources.guest.modified(remote)
                if written is not None and written > self._first - CLOCKS_DIFFER:
                    return remote
        except GuestLostError:
            if time.time() > until or not self._sources.instance.is_supervised():
                raise
        return None

    # --- the machine's memory ---

    def _memory_taken(self) -> bool:
        """Did QEMU write it? Returns when it has, or will not."""
        deadline = time.time() + MEMORY_WITHIN
        while time.time() < deadline:
            told = [each for each in self._sources.incidents() if each.kind == Kind.MEMORY]
            if told:
                return bool(told[-1].extras["taken"])
            time.sleep(POLL)
        return False

    def _wrap_memory(self, name: str, taken: bool) -> str:
        if not taken:
            told = [each.text for each in self._sources.incidents() if each.kind == Kind.MEMORY]
            raise InfrastructureError(told[-1] if told else f"QEMU did not write it within {MEMORY_WITHIN:g} s")
        plain = self._directory / Path(name).stem
        call(self._sources.instance, "memory", timeout=WRAP_WITHIN, to=str(plain.resolve()))
        return self._pack(plain, name)

    def _pack(self, plain: Path, name: str) -> str:
        with plain.open("rb") as dump, gzip.open(self._directory / name, "wb", COMPRESSION) as packed:
            shutil.copyfileobj(dump, packed)
        plain.unlink()
        return name
