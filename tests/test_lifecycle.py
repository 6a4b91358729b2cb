"""Good and bad days of `lab up`, with real processes: a lab of its own, killed at every stage of its life."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pefile
import pytest

from lab import bringup
from lab.config import load_config
from lab.errors import CrashedError
from lab.machine.instance import Instance
from lab.machine.qemu import free_ports
from lab.progress import Silent

pytestmark = pytest.mark.vm

ROOT = Path(__file__).resolve().parents[1]
LAB = [sys.executable, "-m", "lab"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a lab.yaml of its own, and so with a VM of its own."""
    directory = tmp_path_factory.mktemp("lifecycle")
    driver = ROOT / "driver" / "build" / "example-buffered.sys"
    (directory / "lab.yaml").write_text(
        f"lab: 1\ndevice: '\\\\.\\Example'\ndrivers:\n  mine: {{file: {driver}, service: Example}}\n"
    )
    yield directory
    run(directory, "down")


def run(root: Path, *arguments: str, timeout: float = 200) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *arguments], cwd=root, capture_output=True, text=True, timeout=timeout, check=False)


def status(root: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(run(root, "status", "--json").stdout)
    return state


def qemu_processes(root: Path) -> list[int]:
    """Live QEMUs that work in this lab's directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.joinpath("cwd").readlink() == root / ".lab" / "vm":
                name = process.joinpath("comm").read_text()
                state = process.joinpath("stat").read_text().rsplit(")", 1)[1].split()[0]
                if name.startswith("qemu") and state != "Z":
                    found.append(int(process.name))
        except OSError:
            continue
    return found


def wait_until_gone(root: Path, seconds: float = 15) -> None:
    """No QEMU and no supervisor of this lab is left, or the test fails."""
    end = time.monotonic() + seconds
    while qemu_processes(root) or Instance(root / ".lab" / "vm").is_supervised():
        assert time.monotonic() < end, f"left behind: {qemu_processes(root)}"
        time.sleep(0.1)


def ensure_up(root: Path) -> dict[str, Any]:
    ran = run(root, "up")
    assert ran.returncode == 0, ran.stderr
    return status(root)


def test_first_start_boots_and_later_ones_use_the_snapshot(root: Path) -> None:
    first = run(root, "up")
    assert first.returncode == 0, first.stderr
    assert "cold boot" in first.stdout
    for word in ("accelerator", "ports", "sha256", "kd.log", "next"):
        assert word in first.stdout
    assert run(root, "down").returncode == 0
    wait_until_gone(root)
    second = run(root, "up")
    assert second.returncode == 0, second.stderr
    assert "from the snapshot 'ready'" in second.stdout


def test_up_on_a_running_lab_changes_nothing(root: Path) -> None:
    before = ensure_up(root)
    again = run(root, "up")
    assert again.returncode == 0
    assert "was already up; nothing changed" in again.stdout
    assert status(root) == before


def test_nothing_listens_but_on_loopback(root: Path) -> None:
    pid = ensure_up(root)["qemu_pid"]
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = str(link.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "0" * 24 + "01000000"), ("udp", "0100007F")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                assert fields[1].split(":")[0] == loopback, line


def test_killed_supervisor_takes_the_vm_with_it_and_blocks_nothing(root: Path) -> None:
    os.kill(ensure_up(root)["pid"], signal.SIGKILL)
    wait_until_gone(root)
    assert status(root)["phase"] == "stopped"
    assert run(root, "down").returncode == 0
    assert "from the snapshot 'ready'" in run(root, "up").stdout


def test_killed_qemu_is_told_with_its_cause(root: Path) -> None:
    os.kill(ensure_up(root)["qemu_pid"], signal.SIGKILL)
    wait_until_gone(root)
    state = status(root)
    assert state["phase"] == "failed"
    assert state["error"]["cause"] == "guest-lost"
    assert "killed by SIGKILL" in state["error"]["what"]
    assert run(root, "up").returncode == 0


@pytest.mark.parametrize("delay", [0.4, 1.0, 1.6, 2.4])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_interrupted_start_leaves_nothing(root: Path, number: signal.Signals, delay: float) -> None:
    run(root, "down")
    process = subprocess.Popen([*LAB, "up"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    process.send_signal(number)
    _out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    if process.returncode == 0:  # It was ready before the signal came.
        run(root, "down")
    wait_until_gone(root)
    assert run(root, "up").returncode == 0


def test_second_start_at_the_same_time_is_refused(root: Path) -> None:
    run(root, "down")
    first = subprocess.Popen([*LAB, "up"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.8)
    second = run(root, "up")
    first.communicate(timeout=200)
    assert first.returncode == 0
    assert second.returncode == 3
    assert f"another `lab up` is at work here (process {first.pid})" in second.stderr


def test_damaged_overlay_is_replaced_by_a_fresh_one(root: Path) -> None:
    run(root, "down")
    overlay = root / ".lab" / "vm" / "overlay.qcow2"
    with overlay.open("r+b") as file:
        file.seek(0x10000)
        file.write(os.urandom(0x10000))
    ran = run(root, "up")
    assert ran.returncode == 0, ran.stderr
    assert "cold boot" in ran.stdout


def test_guest_that_does_not_boot_is_told_with_its_console(root: Path, tmp_path: Path) -> None:
    from vm_images.wine import find_image

    image = find_image()
    assert image
    cache = tmp_path / "cache" / "images" / image.name
    shutil.copytree(image, cache)
    broken = cache / "initrd.img"
    broken.chmod(0o644)
    broken.write_bytes(broken.read_bytes()[:5000])
    run(root, "down")
    (root / ".lab" / "vm" / "snapshots.json").unlink(missing_ok=True)
    command = [*LAB, "up"]
    environment = {**os.environ, "LAB_CACHE": str(tmp_path / "cache")}
    ran = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 6, ran.stderr
    assert "lab: guest-lost:" in ran.stderr
    assert "console" in ran.stderr
    assert "Kernel panic" in ran.stderr
    wait_until_gone(root)
    image_base = image / "base.qcow2"
    assert image_base.stat().st_mode & 0o222 == 0


def test_missing_and_wrong_files_are_told_before_anything_starts(root: Path, tmp_path: Path) -> None:
    run(root, "down")
    good = (root / "lab.yaml").read_text()
    config = tmp_path / "lab.yaml"
    for file, words in (("none.sys", "does not exist"), ("/bin/true", "no Windows executable")):
        config.write_text(good.replace(str(ROOT / "driver" / "build" / "example-buffered.sys"), file))
        ran = run(tmp_path, "up")
        assert ran.returncode == 2
        assert words in ran.stderr
        assert "Traceback" not in ran.stderr
        assert not (tmp_path / ".lab" / "vm" / "overlay.qcow2").exists()


def test_a_driver_that_crashes_when_it_is_loaded_is_told_with_its_report(root: Path, tmp_path: Path) -> None:
    """It calls a routine that no kernel has."""
    run(root, "down")
    good = (root / "lab.yaml").read_text()
    built = ROOT / "driver" / "build" / "example-buffered"
    shutil.copyfile(built.with_suffix(".pdb"), tmp_path / "example-buffered.pdb")
    image = built.with_suffix(".sys").read_bytes().replace(b"IoCreateDevice\0", b"IoCreateDevicX\0")
    driver = tmp_path / "example-buffered.sys"
    driver.write_bytes(image)
    pe = pefile.PE(data=image)
    pe.OPTIONAL_HEADER.CheckSum = pe.generate_checksum()
    pe.write(str(driver))
    try:
        (root / "lab.yaml").write_text(good.replace(str(built.with_suffix(".sys")), str(driver)))
        ran = run(root, "up")
    finally:
        (root / "lab.yaml").write_text(good)
    assert ran.returncode == CrashedError.exit_code, ran.stderr
    assert "example-buffered.sys crashed while it was loaded: KMODE_EXCEPTION_NOT_HANDLED (0x1E)" in ran.stderr
    assert "the guest has no ntoskrnl.exe!IoCreateDevicX, in example-buffered!Example_Start entry.c:" in ran.stderr
    report = Path(ran.stderr.partition("read the report: ")[2].split("\n")[0])
    assert "example-buffered!DriverEntry" in report.read_text()
    assert gzip.decompress(report.with_name("crash.dmp.gz").read_bytes()).startswith(b"MDMP")


def test_without_qemu_the_package_to_install_is_told(root: Path, tmp_path: Path) -> None:
    run(root, "down")
    (tmp_path / "python").symlink_to(sys.executable)
    ran = subprocess.run(
        [*LAB, "up"], cwd=root, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3
    assert "apt-get install qemu-system-x86" in ran.stderr


def test_port_taken_by_another_program_costs_no_start(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(root, "down")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answers = [[taken.getsockname()[1], *free_ports(1)]]
        monkeypatch.setattr(bringup, "free_ports", lambda count: answers.pop() if answers else free_ports(count))
        lab = bringup.up(load_config(root / "lab.yaml"), Silent())
    assert lab.status["phase"] == "ready"
