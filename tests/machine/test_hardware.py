"""The machines that images describe, started for real (but not run) and asked over QMP what they are."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import InfrastructureError
from lab.machine.firmware import VARIABLES, Ovmf, create_variables, find_ovmf
from lab.machine.hardware import Clock, Disk, Firmware, Machine, Network, machine_from_json
from lab.machine.monitor import Monitor
from lab.machine.qemu import CONSOLE_LOG, OVERLAY, QMP_SOCKET, VmSpec, command_line, find_qemu, free_ports, load_spec
from vm_images.windows.machine import windows_machine
from vm_images.windows.release import RELEASES

WINE = Machine(256, 1, "max,-smap")
BY_NAME = {release.name: windows_machine(release) for release in RELEASES}
needs_ovmf = pytest.mark.skipif(not Path("/usr/share/OVMF").is_dir(), reason="needs OVMF")


def spec_of(machine: Machine, directory: Path, **changes: Any) -> VmSpec:
    """A VM in `directory` with an empty disk; small, for what it would need to run does not matter here."""
    ssh, winrm = free_ports(2)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", directory / OVERLAY, "1G"], check=True)
    firmware = ""
    if machine.firmware is Firmware.UEFI:
        create_variables(directory / VARIABLES, find_ovmf())
        firmware = str(find_ovmf().code)
    qemu, version = find_qemu()
    spec = VmSpec(qemu, version, "tcg", "", replace(machine, memory_mb=256), "", "", ssh, winrm, str(directory))
    return replace(spec, firmware=firmware, **changes)


def with_vm(spec: VmSpec, directory: Path, work: Callable[[Monitor], Awaitable[None]]) -> str:
    """Start the VM, do the work and end it; what QEMU wrote to stderr."""

    async def run() -> str:
        process = await asyncio.create_subprocess_exec(
            *command_line(spec), cwd=directory, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        monitor = Monitor(spec.machine.nodes())
        try:
            await monitor.connect(str(directory / QMP_SOCKET), 20)
            await work(monitor)
            await monitor.execute("quit")
        finally:
            await monitor.close()
            if process.returncode is None:
                try:
                    await asyncio.wait_for(process.wait(), 10)
                except TimeoutError:
                    process.kill()
        assert process.stderr
        return (await process.stderr.read()).decode()

    return asyncio.run(run())


async def device_types(monitor: Monitor) -> set[str]:
    found: set[str] = set()
    for path in ("/machine/peripheral-anon", "/machine/unattached"):
        listed = await monitor.execute("qom-list", {"path": path})
        assert isinstance(listed, list)
        found |= {each["type"].removeprefix("child<").removesuffix(">") for each in listed}
    return found


def test_a_machine_travels_as_json(tmp_path: Path) -> None:
    machine = BY_NAME["win11-24h2"]
    spec = VmSpec("qemu", "7", "kvm", "works", machine, "base", "digest", 1, 2, "logs", cds=("a.iso",))
    spec.save(tmp_path / "spec.json")
    assert load_spec(tmp_path / "spec.json") == spec
    assert machine_from_json({"memory_mb": 1024, "smp": 1, "cpu": "max"}) == Machine(1024, 1, "max")
    with pytest.raises(ValueError, match="scsi"):
        machine_from_json({"memory_mb": 1024, "smp": 1, "cpu": "max", "disk": "scsi"})


def test_a_snapshot_belongs_to_its_hardware(tmp_path: Path) -> None:
    spec = VmSpec("qemu", "7", "tcg", "", WINE, "base", "digest", 1, 2, "logs")
    assert spec.machine_key() == replace(spec, ssh_port=9, log_directory="other").machine_key()
    for change in ({"disk": Disk.AHCI}, {"network": Network.E1000E}, {"clock": Clock.LOCAL}, {"memory_mb": 512}):
        assert replace(spec, machine=replace(WINE, **change)).machine_key() != spec.machine_key()
    (tmp_path / "code").write_bytes(b"1")
    with_firmware = replace(spec, firmware=str(tmp_path / "code"))
    before = with_firmware.machine_key()
    (tmp_path / "code").write_bytes(b"2")
    assert with_firmware.machine_key() != before


def test_hyper_v_is_offered_under_kvm_without_what_would_lose_a_dump() -> None:
    for machine in BY_NAME.values():
        model = machine.model("kvm")
        assert model.startswith("host,")
        assert "hv-relaxed" in model
        assert "vmx=off" in model
        assert "svm=off" in model
        assert "hv-crash" not in model
        assert "hv-passthrough" not in model
        assert "hv-" not in machine.model("tcg")


def test_a_cpu_for_windows_under_emulation_has_what_24h2_refuses_to_miss(tmp_path: Path) -> None:
    machine = BY_NAME["win10-22h2"]
    name, *features = machine.cpu.split(",")
    properties = {each[1:]: each[0] == "+" for each in features}

    async def look(monitor: Monitor) -> None:
        model = {"name": name, "props": properties}
        answer = await monitor.execute("query-cpu-model-expansion", {"type": "full", "model": model})
        assert isinstance(answer, dict)
        found = answer["model"]["props"]
        assert found["popcnt"] is True
        assert found["sse4.2"] is True

    complaints = with_vm(spec_of(machine, tmp_path), tmp_path, look)
    assert complaints == ""


@pytest.mark.parametrize("name", ["win10-22h2", pytest.param("win11-25h2", marks=needs_ovmf)])
def test_qemu_builds_the_machine_that_windows_is_installed_on(name: str, tmp_path: Path) -> None:
    cds = []
    for each in ("windows.iso", "lab.iso", "virtio.iso"):
        (tmp_path / each).write_bytes(bytes(1 << 16))
        cds.append(str(tmp_path / each))

    async def look(monitor: Monitor) -> None:
        types = await device_types(monitor)
        assert {"ide-hd", "ide-cd", "e1000e", "VGA", "pvpanic-pci"} <= types
        assert "virtio-blk-pci" not in types
        assert "hpet" not in types
        blocks = await monitor.execute("query-block")
        assert isinstance(blocks, list)
        inserted = {each["inserted"]["node-name"]: each["inserted"]["ro"] for each in blocks if "inserted" in each}
        uefi = {"firmware0": True, "variables0": False} if name == "win11-25h2" else {}
        assert inserted == {"disk0": False, "cd0": True, "cd1": True, "cd2": True, **uefi}
        chardevs = await monitor.execute("query-chardev")
        assert isinstance(chardevs, list)
        assert {"kd", "console", "qmp"} <= {each["label"] for each in chardevs}
        status = await monitor.execute("query-status")
        assert isinstance(status, dict)
        assert status["status"] == "prelaunch"

    assert with_vm(spec_of(BY_NAME[name], tmp_path, cds=tuple(cds)), tmp_path, look) == ""


def test_no_panic_of_the_guest_ends_qemu_before_its_dump() -> None:
    for machine in (WINE, *BY_NAME.values()):
        line = command_line(VmSpec("qemu", "7", "tcg", "", machine, "", "", 1, 2, "", firmware="code"))
        assert line[line.index("-action") + 1] == "panic=none"
        assert ("-no-reboot" in line) is (machine is WINE)


@needs_ovmf
@pytest.mark.slow
def test_a_snapshot_puts_the_firmware_s_variables_back(tmp_path: Path) -> None:
    """OVMF writes its boot options while it starts; the snapshot was taken before."""
    machine = replace(WINE, firmware=Firmware.UEFI)
    virgin = find_ovmf().variables.read_bytes()

    def variables() -> bytes:
        command = ["qemu-img", "convert", "-U", "-O", "raw", tmp_path / VARIABLES, tmp_path / "raw"]
        subprocess.run(list(map(str, command)), check=True)
        return (tmp_path / "raw").read_bytes()

    async def work(monitor: Monitor) -> None:
        await monitor.save_snapshot("virgin")
        await monitor.execute("cont")
        async with asyncio.timeout(100):
            while b"BdsDxe" not in (tmp_path / CONSOLE_LOG).read_bytes():
                await asyncio.sleep(0.1)
        await monitor.execute("stop")
        await monitor.save_snapshot("booted")
        booted = variables()
        assert booted != virgin
        await monitor.load_snapshot("virgin")
        assert variables() == virgin
        await monitor.load_snapshot("booted")
        assert variables() == booted

    with_vm(spec_of(machine, tmp_path), tmp_path, work)


def test_missing_firmware_is_told(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="OVMF is not installed") as missing:
        find_ovmf((Ovmf(tmp_path / "code", tmp_path / "vars"),))
    assert missing.value.advice == "apt-get install ovmf"
