"""`lab doctor`: everything that the lab needs of its host, checked, with what to do about what is missing."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from lab.config import Config, DriverSpec
from lab.errors import InfrastructureError, LabError
from lab.guest.driver_file import inspect_driver
from lab.machine.accelerator import choose_accelerator
from lab.machine.expiry import expiry_warning
from lab.machine.image import load_image
from lab.machine.overlay import require_space
from lab.machine.qemu import find_qemu
from lab.running import TRAFFIC_PROGRAM, instance_of
from lab.summary import collect_status
from lab.worker_vm import budget
from vm_images.choice import find_image

TOOLS = {
    "qemu-img": "qemu-utils",
    "clang": "clang",
    "lld-link": "lld",
    "mmdebstrap": "mmdebstrap",
}
"""Program and the Debian package that has it."""


@dataclass(frozen=True)
class Finding:
    """One check: `good`, or what is wrong with advice."""

    what: str
    good: bool
    text: str
    advice: str = ""


def examine(config: Config) -> list[Finding]:
    """Run all checks; none of them changes anything but the probe guest's few milliseconds."""
    findings = [_finding("qemu", lambda: find_qemu()[1])]
    for tool, package in TOOLS.items():
        path = shutil.which(tool)
        findings.append(Finding(tool, bool(path), path or "not installed", f"apt-get install {package}"))
    findings += [
        _finding("accelerator", lambda: _accelerator(config)),
        _finding("disk space", lambda: _space(config)),
        _finding("guest image", lambda: _image(config)),
        _finding("VMs at once", lambda: _vms(config)),
    ]
    findings += [_finding(f"driver {name}", partial(_driver, driver)) for name, driver in config.drivers.items()]
    built = TRAFFIC_PROGRAM.is_file()
    findings.append(Finding("traffic program", built, str(TRAFFIC_PROGRAM), "build it: make driver"))
    state = collect_status(instance_of(config))
    findings.append(Finding("lab", True, str(state["phase"])))
    return findings


def print_report(findings: list[Finding], console: Console) -> int:
    """Print the findings; the exit status is 1 when something is missing."""
    for each in findings:
        mark = "[green]ok[/green]     " if each.good else "[red]missing[/red]"
        console.print(f"  {mark}  {each.what:<26} {each.text}", soft_wrap=True)
        if not each.good and each.advice:
            console.print(f"           what to do: {each.advice}", soft_wrap=True)
    return 0 if all(each.good for each in findings) else 1


def _finding(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except LabError as error:
        return Finding(what, False, str(error), error.advice)


def _driver(driver: DriverSpec) -> str:
    return str(inspect_driver(driver.file).path)


def _accelerator(config: Config) -> str:
    qemu, _version = find_qemu()
    directory = find_image(config)
    machine = load_image(directory).machine if directory else None
    accelerator = choose_accelerator(qemu, machine.cpu if machine else "max", machine.kvm_cpu if machine else "")
    return f"{accelerator.name}: {accelerator.reason}"


def _space(config: Config) -> str:
    require_space(config.root)
    return f"{shutil.disk_usage(config.root).free >> 30} GiB free at {config.root}"


def _vms(config: Config) -> str:
    room = budget(config)
    if room is None:
        return "known when there is a guest image"
    if not room.fitting:
        raise InfrastructureError(f"no other one fits: {room}", "free memory or disk: lab down; make clean")
    return f"{room} fit besides what runs: pytest scenarios -n {room.fitting}"


def _image(config: Config) -> str:
    directory = find_image(config)
    if directory is None:
        return "none for this recipe yet; `make image` or the first `make lab-up` builds it"
    image = load_image(directory)
    warning = expiry_warning(image, datetime.datetime.now(datetime.UTC))
    return f"{directory} of {image.built_at}" + (f"; {warning}" if warning else "")
