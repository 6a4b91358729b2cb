"""Build a Windows image from the user's medium: install it unattended, admit what came of it, keep that.

What goes on is told phase by phase; a failure says which phase, with the last picture of the screen beside the logs.
"""

from __future__ import annotations

import asyncio
import datetime
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.errors import GuestLostError, InfrastructureError, LabError, UsageError
from lab.guest.remote import Remote
from lab.machine.accelerator import choose_accelerator
from lab.machine.firmware import VARIABLES, create_variables, find_ovmf
from lab.machine.hardware import Firmware
from lab.machine.image import Credentials
from lab.machine.overlay import qemu_img, require_space
from lab.machine.qemu import OVERLAY, WINRM_HTTPS, VmSpec, find_qemu, free_ports
from lab.progress import Progress
from vm_images.windows.admission import CLOCK_SECONDS, Admission
from vm_images.windows.answer_file import Answers
from vm_images.windows.certificate import Certificate, make_certificate, signing_certificate
from vm_images.windows.course import Course
from vm_images.windows.images import image_directory
from vm_images.windows.install_vm import InstallVm
from vm_images.windows.installation import Installation, Phase
from vm_images.windows.judgement import expiry, lacking, warnings
from vm_images.windows.machine import windows_machine
from vm_images.windows.manifest import Built, write_image
from vm_images.windows.media import Provisions, write_media
from vm_images.windows.medium import choose_image, read_medium
from vm_images.windows.pace import Pace
from vm_images.windows.release import Release, generic_key, release_of
from vm_images.windows.setup_log import explain_failure
from vm_images.windows.virtio import check_virtio, virtio_paths
from vm_images.windows.wim import WimImage
from vm_images.wine.cache import images_directory

USER = "lab"
EMULATION = 10
"""How many times longer everything takes without KVM."""
ROOM = 40 << 30
"""Bytes of disk that an installation may take before it is packed."""
LAB_CD = "lab.iso"
UNSIGNED = Path(__file__).resolve().parents[2] / "driver" / "build" / "example-buffered.sys"


@dataclass(frozen=True)
class Order:
    """What the user wants."""

    iso: Path
    name: str
    edition: str | None = None
    key: str | None = None
    """A product key of the user's own; else the published generic one of the edition."""
    virtio_iso: Path | None = None
    openssh: Path | None = None
    pace: Pace = field(default_factory=Pace)
    room: int = ROOM
    reach: Callable[[VmSpec, Credentials], Remote] = lambda spec, login: Remote(spec.ssh_port, spec.winrm_port, login)
    """How the guest is reached: by the ports that QEMU forwards."""


def build_image(order: Order, progress: Progress) -> Path:
    """The directory of the finished image; one of the same name is replaced only by a good one.

    Raises UsageError for a medium that cannot be used, InfrastructureError, HungError or GuestLostError with the phase.
    """
    with progress.phase("medium: read") as phase:
        images = read_medium(order.iso)
        image = choose_image(images, order.edition)
        release = release_of(image)
        if order.key and image.is_evaluation:
            raise UsageError(f"{image} is evaluation media: setup refuses any product key on it", "leave --key out")
        if order.virtio_iso:
            check_virtio(order.virtio_iso, release)
        phase.detail = str(image)
    if not (order.key or image.is_evaluation or generic_key(release, image)):
        what = f"warning: Microsoft publishes no generic key for {image.edition}: setup may ask for one"
        progress.note(f"{what}; name yours with --key, or another --edition")
    images_directory().mkdir(parents=True, exist_ok=True)
    require_space(images_directory(), order.room)
    logs = _new_logs(order.name)
    work = Path(tempfile.mkdtemp(prefix=".building-windows-", dir=images_directory()))
    try:
        return _Build(order, progress, images, image, release, logs, work).run()
    except LabError as error:
        where = f"pictures of the screen and logs: {logs}"
        raise type(error)(str(error), f"{error.advice}; {where}" if error.advice else where) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _new_logs(name: str) -> Path:
    """An empty folder for what the build says and shows; it outlives a failed build."""
    logs = image_directory(name).with_suffix(".log")
    shutil.rmtree(logs, ignore_errors=True)
    (logs / "pictures").mkdir(parents=True)
    return logs


class _Build:
    """One build in its work directory."""

    def __init__(
        self,
        order: Order,
        progress: Progress,
        images: list[WimImage],
        image: WimImage,
        release: Release,
        logs: Path,
        work: Path,
    ) -> None:
        self._order = order
        self._progress = progress
        self._images = images
        self._image = image
        self._release = release
        self._logs = logs
        self._work = work
        self._machine = windows_machine(release)
        self._certificate = make_certificate("lab-guest", ExtendedKeyUsageOID.SERVER_AUTH, _now())
        self._password = secrets.token_urlsafe(12) + "aA1!"
        self._warnings: list[str] = []

    def run(self) -> Path:
        spec = self._prepare()
        course = Course(self._progress, self._logs)
        installation = Installation(self._order.name, self._images, self._pace)
        login = Credentials(USER, self._password, "", self._certificate.pem.decode())
        try:
            dump = asyncio.run(self._install(spec, course, installation, login))
        except LabError as error:
            if installation.in_setup and (said := explain_failure(self._work / OVERLAY, self._logs)):
                raise type(error)(f"{error}; {said}", error.advice) from None
            raise
        (self._work / LAB_CD).unlink()
        for each in self._warnings:
            self._progress.note(f"warning: {each}")
        with self._progress.phase("image: kept"):
            return write_image(
                self._work,
                image_directory(self._order.name),
                Built(
                    release=self._release,
                    image=self._image,
                    machine=self._machine,
                    login=login,
                    answers=installation.answers,
                    expires=expiry(installation.answers, self._image.is_evaluation, _now()),
                    warnings=self._warnings,
                    notes=installation.notes,
                    dump_bytes=dump,
                    seconds=self._progress.elapsed,
                ),
            )

    def _prepare(self) -> VmSpec:
        qemu, version = find_qemu()
        with self._progress.phase("accelerator: probe") as phase:
            accelerator = choose_accelerator(qemu, self._machine.cpu, self._machine.kvm_cpu)
            phase.detail = f"{accelerator.name}: {accelerator.reason}"
        self._pace = self._order.pace
        if accelerator.emulates:
            self._progress.note(
                f"warning: without KVM Windows is emulated: about {EMULATION} times as slow, hours for an installation"
            )
            self._pace = self._pace.slower(EMULATION)
        with self._progress.phase("disk, firmware, the lab's CD"):
            qemu_img("create", "-q", "-f", "qcow2", str(self._work / OVERLAY), f"{self._release.disk_gb}G")
            firmware = ""
            if self._machine.firmware is Firmware.UEFI:
                create_variables(self._work / VARIABLES, find_ovmf())
                firmware = str(find_ovmf().code)
            self._write_cd()
        ssh, winrm = free_ports(2)
        cds = [self._order.iso.resolve(), self._work / LAB_CD, self._order.virtio_iso]
        return VmSpec(
            qemu=qemu,
            qemu_version=version,
            accelerator=accelerator.name,
            accelerator_reason=accelerator.reason,
            machine=self._machine,
            base="",
            image_digest="",
            ssh_port=ssh,
            winrm_port=winrm,
            log_directory=str(self._logs),
            firmware=firmware,
            cds=tuple(str(each) for each in cds if each),
            guest_winrm=WINRM_HTTPS,
        )

    def _write_cd(self) -> None:
        key = self._order.key or generic_key(self._release, self._image)
        paths = virtio_paths(self._release) if self._order.virtio_iso else ()
        answers = Answers(self._release, self._image, key, USER, self._password, paths)
        provisions = Provisions(
            self._order.name, self._certificate, signing(), secrets.token_urlsafe(12), self._order.openssh
        )
        write_media(self._work / LAB_CD, answers, provisions)

    async def _install(self, spec: VmSpec, course: Course, installation: Installation, login: Credentials) -> int:
        vm = InstallVm(spec, self._work)
        try:
            await vm.start()
            await course.follow(vm, installation, self._pace)
            if missing := lacking(installation.answers, self._release):
                raise InfrastructureError(f"the guest is not as it was to be: {'; '.join(missing)}")
            self._warnings += warnings(installation.answers)
            admission = Admission(self._order.reach(spec, login), vm.require_running)
            return await self._admit(vm, course, admission)
        except LabError as error:
            raise await course.explained(error, vm) from None
        finally:
            course.end()
            await vm.close()
            keep_logs(self._work, self._logs)

    async def _admit(self, vm: InstallVm, course: Course, admission: Admission) -> int:
        pace = self._pace
        course.enter("guest reached over WinRM")
        await asyncio.to_thread(admission.wait_reachable, pace.read_back)
        found = await asyncio.to_thread(admission.look)
        away = abs((datetime.datetime.fromisoformat(found["now"]) - _now()).total_seconds())
        if away > CLOCK_SECONDS:
            raise InfrastructureError(f"the guest's clock is {away:.0f} s off", "its time zone must be UTC")
        course.enter("unsigned driver refused")
        if UNSIGNED.is_file():
            said = await asyncio.to_thread(admission.unsigned_driver_is_refused, UNSIGNED.read_bytes())
            self._warnings += [said] if said else []
        course.enter("crash on purpose, dump written")
        size = await self._crash(vm, admission)
        course.enter("shut down")
        await asyncio.to_thread(admission.shut_down)
        if not await vm.ended(pace.power_off):
            await vm.press_power(pace.power_off)
        return size

    async def _crash(self, vm: InstallVm, admission: Admission) -> int:
        """Windows restarts after its crash, and writes the dump file at that start."""
        before, end = vm.resets, time.monotonic() + self._pace.read_back
        await vm.inject_nmi()
        while vm.resets == before:
            if not vm.is_running:
                told = "QEMU stopped at the panic" if vm.panicked else "the guest switched itself off"
                raise GuestLostError(f"{told} before Windows wrote its dump")
            if time.monotonic() > end:
                what = "the guest neither crashed nor restarted after an NMI"
                raise InfrastructureError(f"{what}, within {self._pace.read_back:.0f} s")
            await asyncio.sleep(self._pace.look)
        admission.forget()
        await asyncio.to_thread(admission.wait_reachable, self._pace.read_back)
        size = await asyncio.to_thread(admission.wait_for_dump, self._pace.read_back)
        await asyncio.to_thread(admission.remove_dump)
        return size


def signing() -> Certificate:
    """The certificate that all images trust and all drivers are signed with."""
    return signing_certificate(images_directory().parent / "signing")


def keep_logs(work: Path, logs: Path) -> None:
    """What the machine said on its serial ports; QEMU wrote it into the work directory."""
    for name in ("console.log", "kd.raw"):
        if (work / name).is_file():
            shutil.copyfile(work / name, logs / name)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


__all__ = ["Order", "Phase", "build_image"]
