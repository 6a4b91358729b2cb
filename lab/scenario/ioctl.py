"""IOCTLs by the names that lab.yaml gives them."""

from __future__ import annotations

from lab.config import Config, IoctlSpec
from lab.document import Location, shown, suggestion
from lab.scenario.values import Report
from lab.traffic.data import Bytes, Data


def named_ioctl(name: str, where: Location, config: Config, report: Report, otherwise: str) -> IoctlSpec | None:
    """The IOCTL of this name; `otherwise` is what would be right in a lab without any."""
    if name not in config.ioctls:
        right = suggestion(name, config.ioctls) if config.ioctls else otherwise
        report.add(where, f"{shown(name)} is not an IOCTL of lab.yaml", right)
    return config.ioctls.get(name)


def packed_input(spec: IoctlSpec, values: dict[str, int], where: Location, report: Report) -> Data:
    """The input structure with these fields, the others 0."""
    fields = {item.name: item for item in spec.input}
    for name, number in values.items():
        here = (*where, name)
        if name not in fields:
            report.add(here, f"is not an input field of {spec.name}", suggestion(name, fields))
            return Bytes(b"")
        low, high = fields[name].bounds
        if not low <= number <= high:
            report.add(here, f"{shown(number)} does not fit {fields[name].type}", f"a number from {low} to {high}")
            return Bytes(b"")
    return Bytes(spec.pack(values))
