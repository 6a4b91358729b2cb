"""What `lab up` and `lab status` tell at their end."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from rich.console import Console
from rich.table import Table

from lab.config import Config
from lab.errors import LabError
from lab.guest.driver_file import inspect_driver
from lab.machine.control import call
from lab.machine.expiry import expiry_warning
from lab.machine.image import load_image
from lab.machine.instance import STATE, Instance
from lab.progress import Progress, plain_console
from lab.running import RunningLab
from vm_images.choice import find_image


def print_up(lab: RunningLab, progress: Progress, *, already: bool) -> None:
    """The short summary of a lab that is up: what runs, where things are, what to type next.

    Raises UsageError when the driver's file is gone meanwhile.
    """
    status = lab.status
    driver = lab.config.driver
    image = inspect_driver(driver.file).path.read_bytes()
    took = "was already up; nothing changed" if already else f"up in {progress.elapsed:.1f} s ({lab.how})"
    rows = [
        ("lab", took),
        ("guest", f"{lab.image.guest}, image {lab.image.digest[:16]} of {lab.image.built_at}"),
        ("accelerator", f"{status['accelerator']} ({status['accelerator_reason']})"),
        ("ports", f"SSH 127.0.0.1:{status['ports']['ssh']}, WinRM 127.0.0.1:{status['ports']['winrm']}"),
        ("driver", f"{driver.file} (service {driver.service}, sha256 {hashlib.sha256(image).hexdigest()[:16]})"),
        ("kd log", f"{lab.logs / 'kd.log'} (also kd.jsonl)"),
        ("next", "pytest scenarios | lab kd follow | lab kd shell | lab down"),
    ]
    _print_rows(progress.console, rows)


def collect_status(instance: Instance) -> dict[str, Any]:
    """State of the VM, whether or not one runs; `phase` is stopped, starting, running, ready or failed."""
    if not instance.is_supervised():
        state = instance.read(STATE)
        phase = state.get("phase", "stopped")
        # A supervisor that was killed left its last phase behind.
        result: dict[str, Any] = {"phase": phase if phase in ("stopped", "failed") else "stopped"}
        if "error" in state:
            result["error"] = state["error"]
        if "logs" in state:
            result["logs"] = state["logs"]
        return result
    try:
        return call(instance, "status")
    except LabError as error:
        return {"phase": "starting", "note": str(error)}


def image_expiry(config: Config) -> dict[str, Any]:
    """When the licence of the image ends (`date`), and what to tell of that; empty for one that does not end."""
    try:
        directory = find_image(config)
        image = load_image(directory) if directory else None
    except LabError:
        return {}  # `lab up` and `lab doctor` tell what is wrong with an image.
    if image is None or image.expires is None:
        return {}
    known: dict[str, Any] = {"date": image.expires.isoformat()}
    try:
        warning = expiry_warning(image, datetime.datetime.now(datetime.UTC))
    except LabError as error:
        return {**known, "ended": True, "warning": f"{error}; {error.advice}"}
    return {**known, "warning": warning} if warning else known


def print_status(state: dict[str, Any]) -> None:
    """The status as a small table."""
    console = plain_console()
    rows = [("lab", str(state["phase"]))]
    if "ports" in state:
        ports = state["ports"]
        rows += [
            ("accelerator", f"{state['accelerator']} ({state['accelerator_reason']})"),
            ("ports", f"SSH 127.0.0.1:{ports['ssh']}, WinRM 127.0.0.1:{ports['winrm']}"),
            ("debugger", str(state["kd"]) + (f"; attached: {state['debugger']}" if state.get("debugger") else "")),
            ("snapshots", ", ".join(state["snapshots"]) or "none"),
            ("processes", f"supervisor {state['pid']}, QEMU {state['qemu_pid']}"),
        ]
    if "error" in state:
        rows.append(("ended", f"{state['error']['cause']}: {state['error']['what']}"))
    if "logs" in state:
        rows.append(("logs", str(state["logs"])))
    if expiry := state.get("image_expiry"):
        rows.append(("licence", expiry.get("warning") or f"ends on {expiry['date'][:10]}"))
    _print_rows(console, rows)


def _print_rows(console: Console, rows: list[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(f"  {name}", text)
    console.print()
    console.print(table)
