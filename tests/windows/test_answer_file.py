"""Answer files say what setup needs, and nothing that its documentation does not have in that place."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import product

import pytest

from lab.machine.hardware import Firmware
from vm_images.windows.answer_file import COMPUTER, UNATTEND, WCM, Answers, answer_file
from vm_images.windows.release import RELEASES, Release
from vm_images.windows.settings import LISTS, MAX_COMMAND_LINE, MAX_PATH, SETTINGS, Pass
from vm_images.windows.virtio import virtio_paths
from vm_images.windows.wim import WimImage

NS = f"{{{UNATTEND}}}"
IDENTITY = {
    "processorArchitecture": "amd64",
    "publicKeyToken": "31bf3856ad364e35",
    "language": "neutral",
    "versionScope": "nonSxS",
}
UNORDERED = ("Disk", "MetaData", "LocalAccount", "PathAndCredentials")
"""Lists whose items have no number."""


def image(release: Release, edition: str | None = None) -> WimImage:
    kind = "Server" if release.server else "Client"
    default = "ServerStandard" if release.server else "Professional"
    return WimImage(2, release.title, edition or default, kind, "amd64", release.builds[0], "en-US")


def answers(release: Release, **more: object) -> Answers:
    values = {"release": release, "image": image(release), "key": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"}
    values |= {"user": "lab", "password": "pass<&>word"}
    return Answers(**{**values, **more})  # type: ignore[arg-type]


def parsed(given: Answers) -> ET.Element:
    return ET.fromstring(answer_file(given))  # noqa: S314


def components(root: ET.Element) -> Iterator[tuple[Pass, ET.Element]]:
    for settings in root:
        assert settings.tag == f"{NS}settings"
        for component in settings:
            assert component.tag == f"{NS}component"
            yield Pass(settings.get("pass", "")), component


def leaves(element: ET.Element, path: str = "") -> Iterator[tuple[str, str]]:
    for child in element:
        name = f"{path}/{child.tag.removeprefix(NS)}".removeprefix("/")
        if len(child):
            yield from leaves(child, name)
        else:
            yield name, child.text or ""


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    found: Release = request.param
    return found


def mistakes(root: ET.Element) -> Iterator[str]:
    """What setup would not take, by the table of what is documented: passes, components, settings, lists."""
    found = [(where, component.get("name", "")) for where, component in components(root)]
    order = [list(Pass).index(where) for where, _name in found]
    if order != sorted(order) or len(found) != len(set(found)):
        yield "passes are out of order, or a component is there twice"
    for where, component in components(root):
        name = component.get("name", "")
        identity = {key: value for key, value in component.attrib.items() if key != "name"}
        if identity != IDENTITY:
            yield f"{name} is for another Windows: {identity}"
        known = SETTINGS.get((where, name), ())
        yield from (f"{where.value}: {name}: {each}" for each, _text in leaves(component) if each not in known)
    for parent, name in product(root.iter(), LISTS):
        items = parent.findall(f"{NS}{name}")
        if any(item.get(f"{{{WCM}}}action") != "add" for item in items):
            yield f"{name} is not added"
        orders = [item.findtext(f"{NS}Order") for item in items]
        if name not in UNORDERED and orders != [str(i + 1) for i in range(len(items))]:
            yield f"{name} comes in the order {orders}"


def test_every_setting_stands_where_its_documentation_has_it(release: Release) -> None:
    assert list(mistakes(parsed(answers(release, driver_paths=("E:\\viostor",))))) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("OptIn>", "OptOut>", "windowsPE: Microsoft-Windows-Setup: Diagnostics/OptOut"),
        ("-SPP-UX", "-SPP", "specialize: Microsoft-Windows-Security-SPP: SkipAutoActivation"),
        ('pass="specialize"', 'pass="oobeSystem"', "oobeSystem: Microsoft-Windows-Deployment: RunSync"),
        ('pass="windowsPE"', 'pass="oobeSystem"', "passes are out of order"),
        ('processorArchitecture="amd64"', 'processorArchitecture="x64"', "is for another Windows"),
        ("<Order>2</Order>", "<Order>3</Order>", "comes in the order ['1', '3'"),
        ('<SynchronousCommand wcm:action="add">', "<SynchronousCommand>", "SynchronousCommand is not added"),
    ],
)
def test_a_mistake_is_seen(right: str, wrong: str, told: str) -> None:
    text = answer_file(answers(RELEASES[0])).decode()
    assert right in text
    assert told in "; ".join(mistakes(ET.fromstring(text.replace(right, wrong))))  # noqa: S314


def test_no_value_is_empty_or_padded(release: Release) -> None:
    for _where, component in components(parsed(answers(release))):
        for name, text in leaves(component):
            assert text, name
            assert text == text.strip(), name


def test_commands_are_not_longer_than_setup_reads(release: Release) -> None:
    for _where, component in components(parsed(answers(release))):
        for name, text in leaves(component):
            assert not name.endswith("RunSynchronousCommand/Path") or len(text) <= MAX_PATH
            assert not name.endswith("CommandLine") or len(text) <= MAX_COMMAND_LINE


def test_windows_goes_to_the_last_partition_of_a_layout_that_fits_the_firmware(release: Release) -> None:
    values = dict(leaves(next(c for _p, c in components(parsed(answers(release))) if "Setup" in c.get("name", ""))))
    uefi = release.firmware is Firmware.UEFI
    assert values["ImageInstall/OSImage/InstallTo/PartitionID"] == ("3" if uefi else "2")
    types = [each.text for each in parsed(answers(release)).iter(f"{NS}Type")]
    assert types == (["EFI", "MSR", "Primary"] if uefi else ["Primary", "Primary"])


def test_only_a_release_that_checks_for_hardware_is_told_not_to(release: Release) -> None:
    text = answer_file(answers(release)).decode()
    assert ("BypassTPMCheck" in text) == release.checks_hardware
    assert ("PreventDeviceEncryption" in text) == release.checks_hardware


def test_evaluation_media_get_no_key_and_no_empty_one(release: Release) -> None:
    root = parsed(answers(release, key=None))
    key = next(root.iter(f"{NS}ProductKey"))
    assert [child.tag for child in key] == [f"{NS}WillShowUI"]


def test_passwords_are_hidden_as_setup_unhides_them(release: Release) -> None:
    content = answer_file(answers(release))
    assert b"pass<" not in content
    assert b"pass&lt;" not in content
    for parent in ET.fromstring(content).iter(f"{NS}Password"):  # noqa: S314
        hidden = base64.b64decode(parent.findtext(f"{NS}Value", "")).decode("utf-16-le")
        assert (hidden, parent.findtext(f"{NS}PlainText")) == ("pass<&>wordPassword", "false")


def test_who_logs_on_is_an_administrator_whose_name_is_not_the_computers(release: Release) -> None:
    values = {name: text for _p, c in components(parsed(answers(release))) for name, text in leaves(c)}
    assert values["AutoLogon/Username"] == values["UserAccounts/LocalAccounts/LocalAccount/Name"] == "lab"
    assert values["UserAccounts/LocalAccounts/LocalAccount/Group"] == "Administrators"
    assert values["ComputerName"] == COMPUTER != "lab"
    assert len(COMPUTER) <= 15


def test_first_logon_runs_one_command_that_finds_the_lab_cd(release: Release) -> None:
    commands = [c.text or "" for c in parsed(answers(release)).iter(f"{NS}CommandLine")]
    assert len(commands) == 1
    assert r"if exist %d:\lab\provision.cmd call %d:\lab\provision.cmd" in commands[0]


def test_drivers_of_virtio_are_looked_for_in_the_release_s_own_folder(release: Release) -> None:
    paths = virtio_paths(release)
    folder = {"win10-22h2": "w10", "server-2019": "2k19", "server-2022": "2k22", "server-2025": "2k25"}
    assert rf"F:\viostor\{folder.get(release.name, 'w11')}\amd64" in paths
    given = list(parsed(answers(release, driver_paths=paths)).iter(f"{NS}PathAndCredentials"))
    assert [each.get(f"{{{WCM}}}keyValue") for each in given] == [str(i + 1) for i in range(len(paths))]
    assert [each.findtext(f"{NS}Path") for each in given] == list(paths)
