"""The lab's own WinRM client over HTTPS with a pinned certificate, and everything that can go wrong on that way."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from lab.errors import GuestLostError, HungError, InfrastructureError
from lab.guest.remote import Remote
from lab.guest.winrm import WinRm
from lab.guest.winrm_files import SCRIPTS, WinRmFiles
from lab.machine.image import Credentials

from .conftest import PASSWORD, USER, Service
from .tls import TlsFront, write_certificate

pytestmark = pytest.mark.slow

POWERSHELL = Path(__file__).with_name("powershell.py")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `powershell.exe` that does what the lab's scripts for files say."""
    folder = tmp_path_factory.mktemp("tools")
    program = folder / "powershell.exe"
    program.write_bytes(POWERSHELL.read_bytes())
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def https_service(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    service = Service(tmp_path_factory.mktemp("wsman"), "--runner", "direct", environment=environment)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("pinned"))


@pytest.fixture
def front(https_service: Service, files: tuple[Path, Path]) -> Iterator[TlsFront]:
    front = TlsFront(https_service.port, *files)
    yield front
    front.close()


def client(front: TlsFront, certificate: Path, password: str = PASSWORD) -> WinRm:
    return WinRm(Remote(0, front.port, Credentials(USER, password, "", certificate.read_text())))


@pytest.fixture
def winrm(front: TlsFront, files: tuple[Path, Path]) -> WinRm:
    return client(front, files[0])


def test_a_command_runs_over_https(winrm: WinRm) -> None:
    result = winrm.run(["echo", "hello"], 20)
    assert (result.stdout, result.code) == ("hello", 0)


def test_another_certificate_is_refused(front: TlsFront, tmp_path: Path) -> None:
    other, _ = write_certificate(tmp_path)
    with pytest.raises(InfrastructureError, match="not the one that the image was built with"):
        client(front, other).run(["echo"], 20)


def test_no_public_authority_may_vouch_for_a_guest(
    front: TlsFront, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's certificate is in the store that the environment names: it is refused all the same."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[0]))
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    other, _ = write_certificate(tmp_path)
    with pytest.raises(InfrastructureError, match="not the one"):
        client(front, other).run(["echo"], 20)


def test_an_expired_certificate_is_told(https_service: Service, tmp_path: Path) -> None:
    expired = write_certificate(tmp_path, valid_days=-1)
    front = TlsFront(https_service.port, *expired)
    with pytest.raises(InfrastructureError, match="certificate has expired"):
        client(front, expired[0]).run(["echo"], 20)
    front.close()


def test_a_wrong_password_is_told(front: TlsFront, files: tuple[Path, Path]) -> None:
    with pytest.raises(InfrastructureError, match="refused the image's WinRM password") as refused:
        client(front, files[0], "wrong").run(["echo"], 20)
    assert "wrong" not in str(refused.value)


def test_what_speaks_no_tls_is_told(files: tuple[Path, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(1 << 16)

        threading.Thread(target=answer, daemon=True).start()
        port = listener.getsockname()[1]
        with pytest.raises(InfrastructureError, match="no TLS with the guest's WinRM"):
            WinRm(Remote(0, port, Credentials(USER, PASSWORD, "", files[0].read_text()))).run(["echo"], 20)


def test_a_connection_that_drops_in_the_middle_of_a_command(front: TlsFront, winrm: WinRm) -> None:
    lines: list[str] = []
    started = threading.Event()

    def on_line(line: str) -> None:
        lines.append(line)
        started.set()

    def cut() -> None:
        started.wait(20)
        front.drop()

    cutting = threading.Thread(target=cut)
    cutting.start()
    begin = time.monotonic()
    with pytest.raises(GuestLostError, match="the guest does not answer"):
        winrm.stream(["echo begun; sleep 8; echo never"], on_line, 30)
    cutting.join()
    assert lines == ["begun"]
    assert time.monotonic() - begin < 20
    front.refusing = False
    assert winrm.run(["echo", "again"], 20).stdout == "again"


@pytest.mark.parametrize("way", ["https", "ntlm"])
def test_ten_megabytes_of_output(winrm: WinRm, https_service: Service, way: str) -> None:
    """Through TLS, and without it, where each message is encrypted."""
    sizes: list[int] = []
    if way == "ntlm":
        winrm = WinRm(Remote(0, https_service.port, Credentials(USER, PASSWORD, "")))
    assert (
        winrm.stream(["head -c 10485760 /dev/zero | tr '\\0' x | fold -w 1023"], lambda x: sizes.append(len(x)), 90)
        == 0
    )
    assert sum(sizes) == 10 << 20


def test_text_that_is_not_ascii(winrm: WinRm) -> None:
    text = "grüße, 你好, 🙂"
    assert winrm.run(["printf", f"'{text}'"], 20).stdout == text
    assert winrm.run(["printf '\\377ok'"], 20).stdout == "\N{REPLACEMENT CHARACTER}ok"


def test_a_command_that_outlives_its_deadline(winrm: WinRm) -> None:
    begin = time.monotonic()
    with pytest.raises(HungError, match="did not end within 1 s"):
        winrm.run(["sleep 55.25"], 1)
    assert time.monotonic() - begin < 8
    assert winrm.run(["pgrep -f '[s]leep 55.25'"], 20).stdout == ""


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_file_goes_there_and_back(winrm: WinRm, tmp_path: Path, size: int) -> None:
    copies, data = WinRmFiles(winrm), os.urandom(size)
    remote = str(tmp_path / "it's a folder" / "file.bin")
    copies.put(data, remote)
    assert Path(remote).read_bytes() == data
    assert copies.get(remote) == data
    assert [each.name for each in Path(remote).parent.iterdir()] == ["file.bin"]
    modified = copies.modified(remote)
    assert modified is not None
    assert abs(modified - time.time()) < 30


def test_a_file_that_is_not_there(winrm: WinRm, tmp_path: Path) -> None:
    copies, missing = WinRmFiles(winrm), str(tmp_path / "missing")
    assert copies.modified(missing) is None
    with pytest.raises(FileNotFoundError):
        copies.get(missing)
    with pytest.raises(InfrastructureError, match="it is not there"):
        copies.fetch(missing, tmp_path / "copy", 20)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written(winrm: WinRm) -> None:
    with pytest.raises(InfrastructureError, match=r"cannot write /proc/nowhere/file in the guest \(exit code 1\)"):
        WinRmFiles(winrm).put(b"x", "/proc/nowhere/file")


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_for_files_are_powershell(script: str) -> None:
    text = script.format(path="C:\\x", piece=1)
    tree = Parser(Language(tree_sitter_powershell.language())).parse(text.encode())
    assert not tree.root_node.has_error
