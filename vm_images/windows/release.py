"""The Windows releases that the lab installs, and what each needs of the machine and of its answer file."""

from __future__ import annotations

from dataclasses import dataclass

from lab.errors import UsageError
from lab.machine.hardware import Firmware
from vm_images.windows.wim import WimImage


@dataclass(frozen=True)
class Release:
    """One release; `builds` are those that its media name, first and last."""

    name: str
    title: str
    builds: tuple[int, int]
    server: bool
    firmware: Firmware
    memory_mb: int
    disk_gb: int
    checks_hardware: bool = False
    """Setup asks for TPM, Secure Boot and memory that a lab's machine does not have: LabConfig says not to."""


RELEASES = (
    # Enablement packages raise the build that `ver` shows above the one that the medium names: 25H2's may name 24H2's.
    Release("win10-22h2", "Windows 10 22H2", (19041, 19045), False, Firmware.BIOS, 4096, 40),
    Release("win11-23h2", "Windows 11 23H2", (22621, 22631), False, Firmware.UEFI, 4096, 64, checks_hardware=True),
    Release("win11-25h2", "Windows 11 25H2", (26200, 26200), False, Firmware.UEFI, 4096, 64, checks_hardware=True),
    Release("win11-24h2", "Windows 11 24H2", (26100, 26200), False, Firmware.UEFI, 4096, 64, checks_hardware=True),
    Release("server-2019", "Windows Server 2019", (17763, 17763), True, Firmware.BIOS, 3072, 40),
    Release("server-2022", "Windows Server 2022", (20348, 20348), True, Firmware.BIOS, 3072, 40),
    Release("server-2025", "Windows Server 2025", (26100, 26100), True, Firmware.UEFI, 4096, 64),
)

# Generic volume licence keys: they select an edition and activate nothing without the user's own KMS host.
# Source: learn.microsoft.com, "KMS client activation and product keys".
_CLIENT_KEYS = {
    "Professional": "W269N-WFGWX-YVC9B-4J6C9-T83GX",
    "ProfessionalN": "MH37W-N47XK-V7XM9-C7227-GCQG9",
    "ProfessionalWorkstation": "NRG8B-VKK3Q-CXVCJ-9G2XF-6Q84J",
    "ProfessionalWorkstationN": "9FNHH-K3HBT-3W4TD-6383H-6XYWF",
    "ProfessionalEducation": "6TP4R-GNPTD-KYYHQ-7B7DP-J447Y",
    "ProfessionalEducationN": "YVWGF-BXNMC-HTQYQ-CPQ99-66QFC",
    "Education": "NW6C2-QMPVW-D7KKK-3GKT6-VCFB2",
    "EducationN": "2WH4N-8QGBV-H22JP-CT43Q-MDWWJ",
    "Enterprise": "NPPR9-FWDCX-D2C8J-H872K-2YT43",
    "EnterpriseN": "DPH2V-TTNVB-4X9Q3-TJR4H-KHJW4",
    "EnterpriseS": "M7XTQ-FN8P6-TTKYV-9D4CC-J462D",
    "EnterpriseSN": "92NFX-8DJQP-P6BBQ-THF9C-7CG2H",
    "IoTEnterpriseS": "KBN8V-HFGQ4-MGXVD-347P6-PDQGT",
}
_SERVER_KEYS = {
    ("server-2019", "ServerStandard"): "N69G4-B89J2-4G8F4-WWYCC-J464C",
    ("server-2019", "ServerDatacenter"): "WMDGN-G9PQG-XVVXX-R3X43-63DFG",
    ("server-2022", "ServerStandard"): "VDYBN-27WPP-V4HQT-9VMD4-VMK7H",
    ("server-2022", "ServerDatacenter"): "WX4NM-KYWYW-QJJR4-XV3QB-6VM33",
    ("server-2025", "ServerStandard"): "TVRH6-WHNXV-R9WG3-9XRFY-MY832",
    ("server-2025", "ServerDatacenter"): "D764K-2NDRG-47T6Q-P8T8W-YP6DF",
}


def release_of(image: WimImage) -> Release:
    """The release that an image of a medium is. Raises UsageError for one that the lab does not install."""
    if image.architecture != "amd64":
        raise UsageError(f"the medium is for {image.architecture}", "take a 64-bit x86 (x64) medium")
    for release in RELEASES:
        first, last = release.builds
        if first <= image.build <= last and release.server == image.is_server:
            return release
    known = ", ".join(release.title for release in RELEASES)
    kind = "server" if image.is_server else "client"
    raise UsageError(
        f"build {image.build} ({kind}, {image.name}) is none that the lab installs", f"it installs {known}"
    )


def generic_key(release: Release, image: WimImage) -> str | None:
    """The published key that selects the image's edition; None for evaluation media, which refuse any."""
    if image.is_evaluation:
        return None
    if release.server:
        return _SERVER_KEYS.get((release.name, image.edition.removesuffix("Cor")))  # A Server Core has the same key.
    return _CLIENT_KEYS.get(image.edition)
