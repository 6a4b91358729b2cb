r"""Build a driver with the WDK on a Windows machine that answers over SSH: sources there, MSBuild, images back.

The machine is any Windows 10 or later with OpenSSH server, Visual Studio and the WDK. It is found out where MSBuild is:
https://github.com/microsoft/vswhere/wiki/Find-MSBuild. **Not run on Windows.**
"""

from __future__ import annotations

import getpass
import posixpath
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko

from lab.errors import GuestLostError, HungError, InfrastructureError, UsageError
from lab.progress import Progress

CONNECT_DEADLINE = 30.0
BUILD_DEADLINE = 1800.0
FIND_DEADLINE = 60.0
REMOTE = "driver-lab-build"
"""Below the home directory of the user there."""
SOURCES = (".c", ".h", ".cpp", ".hpp", ".asm", ".rc", ".inf", ".sln", ".vcxproj", ".props", ".targets")
PRODUCTS = (".sys", ".pdb", ".inf", ".cat")
MAX_OUTPUT = 4 << 20
_VSWHERE = (
    r'"%ProgramFiles(x86)%\Microsoft Visual Studio\Installer\vswhere.exe" -latest -products * '
    r"-requires Microsoft.Component.MSBuild -find MSBuild\**\Bin\MSBuild.exe"
)


@dataclass(frozen=True)
class Builder:
    """The Windows machine."""

    host: str
    user: str
    port: int = 22
    key: Path | None = None
    """Private key; None: those of the agent and in ~/.ssh."""
    known_hosts: Path | None = None
    """None: ~/.ssh/known_hosts. A host that is not in it is refused."""


@dataclass(frozen=True)
class Project:
    """What is built: a solution or project below `folder`."""

    folder: Path
    solution: str
    """Relative, with slashes."""
    configuration: str = "Release"


def parse_builder(text: str, key: Path | None, known_hosts: Path | None) -> Builder:
    """`[user@]host[:port]`. Raises UsageError."""
    user, _, place = text.rpartition("@")
    host, colon, port = place.partition(":")
    if not host or (colon and not port.isdecimal()):
        raise UsageError(f"--on {text}: is no host", "as in --on windows or --on lab@build-vm:2222")
    return Builder(host, user or getpass.getuser(), int(port or 22), key, known_hosts)


def build_remotely(builder: Builder, project: Project, to: Path, progress: Progress) -> list[Path]:
    """Build there; the files that came back, in `to`.

    Raises UsageError with the compiler's lines when the build fails, InfrastructureError when the machine lacks MSBuild
    or refuses the log-on, GuestLostError when it cannot be reached, HungError.
    """
    if not (project.folder / project.solution).is_file():
        raise UsageError(
            f"{project.folder / project.solution} does not exist", "name a .sln or .vcxproj with --project"
        )
    with _connected(builder) as client:
        sftp = client.open_sftp()
        with progress.phase(f"sources to {builder.host}") as phase:
            phase.detail = f"{_push(sftp, project)} files"
        with progress.phase("MSBuild"):
            msbuild = _find_msbuild(client, builder)
            _build(client, project, msbuild)
        with progress.phase("images back") as phase:
            brought = _bring(sftp, project, to)
            phase.detail = ", ".join(each.name for each in brought)
    if not brought:
        raise InfrastructureError(
            f"MSBuild on {builder.host} ended well and left no driver", "see the project's OutDir"
        )
    return brought


def _connected(builder: Builder) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        if builder.known_hosts:
            client.load_host_keys(str(builder.known_hosts))
        else:
            client.load_system_host_keys()
        client.connect(
            builder.host,
            builder.port,
            builder.user,
            pkey=_private_key(builder.key) if builder.key else None,
            allow_agent=builder.key is None,
            look_for_keys=builder.key is None,
            timeout=CONNECT_DEADLINE,
            banner_timeout=CONNECT_DEADLINE,
            auth_timeout=CONNECT_DEADLINE,
        )
    except paramiko.AuthenticationException:
        what = f"{builder.host} refused the log-on of {builder.user!r}"
        advice = "put your public key there; an administrator's belongs into administrators_authorized_keys"
        raise InfrastructureError(what, advice) from None
    except paramiko.BadHostKeyException:
        raise InfrastructureError(f"{builder.host} has another host key than the known one") from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        advice = f"is it there? its key must be known: ssh {builder.user}@{builder.host} -p {builder.port}"
        raise GuestLostError(f"{builder.host} does not answer over SSH ({error})", advice) from None
    return client


def _private_key(file: Path) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(file)
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise UsageError(f"--key {file}: cannot be read as a private key: {error}") from None


def only_solution(folder: Path) -> str:
    """The one .sln file below a folder, relative to it. Raises UsageError when it is not one."""
    found = [path.relative_to(folder).as_posix() for path in source_files(folder) if path.suffix.lower() == ".sln"]
    if len(found) != 1:
        what = f"{folder} has {'no' if not found else 'several'} .sln files"
        raise UsageError(what, f"name one with --project: {', '.join(found)}" if found else "--sources FOLDER")
    return found[0]


def source_files(folder: Path) -> Iterator[Path]:
    """What a build needs of a folder, in a fixed order; no products, nothing hidden."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix.lower() in SOURCES and not any(part == "build" or part.startswith(".") for part in parts):
            yield path


def _push(sftp: paramiko.SFTPClient, project: Project) -> int:
    made = {""}
    count = 0
    for path in source_files(project.folder):
        name = path.relative_to(project.folder).as_posix()
        _make_folders(sftp, posixpath.dirname(f"{REMOTE}/{name}"), made)
        sftp.put(str(path), f"{REMOTE}/{name}")
        count += 1
    return count


def _make_folders(sftp: paramiko.SFTPClient, folder: str, made: set[str]) -> None:
    if folder in made:
        return
    _make_folders(sftp, posixpath.dirname(folder), made)
    try:
        sftp.stat(folder)
    except FileNotFoundError:
        sftp.mkdir(folder)
    made.add(folder)


def _find_msbuild(client: paramiko.SSHClient, builder: Builder) -> str:
    code, said = _run(client, f"cmd.exe /c {_VSWHERE}", FIND_DEADLINE)
    paths = [line.strip() for line in said.splitlines() if line.strip().lower().endswith("msbuild.exe")]
    if code != 0 or not paths:
        raise InfrastructureError(
            f"{builder.host} has no MSBuild", "install Visual Studio with C++, its SDK and the WDK"
        )
    return paths[0]


def _build(client: paramiko.SSHClient, project: Project, msbuild: str) -> None:
    solution = f"{REMOTE}/{project.solution}".replace("/", "\\")
    options = f"/m /nologo /v:minimal /t:Rebuild /p:Platform=x64 /p:Configuration={project.configuration}"
    code, said = _run(client, f'cmd.exe /c ""{msbuild}" "{solution}" {options}"', BUILD_DEADLINE)
    if code != 0:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        wrong = list(dict.fromkeys(line for line in lines if ": error " in line or ": fatal error " in line)) or lines
        told = "".join(f"\n    {line[:300]}" for line in wrong[:12])
        raise UsageError(f"MSBuild failed with exit code {code}:{told}")


def _run(client: paramiko.SSHClient, command: str, within: float) -> tuple[int, str]:
    """Exit code and output, both channels. Raises HungError after `within` seconds, GuestLostError."""
    deadline = time.monotonic() + within
    transport = client.get_transport()
    assert transport  # noqa: S101
    try:
        channel = transport.open_session(timeout=CONNECT_DEADLINE)
        channel.set_combine_stderr(True)
        channel.settimeout(1.0)
        channel.exec_command(command)
        channel.shutdown_write()  # Nobody will answer a question.
        said = bytearray()
        while True:
            try:
                piece = channel.recv(1 << 16)
            except TimeoutError:
                piece = None
            if piece == b"":
                return channel.recv_exit_status(), said.decode("utf-8", "replace")
            said += piece or b""
            del said[:-MAX_OUTPUT]
            if time.monotonic() > deadline:
                channel.close()
                raise HungError(f"{command[:60]} ... did not end within {within:.0f} s")
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise GuestLostError(f"the connection to the build machine broke ({error or type(error).__name__})") from None


def _bring(sftp: paramiko.SFTPClient, project: Project, to: Path) -> list[Path]:
    folder = posixpath.join(REMOTE, posixpath.dirname(project.solution), "build", project.configuration)
    to.mkdir(parents=True, exist_ok=True)
    brought = []
    try:
        entries = sftp.listdir_attr(folder)
    except FileNotFoundError:
        return []
    for entry in sorted(entries, key=lambda each: each.filename):
        name = entry.filename
        # Names come from the other machine: nothing leaves the folder.
        if Path(name).suffix.lower() in PRODUCTS and Path(name).name == name and stat.S_ISREG(entry.st_mode or 0):
            sftp.get(f"{folder}/{name}", str(to / name))
            brought.append(to / name)
    return brought
