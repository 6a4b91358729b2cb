"""What is read of a target that stopped unexpectedly: registers, stack, and the memory around the program counter."""

from __future__ import annotations

from dataclasses import dataclass

from lab.kd import requests, steps
from lab.kd.context import decode_context
from lab.kd.knowledge import Knowledge
from lab.kd.policy import Policy
from lab.kd.state_change import ExceptionChange
from lab.kd.steps import Steps


@dataclass(frozen=True, slots=True)
class Region:
    """Memory as it was; fewer bytes than wanted when the rest was not there."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Inspection:
    """What could be read; empty for what the target refused."""

    registers: dict[str, int]
    stack: Region | None
    code: Region | None

    @property
    def empty(self) -> bool:
        """Did the target refuse everything?"""
        return not (self.registers or self.stack or self.code)


def inspect(change: ExceptionChange, knowledge: Knowledge, policy: Policy) -> Steps[Inspection]:
    """Read as much as `policy` says. Raises UnansweredError as soon as the target leaves a request unanswered."""
    reply = yield from steps.ask(requests.get_context(change.processor))
    context = None if reply.failed else decode_context(reply.data, knowledge.told)
    stack = code = None
    if context is not None and policy.stack_bytes:
        data = yield from steps.read(context.stack_pointer, policy.stack_bytes)
        stack = Region(context.stack_pointer, data) if data else None
    if policy.code_bytes:
        code = yield from _around(change.program_counter, policy.code_bytes)
    return Inspection(context.registers if context else {}, stack, code)


def _around(address: int, count: int) -> Steps[Region | None]:
    """Memory on both sides of `address`; only that behind it when what is before cannot be read."""
    before = min(count // 2, address)
    data = yield from steps.read(address - before, count)
    if len(data) > before:
        return Region(address - before, data)
    data = yield from steps.read(address, count - before)
    return Region(address, data) if data else None
