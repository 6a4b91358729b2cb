"""From nothing to a usable lab: image, VM, debugger, guest, driver, snapshot. Each step is a phase with its time."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.build import build
from lab.config import Config
from lab.errors import GuestLostError, InfrastructureError, LabError
from lab.guest.driver_file import inspect_driver
from lab.guest.restored import boot_id
from lab.machine.accelerator import choose_accelerator
from lab.machine.console import console_last_words
from lab.machine.control import call
from lab.machine.expiry import expiry_warning
from lab.machine.firmware import VARIABLES, find_ovmf
from lab.machine.image import Image, load_image
from lab.machine.instance import SNAPSHOTS, STATE, Instance
from lab.machine.launch import Lease, start_supervisor, stop_supervisor
from lab.machine.overlay import create_overlay, overlay_is_sound, require_space
from lab.machine.qemu import (
    CONSOLE_LOG,
    OVERLAY,
    PORT_REFUSED,
    WINRM_HTTP,
    WINRM_HTTPS,
    VmSpec,
    find_qemu,
    free_ports,
)
from lab.machine.template import Template
from lab.progress import Progress, Silent
from lab.running import BOOTED, READY, SNAPSHOT_DEADLINE, TRAFFIC_PROGRAM, RunningLab, instance_of, set_debugger
from vm_images.choice import ensure_image

PORT_ATTEMPTS = 3


def attach(config: Config) -> RunningLab:
    """The lab that is up. Raises GuestLostError, with the reason of its end, when none is."""
    instance = instance_of(config)
    status = call(instance, "status")
    if status["phase"] != "ready":
        raise GuestLostError("the lab is still starting", "wait for the other `lab up`")
    return _handle(config, load_image(Path(status["image"])), status, "running")


def _handle(config: Config, image: Image, status: dict[str, Any], how: str) -> RunningLab:
    return RunningLab(config, image, status, how, restart=lambda: up(config, Silent()))


def is_up(config: Config) -> bool:
    """Whether a lab is up and ready."""
    instance = instance_of(config)
    return instance.is_supervised() and instance.read(STATE).get("phase") == "ready"


def down(config: Config) -> bool:
    """End the VM; its snapshots stay for the next start. Returns whether there was one."""
    return stop_supervisor(instance_of(config))


def up(config: Config, progress: Progress) -> RunningLab:
    """Build the driver, bring the lab up, from a snapshot where one fits, and return it. Leaves a running lab as it is.

    A worker's VM is started anew, and ends with this process. Raises LabError with cause and advice; the VM of a failed
    start is ended.
    """
    with ExitStack() as alone:
        if config.is_worker:
            alone.enter_context(template_of(config).lock())
        build(config, progress)
        instance = instance_of(config)
        instance.create()
        with instance.lock("up", "another `lab up` is at work here"):
            if is_up(config) and not config.is_worker:
                return attach(config)
            stop_supervisor(instance)
            return _Start(config, instance, progress, alone).run()


def template_of(config: Config) -> Template:
    """What the VMs of workers begin with."""
    return Template(config.root / ".lab" / "template")


class _Start:
    """One start of the lab, phase by phase."""

    def __init__(self, config: Config, instance: Instance, progress: Progress, alone: ExitStack) -> None:
        """`alone` keeps other workers waiting for the snapshot that this start makes; closed when there is one."""
        self.config = config
        self.instance = instance
        self.progress = progress
        self.alone = alone

    def run(self) -> RunningLab:
        self._check_files()
        spec, image = self._prepare()
        lease = Lease()
        try:
            tag = self._fitting_snapshot(spec)
            if tag == READY:
                self.alone.close()
            self._start_vm(spec, lease, tag)
            how = f"from the snapshot {tag!r}" if tag else "cold boot"
            lab = _handle(self.config, image, call(self.instance, "status"), how)
            self._wait_for_guest(lab, spec, tag)
            if tag != READY:
                self._load_driver(lab)
                with self.progress.phase("snapshot: ready"):
                    self._save(READY, self._ready_key(spec))
                if self.config.is_worker:
                    with self.progress.phase("snapshots copied for other workers"):
                        template_of(self.config).take(self.instance)
            details = {"how": how, "boot_id": boot_id(lab.guest, image.boot_id)}
            call(self.instance, "ready", details=details, leased=self.config.is_worker)
            lab.status = call(self.instance, "status")
        except BaseException:
            try:
                stop_supervisor(self.instance)
            finally:
                lease.close()
            raise
        if not self.config.is_worker:  # Else it lasts as long as this process.
            lease.close()
        return lab

    def _check_files(self) -> None:
        """A missing or wrong file is told before anything long begins."""
        inspect_driver(self.config.driver.file)
        if not TRAFFIC_PROGRAM.is_file():
            raise InfrastructureError(f"{TRAFFIC_PROGRAM} does not exist", "build it: make driver")
        self.config.debugger.files()
        for name, file in self.config.programs.items():
            if not file.is_file():
                raise InfrastructureError(f"program {name}: {file} does not exist", "build it, or correct lab.yaml")

    def _prepare(self) -> tuple[VmSpec, Image]:
        qemu, version = find_qemu()
        image = load_image(ensure_image(self.config, self.progress))
        warning = expiry_warning(image, datetime.datetime.now(datetime.UTC))
        if warning:
            self.progress.note(f"warning: {warning}")
        require_space(self.instance.directory)
        with self.progress.phase("accelerator: probe") as phase:
            accelerator = choose_accelerator(qemu, image.machine.cpu, image.machine.kvm_cpu)
            phase.detail = f"{accelerator.name}: {accelerator.reason}"
        if accelerator.emulates and image.machine.enlightened:
            self.progress.note("warning: Windows is emulated here, without KVM: everything takes ten times as long")
        return VmSpec(
            qemu=qemu,
            qemu_version=version,
            accelerator=accelerator.name,
            accelerator_reason=accelerator.reason,
            machine=image.machine,
            kernel=str(image.kernel.resolve()) if image.kernel else "",
            initrd=str(image.initrd.resolve()) if image.initrd else "",
            append=image.append,
            firmware=str(find_ovmf().code) if image.variables else "",
            guest_winrm=WINRM_HTTPS if image.credentials().certificate else WINRM_HTTP,
            base=str(image.base.resolve()),
            image_digest=image.digest,
            ssh_port=0,
            winrm_port=0,
            log_directory=str(self.instance.new_log_directory()),
        ), image

    def _fitting_snapshot(self, spec: VmSpec) -> str | None:
        """The snapshot to start from; without one, a fresh overlay is laid."""
        overlay = self.instance.path(OVERLAY)
        known = {tag: each.get("key") for tag, each in self.instance.read(SNAPSHOTS).items()}
        wanted = {READY: self._ready_key(spec), BOOTED: spec.machine_key()}
        lent = template_of(self.config).keys() if self.config.is_worker else {}
        for tag, key in wanted.items():
            if known.get(tag) == key and overlay_is_sound(overlay):
                return tag
            if lent.get(tag) == key:
                template_of(self.config).lend(self.instance)
                return tag
        self.instance.path(SNAPSHOTS).unlink(missing_ok=True)
        create_overlay(overlay, Path(spec.base))
        variables = self.instance.path(VARIABLES)
        variables.unlink(missing_ok=True)
        if spec.firmware:
            create_overlay(variables, Path(spec.base).with_name(VARIABLES))
        return None

    def _start_vm(self, spec: VmSpec, lease: Lease, tag: str | None) -> None:
        with self.progress.phase("QEMU started, debugger attached"):
            self._start_supervisor(spec, lease)
            set_debugger(self.instance, self.config.debugger)
        if tag:
            with self.progress.phase(f"snapshot {tag!r} loaded"):
                call(self.instance, "load", timeout=SNAPSHOT_DEADLINE, tag=tag)
        else:
            call(self.instance, "cont")

    def _start_supervisor(self, spec: VmSpec, lease: Lease) -> None:
        for attempt in range(PORT_ATTEMPTS):
            ssh_port, winrm_port = free_ports(2)
            try:
                start_supervisor(self.instance, replace(spec, ssh_port=ssh_port, winrm_port=winrm_port), lease)
            except InfrastructureError as error:
                # A port that was free a moment ago may be another program's now.
                if PORT_REFUSED not in str(error) or attempt == PORT_ATTEMPTS - 1:
                    raise
            else:
                return

    def _wait_for_guest(self, lab: RunningLab, spec: VmSpec, tag: str | None) -> None:
        with self.progress.phase("guest answers (WinRM, SSH)" if tag else "guest boots (WinRM, SSH)"):
            self._wait_answering(lab, spec.machine.boot_deadline(spec.accelerator))
        if tag is None:
            with self.progress.phase("snapshot: booted"):
                lab.sync(30)
                # Linux makes up its boot id when it is first asked: after a snapshot each return would have its own.
                boot_id(lab.guest, lab.image.boot_id)
                self._save(BOOTED, spec.machine_key())

    def _wait_answering(self, lab: RunningLab, deadline: float) -> None:
        end = time.monotonic() + deadline
        while True:
            try:
                lab.guest.wait_ready(1.0)
            except LabError as error:
                if not self.instance.is_supervised():
                    call(self.instance, "status")  # Raises what the VM ended with.
                if time.monotonic() > end:
                    raise self._no_boot(lab, error, deadline) from None
            else:
                return

    def _no_boot(self, lab: RunningLab, error: LabError, deadline: float) -> LabError:
        console = lab.logs / CONSOLE_LOG
        return GuestLostError(
            f"the guest did not come up within {deadline:.0f} s ({error}); "
            f"its console last said: {console_last_words(console)}",
            f"read {console}; a damaged image is built again by: make image FORCE=1",
        )

    def _load_driver(self, lab: RunningLab) -> None:
        with self.progress.phase("driver and programs pushed (SFTP)"):
            lab.ensure_traffic()
            for name, program in self.config.programs.items():
                if program.is_file():
                    lab.ensure_program(name)
            for name, driver in self.config.drivers.items():
                if driver.file.is_file():
                    lab.ensure_driver(name)
        with self.progress.phase(f"driver {self.config.default_driver} loaded"):
            lab.mark(None, f"loading {self.config.default_driver}")
            lab.load_driver()
            lab.sync(30)

    def _save(self, tag: str, key: str) -> None:
        call(self.instance, "save", timeout=SNAPSHOT_DEADLINE, tag=tag, key=key)

    def _ready_key(self, spec: VmSpec) -> str:
        """The ready snapshot also holds the pushed files and the loaded driver."""
        files = [TRAFFIC_PROGRAM, *self.config.programs.values()]
        files += [each.file for each in self.config.drivers.values()]
        files += self.config.debugger.serve.values()
        digests = [hashlib.sha256(each.read_bytes()).hexdigest() for each in files if each.is_file()]
        parts = [spec.machine_key(), self.config.default_driver, self.config.driver.service, *digests]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
