"""HTTPS with a pinned certificate to the service of the real guest; TLS is taken off on the host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.guest.winrm import WinRm
from lab.running import RunningLab

from .tls import TlsFront, write_certificate

pytestmark = pytest.mark.vm


def test_the_guest_answers_over_https(lab: RunningLab, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    front = TlsFront(lab.remote.winrm_port, certificate, key)
    login = replace(lab.remote.credentials, certificate=certificate.read_text())
    winrm = WinRm(replace(lab.remote, winrm_port=front.port, credentials=login))
    try:
        result = winrm.run(["cmd", "/c", "echo over https& exit 1062"], 60)
        assert (result.stdout.strip(), result.code) == ("over https", 1062)
    finally:
        winrm.close()
        front.close()
