"""The accelerator probe against the real QEMU, and against stand-ins for hosts that this machine is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.errors import InfrastructureError
from lab.machine import accelerator
from lab.machine.accelerator import PROBE, PROBE_STATUS, choose_accelerator, try_accelerator

QEMU = "qemu-system-x86_64"


def test_probe_is_what_its_source_assembles_to(tmp_path: Path) -> None:
    object_file, binary = tmp_path / "probe.o", tmp_path / "probe.bin"
    source = PROBE.with_suffix(".S")
    subprocess.run(["clang", "--target=x86_64-elf", "-c", source, "-o", object_file], check=True)
    link = ["ld.lld", "--oformat=binary", "-Ttext=0x7c00", "-o", str(binary), str(object_file)]
    subprocess.run(link, check=True)
    assert binary.read_bytes() == PROBE.read_bytes()


def test_emulation_runs_the_probe() -> None:
    trial = try_accelerator(QEMU, "tcg", "max")
    assert trial.works, trial.complaint


def test_accelerator_that_qemu_lacks_is_refused_with_its_words() -> None:
    trial = try_accelerator(QEMU, "hax", "max")
    assert not trial.works
    assert "hax" in trial.complaint


def test_missing_qemu_is_told() -> None:
    trial = try_accelerator("/nonexistent/qemu", "tcg", "max")
    assert not trial.works
    assert "/nonexistent/qemu" in trial.complaint


def fake_qemu(tmp_path: Path, kvm: str) -> str:
    """A program that runs the probe under TCG, and under KVM does as the shell command `kvm` says."""
    path = tmp_path / "qemu"
    path.write_text(f'#!/bin/sh\nif [ "$2" = tcg ]; then exit {PROBE_STATUS}; fi\n{kvm}\n')
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def kvm_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(accelerator, "KVM_DEVICE", device)
    return device


@pytest.mark.parametrize(
    ("kvm", "name", "reason"),
    [
        (f"exit {PROBE_STATUS}", "kvm", "ran the probe guest"),
        ("echo 'error: no such MSR' >&2; exit 134", "tcg", "no such MSR"),
        ("kill -ABRT $$", "tcg", "status -6"),
        (f"sleep 1.5; exit {PROBE_STATUS}", "tcg", "slower here than emulation"),
        ("exec sleep 60", "tcg", "nothing within"),
    ],
    ids=["works", "fails", "aborts", "slow", "hangs"],
)
@pytest.mark.usefixtures("kvm_device")
def test_kvm_is_chosen_only_if_a_guest_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kvm: str, name: str, reason: str
) -> None:
    monkeypatch.setattr(accelerator.try_accelerator, "__defaults__", (2.0,))
    chosen = choose_accelerator(fake_qemu(tmp_path, kvm), "max")
    assert chosen.name == name
    assert reason in chosen.reason


def test_host_without_kvm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path / "none")
    assert choose_accelerator(QEMU, "max").reason == "no /dev/kvm on this host"


def test_qemu_that_runs_nothing_is_an_infrastructure_error(tmp_path: Path) -> None:
    broken = tmp_path / "qemu"
    broken.write_text("#!/bin/sh\necho 'cannot load libfoo.so' >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(InfrastructureError, match=r"libfoo\.so"):
        choose_accelerator(str(broken), "max")
