"""Puts on the host what the lab needs: Debian packages and a virtual environment. Standard library only.

Run by the Makefile with the system's Python, before anything of the lab can be imported. Does nothing, in a few
milliseconds, when everything is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / ".ready"
PYTHON = (3, 11)

PACKAGES = {
    "qemu-system-x86": "the virtual machine",
    "qemu-utils": "its disk images",
    "clang": "driver and programs",
    "lld": "driver and programs",
    "llvm": "driver and programs",
    "mingw-w64-x86-64-dev": "Windows headers and import libraries",
    "mingw-w64-i686-dev": "the same for 32 bits, as ReactOS needs them",
    "mmdebstrap": "the guest image",
    "uidmap": "the guest image, built without root",
    "e2fsprogs": "the guest image",
    "mount": "the guest image",
    "ovmf": "guests that boot by UEFI",
    "osslsigncode": "test signatures in drivers for Windows",
    "python3-venv": "the virtual environment",
}
"""Debian packages and what they are for."""

TEST_PACKAGES = {"chromium-headless-shell": "reports, as a browser shows them"}
"""More of them, for `make test`; elsewhere those tests are skipped."""

TESTS = "--tests"

TOOLS = ("qemu-system-x86_64", "qemu-img", "clang", "lld-link", "mmdebstrap", "mke2fs")
"""What other distributions must provide, under whatever package name."""


def main() -> int:
    """Install what is missing. Returns the exit status; failures are told in one line with advice."""
    try:
        if sys.version_info < PYTHON:
            raise SetupError(f"Python {PYTHON[0]}.{PYTHON[1]} or newer is needed, this is {sys.version.split()[0]}")
        if is_debian():
            install_packages([*PACKAGES, *(TEST_PACKAGES if TESTS in sys.argv else ())])
        else:
            require_tools()
        make_environment()
    except SetupError as failure:
        print(f"setup: {failure}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nsetup: interrupted; start again, it goes on where it stopped", file=sys.stderr)
        return 130
    return 0


class SetupError(Exception):
    """Setup cannot go on; the text says why and what to do."""


def is_debian() -> bool:
    """Whether packages are installed with apt under Debian's names."""
    return shutil.which("apt-get") is not None and Path("/etc/debian_version").exists()


def install_packages(wanted: list[str]) -> None:
    """apt-get install what is missing of these; as root, or with sudo."""
    missing = [name for name in wanted if not is_installed(name)]
    if not missing:
        return
    print(f"  installing Debian packages: {' '.join(missing)}", flush=True)
    start = time.monotonic()
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if not run_as_root(install):
        run_as_root(["apt-get", "update", "-q"])
        if not run_as_root(install):
            raise SetupError(f"apt-get could not install {' '.join(missing)}: read {log_path()}")
    print(f"  Debian packages                    {time.monotonic() - start:7.1f} s", flush=True)


def is_installed(package: str) -> bool:
    """Whether dpkg has the package, fully installed."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.startswith("ii")


def run_as_root(command: list[str]) -> bool:
    """Run a command as root, its output into the log; return whether it succeeded."""
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            raise SetupError(f"needs root once, and there is no sudo. As root: {' '.join(command)}")
        command = ["sudo", "DEBIAN_FRONTEND=noninteractive", *command]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log_path().open("ab") as log:
        return subprocess.run(command, stdout=log, stderr=log, env=environment, check=False).returncode == 0


def require_tools() -> None:
    """On other distributions: say what to install."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        purposes = "; ".join(f"{name} ({purpose})" for name, purpose in PACKAGES.items())
        raise SetupError(
            "this is no Debian, so packages are yours to install. Missing programs: "
            f"{', '.join(missing)}. Debian's packages are: {purposes}"
        )


def make_environment() -> None:
    """Create .venv and install the lab and its pinned dependencies into it, unless that is done."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    start = time.monotonic()
    print("  virtual environment: installing", flush=True)
    STAMP.unlink(missing_ok=True)
    if not environment_works():
        logged([sys.executable, "-m", "venv", *(["--clear"] if VENV.exists() else []), str(VENV)])
    logged([str(VENV / "bin" / "pip"), "install", "-q", "-e", f"{ROOT}[dev]"])
    STAMP.write_text(wanted)
    print(f"  virtual environment                {time.monotonic() - start:7.1f} s", flush=True)


def environment_works() -> bool:
    """Whether .venv has a pip that starts: a moved or half-made one is made again."""
    pip = VENV / "bin" / "pip"
    return pip.exists() and subprocess.run([pip, "--version"], capture_output=True, check=False).returncode == 0


def logged(command: list[str]) -> None:
    """Run a command, its output into the log. Raises SetupError with its last line."""
    log = log_path()
    with log.open("ab") as file:
        ended = subprocess.run(command, stdout=file, stderr=file, check=False)
    if ended.returncode != 0:
        last = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise SetupError(f"{Path(command[0]).name} {command[1]} failed: {last}. Read {log}; then start again")


def log_path() -> Path:
    """Where the output of package tools goes."""
    path = ROOT / ".lab" / "setup.log"
    path.parent.mkdir(exist_ok=True)
    return path


if __name__ == "__main__":
    (ROOT / ".lab").mkdir(exist_ok=True)
    with (ROOT / ".lab" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sys.exit(main())
