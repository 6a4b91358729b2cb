"""What the build needs of its host: programs, room, name spaces, package sources."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab.errors import InfrastructureError

ROOM = 4 << 30
"""Bytes that a build takes while it runs; what stays is a quarter of that."""

_TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "make": "make",
    "clang": "clang",
    "lld-link": "lld",
}
_ROOTLESS_TOOLS = {"newuidmap": "uidmap", "newgidmap": "uidmap"}
"""Programs and the Debian packages that have them."""


def environment() -> dict[str, str]:
    """The environment of everything that the build starts; an ordinary user's PATH often lacks the sbin directories."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or name[:4] == "PIP_"}
    return {**kept, "PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin", "HOME": str(Path.home()), "LC_ALL": "C.UTF-8"}


def check_host(directory: Path) -> None:
    """Raise InfrastructureError with advice if a program is missing or `directory`'s file system is too full."""
    wanted = _TOOLS if os.geteuid() == 0 else {**_TOOLS, **_ROOTLESS_TOOLS}
    path = environment()["PATH"]
    missing = {tool: package for tool, package in wanted.items() if not shutil.which(tool, path=path)}
    if missing:
        raise InfrastructureError(
            f"building the guest image needs {', '.join(missing)}",
            f"apt-get install {' '.join(sorted(set(missing.values())))}",
        )
    free = shutil.disk_usage(directory).free
    if free < ROOM:
        raise InfrastructureError(
            f"building the guest image needs {ROOM >> 30} GiB in {directory}, {free / (1 << 30):.1f} GiB are free",
            "make room, or set LAB_CACHE to a directory on another disk",
        )


def in_namespaces(command: list[str]) -> list[str]:
    """The command as root in mount and process name spaces of its own, all of it ended when its starter dies.

    As an ordinary user: root in a user name space, with the user's subordinate ids.
    """
    ids = [] if os.geteuid() == 0 else ["--map-root-user", "--map-auto", "--setuid=0", "--setgid=0"]
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--propagation=private"]
    return ["setpriv", "--pdeathsig=KILL", "unshare", *ids, *spaces, "--", *command]


def check_namespaces() -> None:
    """Raise InfrastructureError if the host lets this user have no name spaces."""
    trial = in_namespaces(["mount", "-t", "proc", "proc", "/proc"])
    ran = subprocess.run(trial, env=environment(), capture_output=True, text=True, check=False, timeout=60)
    if ran.returncode == 0:
        return
    said = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if os.geteuid() == 0:
        advice = "run it on a machine or in a container that may mount (docker: --privileged)"
    else:
        advice = "the user needs lines in /etc/subuid and /etc/subgid (see usermod --add-subuids); or run it as root"
    raise InfrastructureError(f"no name spaces for building the guest image: {said}", advice)


def remove_tree(directory: Path) -> None:
    """Remove what a build left, also what belongs to the user's subordinate ids."""
    if os.geteuid() != 0:
        remove = in_namespaces(["rm", "-rf", "--one-file-system", str(directory)])
        subprocess.run(remove, env=environment(), check=False, capture_output=True, timeout=300)
    shutil.rmtree(directory, ignore_errors=True)


def apt_sources(suite: str) -> str:
    """The host's own sources of the suite, one a line; empty if it has none, which means Debian's default."""
    fields = "$(ORIGIN)\t$(CODENAME)\t$(COMPONENT)\t$(REPO_URI)\t$(RELEASE)"
    command = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment())
    except (OSError, subprocess.SubprocessError):
        return ""
    releases = (suite, f"{suite}-updates", f"{suite}-security")
    lines = []
    for line in sorted(set(ran.stdout.splitlines())):
        origin, codename, component, uri, release = line.split("\t")
        if origin == "Debian" and component == "main" and codename in releases and uri.startswith("http"):
            lines.append(f"deb {uri} {release} main")
    return "\n".join(lines) + "\n" if any(line.split()[2] == suite for line in lines) else ""
