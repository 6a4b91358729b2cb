"""What happens on a kernel debugger link, as the client's subscribers and the log see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.kd.policy import Reaction
from lab.kd.state_change import ExceptionChange, ModuleChange

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent(KdEvent):
    """Text that came outside any packet."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEvent(KdEvent):
    """The target asked and was answered."""

    processor: int
    text: str
    answer: str


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
    """The target printed that it dies, with this stop code."""

    processor: int
    code: int
    parameters: tuple[int, int, int, int]
    driver: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncEvent(KdEvent):
    """The target began its id streams anew: boot, reboot, or it had lost us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequestEvent(KdEvent):
    """The target asked for a file and was told that it is not served."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEvent(KdEvent):
    """Something that the client itself has to say."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLostEvent(KdEvent):
    """The link is gone; nothing more will come."""

    text: str


Description = tuple[str, int | None, str, dict[str, Any]]


def describe(event: KdEvent) -> Description:
    """Kind, processor, text and further fields of an event's log entry."""
    match event:
        case PrintEvent(processor=cpu, text=text):
            return "print", cpu, text, {}
        case RawEvent(text=text):
            return "raw", None, text, {}
        case PromptEvent(processor=cpu, text=text, answer=answer):
            return "prompt", cpu, text, {"answer": answer}
        case ModuleEvent():
            return _module(event)
        case StopEvent():
            return _stop(event)
        case BugcheckEvent():
            return _bugcheck(event)
        case ResyncEvent():
            return "resync", None, "the target restarted its link: boot, reboot, or it had lost the debugger", {}
        case FileRequestEvent(name=name):
            return "note", None, f"file request: {name!r} (not served)", {"file": name}
        case LinkLostEvent(text=text):
            return "note", None, text, {"lost": True}
        case NoteEvent(text=text):
            return "note", None, text, {}
    raise TypeError(f"no description of {event!r}")


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
    }
    return "bugcheck", event.processor, f"bugcheck {event.code:#x} ({parameters}){at_fault}", extras
