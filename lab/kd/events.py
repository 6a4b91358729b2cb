"""What happens on a kernel debugger link, as the client's subscribers and the log see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.kd.inspection import Inspection, Region
from lab.kd.policy import Reaction
from lab.kd.state_change import SESSION_END_BASE, CommandChange, ExceptionChange, ModuleChange, StateChange

STATUS_NAMES = {
    0x80000003: "breakpoint",
    0x80000004: "single step",
    0xC0000005: "access violation",
    0xC000001D: "illegal instruction",
    0xC0000094: "integer division by zero",
    0xC0000420: "assertion failure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KdEvent:
    """An event. `seq` is the sequence number of its log entry, 0 when it has none."""

    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintEvent(KdEvent):
    """Text printed by the target, each byte one character (Latin-1)."""

    processor: int
    text: str
    component: int | None = None
    """DbgPrintEx component, level, and id of the process that the driver serves, where the target tells them."""
    level: int | None = None
    process: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent(KdEvent):
    """Text that came outside any packet."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEvent(KdEvent):
    """The target asked and was answered. `failed`: the policy calls the prompt a failure."""

    processor: int
    text: str
    answer: str
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleEvent(KdEvent):
    """An image was loaded or unloaded."""

    processor: int
    name: str
    base: int
    size: int
    checksum: int
    unload: bool

    @classmethod
    def of(cls, change: ModuleChange) -> ModuleEvent:
        """The event of a state change."""
        try:
            name = change.name.decode()
        except UnicodeDecodeError:
            name = change.name.decode("latin-1")
        return cls(
            processor=change.processor,
            name=name,
            base=change.base,
            size=change.size,
            checksum=change.checksum,
            unload=change.unload,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StopEvent(KdEvent):
    """The target stopped. `reason`: break-in, breakpoint, exception or bugcheck; `reaction`: hold or continue."""

    processor: int
    code: int
    address: int
    program_counter: int
    first_chance: bool
    reason: str
    reaction: str
    change: ExceptionChange

    @classmethod
    def of(cls, change: ExceptionChange, reason: str, reaction: Reaction) -> StopEvent:
        """The event of a state change."""
        return cls(
            processor=change.processor,
            code=change.code,
            address=change.address,
            program_counter=change.program_counter,
            first_chance=change.first_chance,
            reason=reason,
            reaction=reaction.value,
            change=change,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BugcheckEvent(KdEvent):
    """The target dies with this stop code. `source`: text that it printed, or memory (KiBugcheckData)."""

    processor: int
    code: int
    parameters: tuple[int, int, int, int]
    driver: str | None
    source: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionEvent(KdEvent):
    """What was read of the target at the stop before."""

    processor: int
    program_counter: int
    inspection: Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent(KdEvent):
    """A TRACE_IO packet: binary trace data. `payload` is the whole message."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncEvent(KdEvent):
    """The target began its id streams anew: boot, reboot, or it had lost us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequestEvent(KdEvent):
    """The target asked for a file. `served` is the host file that it gets; None when it has to use its own."""

    name: str
    served: str | None = None
    size: int = 0
    """Bytes of the host file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEvent(KdEvent):
    """Something that the client itself has to say."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLostEvent(KdEvent):
    """The link is gone; nothing more will come."""

    text: str


def notification(change: StateChange) -> KdEvent | None:
    """The event of a state change that is no exception; None when it says nothing."""
    if isinstance(change, ModuleChange) and change.unload and change.base == SESSION_END_BASE:
        return NoteEvent(text="the target ends the debugger session: reboot, or another debugger's turn")
    if isinstance(change, ModuleChange):
        return ModuleEvent.of(change)
    if isinstance(change, CommandChange):
        return NoteEvent(text=f"the target asks for a command: {change.command.decode('latin-1')!r}")
    return None


Description = tuple[str, int | None, str, dict[str, Any]]


def describe(event: KdEvent) -> Description:
    """Kind, processor, text and further fields of an event's log entry."""
    match event:
        case PrintEvent():
            return "print", event.processor, event.text, print_extras(event)
        case RawEvent(text=text):
            return "raw", None, text, {}
        case PromptEvent(processor=cpu, text=text, answer=answer):
            return "prompt", cpu, text, {"answer": answer} | ({"failed": True} if event.failed else {})
        case ModuleEvent():
            return _module(event)
        case StopEvent():
            return _stop(event)
        case BugcheckEvent():
            return _bugcheck(event)
        case InspectionEvent():
            return _inspection(event)
        case TraceEvent(payload=payload):
            return "note", None, f"trace packet of {len(payload)} bytes", {"trace": payload.hex()}
        case ResyncEvent():
            return "resync", None, "the target restarted its link: boot, reboot, or it had lost the debugger", {}
        case FileRequestEvent(name=name, served=None):
            return "note", None, f"file request: {name!r} (not served)", {"file": name}
        case FileRequestEvent(name=name, served=served, size=size):
            text = f"file request: {name!r} (served from host file {served}, {size} bytes)"
            return "note", None, text, {"file": name, "served": served, "bytes": size}
        case LinkLostEvent(text=text):
            return "note", None, text, {"lost": True}
        case NoteEvent(text=text):
            return "note", None, text, {}
    raise TypeError(f"no description of {event!r}")


def print_extras(event: PrintEvent) -> dict[str, Any]:
    """Further fields of a print's log entry: those that are known."""
    if event.component is None:
        return {}
    extras: dict[str, Any] = {"component": event.component, "level": event.level}
    return extras if event.process is None else extras | {"process": event.process}


def _module(event: ModuleEvent) -> Description:
    verb = "unload" if event.unload else "load"
    extras: dict[str, Any] = {
        "name": event.name,
        "base": event.base,
        "size": event.size,
        "checksum": event.checksum,
        "unload": event.unload,
    }
    return "module", event.processor, f"{verb} {event.name} at {event.base:#x}, {event.size:#x} bytes", extras


def _stop(event: StopEvent) -> Description:
    name = STATUS_NAMES.get(event.code, "exception")
    chance = "first" if event.first_chance else "second"
    then = {"hold": "held", "continue": "continued"}.get(event.reaction, event.reaction)
    what = "" if event.reason in (name, "exception") else f"{event.reason}: "
    text = f"{what}{name} ({event.code:#010x}) at {event.program_counter:#x}, {chance} chance, {then}"
    extras: dict[str, Any] = {
        "code": event.code,
        "address": event.address,
        "pc": event.program_counter,
        "first_chance": event.first_chance,
        "reason": event.reason,
        "answered": event.reaction,
    }
    return "stop", event.processor, text, extras


def _bugcheck(event: BugcheckEvent) -> Description:
    parameters = ", ".join(f"{each:#x}" for each in event.parameters)
    at_fault = f", driver at fault: {event.driver}" if event.driver else ""
    extras: dict[str, Any] = {
        "code": event.code,
        "parameters": list(event.parameters),
        "driver": event.driver,
        "source": event.source,
    }
    return "bugcheck", event.processor, f"bugcheck {event.code:#x} ({parameters}){at_fault}", extras


def _inspection(event: InspectionEvent) -> Description:
    found = event.inspection
    parts = [" ".join(f"{name}={value:x}" for name, value in found.registers.items()) or "no registers"]
    extras: dict[str, Any] = {"pc": event.program_counter, "registers": found.registers}
    for name, region in (("stack", found.stack), ("code", found.code)):
        if region is not None:
            extras[name] = _region(region)
            parts.append(f"{len(region.data)} bytes of {name} at {region.address:#x}")
    return "note", event.processor, f"at the stop at {event.program_counter:#x}: {'; '.join(parts)}", extras


def _region(region: Region) -> dict[str, Any]:
    return {"address": region.address, "bytes": region.data.hex()}
