"""Which component of an answer file may stand in which pass, and what may stand in it.

A component or an element that Windows does not know is fatal in the specialize pass: a dialog, a restart, the same
dialog for ever. So the tests hold every answer file against this table. It names what the lab writes, nothing more.
Source: learn.microsoft.com, "Unattended Windows Setup Reference", a page for each component and element.
"""

from __future__ import annotations

from enum import Enum


class Pass(Enum):
    """The configuration passes of a clean installation, in their order."""

    WINDOWS_PE = "windowsPE"
    OFFLINE_SERVICING = "offlineServicing"
    SPECIALIZE = "specialize"
    OOBE_SYSTEM = "oobeSystem"


PE = Pass.WINDOWS_PE
SPECIALIZE = Pass.SPECIALIZE
OOBE = Pass.OOBE_SYSTEM

SETUP = "Microsoft-Windows-Setup"
PE_LANGUAGE = "Microsoft-Windows-International-Core-WinPE"
LANGUAGE = "Microsoft-Windows-International-Core"
SHELL = "Microsoft-Windows-Shell-Setup"
DEPLOYMENT = "Microsoft-Windows-Deployment"
ACTIVATION = "Microsoft-Windows-Security-SPP-UX"
ENCRYPTION = "Microsoft-Windows-SecureStartup-FilterDriver"
DRIVERS = "Microsoft-Windows-PnpCustomizationsWinPE"

SETTINGS: dict[tuple[Pass, str], tuple[str, ...]] = {
    (PE, PE_LANGUAGE): ("SetupUILanguage/UILanguage", "InputLocale", "SystemLocale", "UILanguage", "UserLocale"),
    (PE, DRIVERS): ("DriverPaths/PathAndCredentials/Path",),
    (PE, SETUP): (
        "DiskConfiguration/Disk/CreatePartitions/CreatePartition/Order",
        "DiskConfiguration/Disk/CreatePartitions/CreatePartition/Size",
        "DiskConfiguration/Disk/CreatePartitions/CreatePartition/Extend",
        "DiskConfiguration/Disk/CreatePartitions/CreatePartition/Type",
        "DiskConfiguration/Disk/ModifyPartitions/ModifyPartition/Active",
        "DiskConfiguration/Disk/ModifyPartitions/ModifyPartition/Format",
        "DiskConfiguration/Disk/ModifyPartitions/ModifyPartition/Label",
        "DiskConfiguration/Disk/ModifyPartitions/ModifyPartition/Letter",
        "DiskConfiguration/Disk/ModifyPartitions/ModifyPartition/Order",
        "DiskConfiguration/Disk/ModifyPartitions/ModifyPartition/PartitionID",
        "DiskConfiguration/Disk/DiskID",
        "DiskConfiguration/Disk/WillWipeDisk",
        "DiskConfiguration/WillShowUI",
        "ImageInstall/OSImage/InstallFrom/MetaData/Key",
        "ImageInstall/OSImage/InstallFrom/MetaData/Value",
        "ImageInstall/OSImage/InstallTo/DiskID",
        "ImageInstall/OSImage/InstallTo/PartitionID",
        "ImageInstall/OSImage/WillShowUI",
        "RunSynchronous/RunSynchronousCommand/Order",
        "RunSynchronous/RunSynchronousCommand/Path",
        "UserData/AcceptEula",
        "UserData/FullName",
        "UserData/Organization",
        "UserData/ProductKey/Key",
        "UserData/ProductKey/WillShowUI",
        "Diagnostics/OptIn",
        "DynamicUpdate/Enable",
        "DynamicUpdate/WillShowUI",
    ),
    (SPECIALIZE, SHELL): ("ComputerName", "TimeZone"),
    (SPECIALIZE, DEPLOYMENT): (
        "RunSynchronous/RunSynchronousCommand/Order",
        "RunSynchronous/RunSynchronousCommand/Path",
    ),
    (SPECIALIZE, ACTIVATION): ("SkipAutoActivation",),
    (OOBE, LANGUAGE): ("InputLocale", "SystemLocale", "UILanguage", "UserLocale"),
    (OOBE, ENCRYPTION): ("PreventDeviceEncryption",),
    (OOBE, SHELL): (
        "AutoLogon/Password/Value",
        "AutoLogon/Password/PlainText",
        "AutoLogon/Enabled",
        "AutoLogon/LogonCount",
        "AutoLogon/Username",
        "FirstLogonCommands/SynchronousCommand/Order",
        "FirstLogonCommands/SynchronousCommand/CommandLine",
        "OOBE/HideEULAPage",
        "OOBE/HideLocalAccountScreen",
        "OOBE/HideOEMRegistrationScreen",
        "OOBE/HideOnlineAccountScreens",
        "OOBE/HideWirelessSetupInOOBE",
        "OOBE/ProtectYourPC",
        "TimeZone",
        "UserAccounts/LocalAccounts/LocalAccount/Name",
        "UserAccounts/LocalAccounts/LocalAccount/Group",
        "UserAccounts/LocalAccounts/LocalAccount/Password/Value",
        "UserAccounts/LocalAccounts/LocalAccount/Password/PlainText",
    ),
}

LISTS = {
    "Disk", "CreatePartition", "ModifyPartition", "MetaData", "RunSynchronousCommand", "SynchronousCommand",
    "LocalAccount", "PathAndCredentials",
}  # fmt: skip
"""Elements that a list holds: each says wcm:action="add"."""

MAX_PATH = 256
"""Characters of a RunSynchronousCommand's Path; a longer one is fatal in specialize."""
MAX_COMMAND_LINE = 1024
"""Characters of a FirstLogonCommands' CommandLine."""
