"""What a reference model of a driver is: the driver's specification as a state machine, in plain Python.

`lab.yaml` names it (`model: driver/model/pipe.py:Pipe`); the lab makes one with the device's path and asks it whether
what the processes saw can be explained.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from lab.config import ModelSpec
from lab.document import printable
from lab.errors import UsageError
from lab.traffic.history import Operation

EVERYWHERE = "*"
"""The key of an operation that all parts of the state take part in."""


@dataclass(frozen=True)
class Interests:
    """What of a driver is worth trying, for traffic that `lab explore` makes up."""

    names: tuple[str, ...] = ()
    """Names below the device. With one text appended to all of them they are still names, and nobody has used those
    before. None: all is done to the device itself, whose driver is then loaded anew for each case."""
    lengths: tuple[int, ...] = (0, 1, 16)
    """Bytes to read and to write; others are tried too."""
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """For the input of IOCTLs, by the field's name in lab.yaml; else it is the bounds of the field's type."""
    unpredictable: frozenset[int] = frozenset()
    """Control codes that are none of the specification's business: they are left out."""


class Model(Protocol):
    """A driver as its specification has it.

    A state is immutable and hashable, and equal to another exactly if the driver would behave alike from then on: the
    search for an order remembers states.
    """

    def key(self, operation: Operation) -> str | None:
        """The part of the driver's state that the operation is about: what goes on in one part is of no concern to
        the others, so each is judged alone. None: about no part; EVERYWHERE: about each.
        """
        ...

    def parts(self, operation: Operation) -> Sequence[Operation]:
        """The atomic operations that it consists of, in their order: mostly itself alone."""
        ...

    def start(self) -> Hashable:
        """The state of a part that nobody has used yet."""
        ...

    def step(self, state: Any, operation: Operation) -> Iterable[Hashable]:
        """Every state in which the driver can be after the operation, if it gave the result that it has; nothing, if
        it cannot have given it. Without a result (`operation.has_result`) it can have given any.
        """
        ...

    def describe(self, state: Any) -> str:
        """The state in words, for people."""
        ...


@runtime_checkable
class InterestedModel(Protocol):
    """A model that also says what is worth trying; it need not."""

    def interests(self) -> Interests: ...


def interests_of(model: Model | None) -> Interests:
    """What the model calls worth trying, or what is tried of any driver."""
    return model.interests() if isinstance(model, InterestedModel) else Interests()


def load_model(spec: ModelSpec, device: str) -> Model:
    """A model of the driver behind `device`. Raises UsageError when there is none or it cannot be made."""
    path = spec.file
    if not path.is_file():
        raise UsageError(f"lab.yaml: model: there is no file {path}", "`model: FOLDER/FILE.py:CLASS`")
    module_name = f"_lab_model_{path.stem}"
    found = importlib.util.spec_from_file_location(module_name, path)
    if found is None or found.loader is None:
        raise UsageError(f"lab.yaml: model: {path} is no Python file", "`model: FOLDER/FILE.py:CLASS`")
    module = importlib.util.module_from_spec(found)
    sys.modules[module_name] = module
    try:
        found.loader.exec_module(module)
        model: Model = getattr(module, spec.name)(device)
    except Exception as error:  # The user's own code: whatever it raises is told, not shown as a traceback.
        what = printable(f"{type(error).__name__}: {error}", 200)
        raise UsageError(f"lab.yaml: model: {spec} cannot be used: {what}", f"see {path}") from error
    return model
