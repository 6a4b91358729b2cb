"""The answer file (Autounattend.xml) by which Windows setup runs without questions.

Source: learn.microsoft.com, "Unattended Windows Setup Reference". What may stand where is in `settings`.
"""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from lab.machine.hardware import Firmware
from vm_images.windows.release import Release
from vm_images.windows.settings import (
    ACTIVATION,
    DEPLOYMENT,
    DRIVERS,
    ENCRYPTION,
    LANGUAGE,
    LISTS,
    PE_LANGUAGE,
    SETUP,
    SHELL,
    Pass,
)
from vm_images.windows.wim import WimImage

UNATTEND = "urn:schemas-microsoft-com:unattend"
WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
IDENTITY = {
    "processorArchitecture": "amd64",
    "publicKeyToken": "31bf3856ad364e35",
    "language": "neutral",
    "versionScope": "nonSxS",
}
COMPUTER = "LAB-GUEST"
"""Must differ from every user's name, and have at most 15 characters."""
PROVISION = r"lab\provision.cmd"
"""On the lab's own CD, whatever letter Windows gives it."""

Setting: TypeAlias = "str | int | bool | Mapping[str, Setting] | Sequence[Setting]"
Components: TypeAlias = "dict[str, Mapping[str, Setting]]"


@dataclass(frozen=True)
class Answers:
    """What setup is told."""

    release: Release
    image: WimImage
    key: str | None
    """Product key; None for evaluation media, which refuse any."""
    user: str
    password: str = field(repr=False)
    driver_paths: tuple[str, ...] = ()
    """Folders on a CD with drivers that setup needs, such as those of virtio."""


def answer_file(answers: Answers) -> bytes:
    """The file's content: UTF-8 XML, with no whitespace inside values."""
    root = ET.Element("unattend", {"xmlns": UNATTEND, "xmlns:wcm": WCM})
    passes = {
        Pass.WINDOWS_PE: _windows_pe(answers),
        Pass.SPECIALIZE: _specialize(),
        Pass.OOBE_SYSTEM: _oobe_system(answers),
    }
    for each, components in passes.items():
        settings = ET.SubElement(root, "settings", {"pass": each.value})
        for name, content in components.items():
            component = ET.SubElement(settings, "component", {"name": name, **IDENTITY})
            _add(component, content)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _windows_pe(answers: Answers) -> Components:
    language = answers.image.language
    components: Components = {
        PE_LANGUAGE: {"SetupUILanguage": {"UILanguage": language}, **_locale(language)},
        SETUP: {
            "RunSynchronous": {"RunSynchronousCommand": _ordered("Path", _skip_checks(answers.release))},
            "DiskConfiguration": _disk(answers.release.firmware),
            "ImageInstall": {"OSImage": _os_image(answers)},
            "UserData": {
                "AcceptEula": True,
                "FullName": "Driver lab",
                "Organization": "Driver lab",
                "ProductKey": _product_key(answers.key),
            },
            "Diagnostics": {"OptIn": False},
            "DynamicUpdate": {"Enable": False, "WillShowUI": "OnError"},
        },
    }
    if answers.driver_paths:
        paths = [{"@keyValue": str(i), "Path": path} for i, path in enumerate(answers.driver_paths, 1)]
        components[DRIVERS] = {"DriverPaths": {"PathAndCredentials": paths}}
    return components


def _product_key(key: str | None) -> Mapping[str, Setting]:
    # Setup stops at an empty key, so one that is not there is left out.
    return {"Key": key, "WillShowUI": "OnError"} if key else {"WillShowUI": "OnError"}


def _skip_checks(release: Release) -> list[str]:
    """Windows 11 asks for what a machine with test-signing cannot have: Secure Boot, and a TPM that it trusts."""
    if not release.checks_hardware:
        return []
    checks = ("BypassTPMCheck", "BypassSecureBootCheck", "BypassRAMCheck", "BypassStorageCheck", "BypassCPUCheck")
    return [rf"reg.exe add HKLM\SYSTEM\Setup\LabConfig /v {check} /t REG_DWORD /d 1 /f" for check in checks]


def _disk(firmware: Firmware) -> Mapping[str, Setting]:
    """One system volume C:, after what the firmware needs. Partitions' sizes are MB."""
    if firmware is Firmware.UEFI:
        create: list[dict[str, Setting]] = [
            {"Type": "EFI", "Size": 260},
            {"Type": "MSR", "Size": 16},
            {"Type": "Primary", "Extend": True},
        ]
        # The reserved partition between them cannot be modified: orders are consecutive, partition numbers are not.
        modify: list[dict[str, Setting]] = [
            {"PartitionID": 1, "Format": "FAT32", "Label": "System"},
            {"PartitionID": 3, "Format": "NTFS", "Label": "Windows", "Letter": "C"},
        ]
    else:
        create = [{"Type": "Primary", "Size": 500}, {"Type": "Primary", "Extend": True}]
        modify = [
            {"PartitionID": 1, "Format": "NTFS", "Label": "System", "Active": True},
            {"PartitionID": 2, "Format": "NTFS", "Label": "Windows", "Letter": "C"},
        ]
    return {
        "Disk": [
            {
                "CreatePartitions": {"CreatePartition": [{"Order": i, **each} for i, each in enumerate(create, 1)]},
                "ModifyPartitions": {"ModifyPartition": [{"Order": i, **each} for i, each in enumerate(modify, 1)]},
                "DiskID": 0,
                "WillWipeDisk": True,
            }
        ],
        "WillShowUI": "OnError",
    }


def _os_image(answers: Answers) -> Mapping[str, Setting]:
    partition = 3 if answers.release.firmware is Firmware.UEFI else 2
    return {
        # By number, not by name: what a medium calls its images has changed between its revisions.
        "InstallFrom": {"MetaData": [{"Key": "/IMAGE/INDEX", "Value": str(answers.image.index)}]},
        "InstallTo": {"DiskID": 0, "PartitionID": partition},
        "WillShowUI": "OnError",
    }


def _specialize() -> Components:
    guard = r"HKLM\SYSTEM\CurrentControlSet\Control\DeviceGuard"
    oobe = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OOBE"
    commands = [
        # Virtualization-based security keeps drivers from loading that test-signing would let in.
        rf"reg.exe add {guard} /v EnableVirtualizationBasedSecurity /t REG_DWORD /d 0 /f",
        rf"reg.exe add {guard}\Scenarios\HypervisorEnforcedCodeIntegrity /v Enabled /t REG_DWORD /d 0 /f",
        rf"reg.exe add {oobe} /v BypassNRO /t REG_DWORD /d 1 /f",
    ]
    return {
        SHELL: {"ComputerName": COMPUTER, "TimeZone": "UTC"},
        DEPLOYMENT: {"RunSynchronous": {"RunSynchronousCommand": _ordered("Path", commands)}},
        ACTIVATION: {"SkipAutoActivation": True},
    }


def _oobe_system(answers: Answers) -> Components:
    password: dict[str, Setting] = {"Value": encoded(answers.password, "Password"), "PlainText": False}
    components: Components = {LANGUAGE: _locale(answers.image.language)}
    if answers.release.checks_hardware:
        components[ENCRYPTION] = {"PreventDeviceEncryption": True}
    components[SHELL] = {
        "AutoLogon": {"Password": password, "Enabled": True, "LogonCount": 3, "Username": answers.user},
        "FirstLogonCommands": {"SynchronousCommand": _ordered("CommandLine", [_provision()])},
        "OOBE": _first_run(answers.release),
        "TimeZone": "UTC",
        "UserAccounts": {
            "LocalAccounts": {"LocalAccount": [{"Name": answers.user, "Group": "Administrators", "Password": password}]}
        },
    }
    return components


def _first_run(release: Release) -> Mapping[str, Setting]:
    pages: dict[str, Setting] = {"HideEULAPage": True}
    if release.server:
        pages["HideLocalAccountScreen"] = True
    else:
        pages["HideOEMRegistrationScreen"] = True
        pages["HideOnlineAccountScreens"] = True
        pages["HideWirelessSetupInOOBE"] = True
    return {**pages, "ProtectYourPC": 3}


def _provision() -> str:
    """One command for all: whether several run one after the other, Microsoft's pages do not agree."""
    letters = " ".join("DEFGHIJKLMNOPQRSTUVWXYZ")
    return rf"cmd.exe /c for %d in ({letters}) do if exist %d:\{PROVISION} call %d:\{PROVISION}"


def encoded(secret: str, element: str) -> str:
    """A password as an answer file hides it: Base64 of UTF-16, with the element's name behind it."""
    return base64.b64encode((secret + element).encode("utf-16-le")).decode("ascii")


def _locale(language: str) -> dict[str, Setting]:
    return dict.fromkeys(("InputLocale", "SystemLocale", "UILanguage", "UserLocale"), language)


def _ordered(element: str, commands: Sequence[str]) -> list[Setting]:
    return [{"Order": i, element: command} for i, command in enumerate(commands, 1)]


def _add(parent: ET.Element, content: Mapping[str, Setting]) -> None:
    for name, value in content.items():
        if name.startswith("@"):
            parent.set(f"wcm:{name[1:]}", str(value))
            continue
        for each in value if isinstance(value, list) else [value]:
            element = ET.SubElement(parent, name, {"wcm:action": "add"} if name in LISTS else {})
            if isinstance(each, Mapping):
                _add(element, each)
            else:
                element.text = str(each).lower() if isinstance(each, bool) else str(each)
    _drop_empty(parent)


def _drop_empty(parent: ET.Element) -> None:
    """An empty list is no element at all: setup takes an empty one for a mistake."""
    for child in [each for each in parent if not len(each) and not each.text]:
        parent.remove(child)
