from __future__ import annotations

import pytest

from lab.kd.guest_path import canonical

DRIVER = "\\windows\\system32\\drivers\\x.sys"


@pytest.mark.parametrize(
    "path",
    [
        r"\SystemRoot\System32\drivers\x.sys",
        r"C:\Windows\System32\drivers\X.SYS",
        "C:/Windows/System32/drivers/x.sys",
        r"\??\C:\Windows\System32\drivers\x.sys",
        r"\\?\C:\WINDOWS\system32\drivers\x.sys",
        r"\DosDevices\C:\WINDOWS\system32\drivers\x.sys",
        r"\Windows\system32\drivers\x.sys",
        r"\Windows\\system32\drivers\x.sys",
        r"System32\Drivers\x.sys",
        r"\Device\HarddiskVolume2\Windows\System32\drivers\x.sys",
        r"%SystemRoot%\System32\drivers\x.sys",
        r"\??\C:\Windows\System32\drivers\x.sys ",
    ],
)
def test_all_names_of_a_driver_are_one(path: str) -> None:
    assert canonical(path) == DRIVER


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"\??\C:\lab\drivers\x.sys", r"\lab\drivers\x.sys"),
        (r"D:\lab\x.sys", r"d:\lab\x.sys"),
        (r"\??\D:\lab\x.sys", r"d:\lab\x.sys"),
        ("x.sys", "x.sys"),
        ("", ""),
    ],
)
def test_other_names_stay_apart(path: str, name: str) -> None:
    assert canonical(path) == name
