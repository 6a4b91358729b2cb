"""The commands of the guest's scripts, each with those of its documented parameters that are used.

A cmdlet that does not exist, or a parameter that it has not, shows only in a guest, an hour into an installation.
Sources: learn.microsoft.com/powershell/module/MODULE/CMDLET, the modules as below; for TOOLS
learn.microsoft.com/windows-server/administration/windows-commands/NAME and windows-hardware/drivers/devtest.
"""

from __future__ import annotations

COMMON = {"-ErrorAction", "-WarningAction"}
"""about_CommonParameters: every cmdlet has them."""

CORE = {
    "Enable-PSRemoting": {"-Force", "-SkipNetworkProfileCheck"},
    "ForEach-Object": set(),
    "Get-Command": set(),
    "Out-Null": set(),
    "Where-Object": set(),
}
MANAGEMENT = {
    "Add-Content": {"-Encoding", "-Path", "-Value"},
    "Copy-Item": {"-Force"},
    "Get-ChildItem": set(),
    "Get-Content": {"-Encoding", "-Raw"},
    "Get-Item": {"-LiteralPath"},
    "Get-ItemProperty": {"-LiteralPath", "-Name"},
    "Get-Service": set(),
    "Join-Path": set(),
    "New-ItemProperty": {"-Force", "-LiteralPath", "-Name", "-PropertyType", "-Value"},
    "Remove-Item": {"-Force", "-Recurse"},
    "Remove-ItemProperty": {"-LiteralPath", "-Name"},
    "Restart-Computer": {"-Force"},
    "Restart-Service": set(),
    "Set-Item": set(),
    "Set-ItemProperty": {"-Name", "-Value"},
    "Set-Service": {"-StartupType"},
    "Split-Path": {"-Parent"},
    "Start-Service": set(),
    "Stop-Service": {"-Force"},
    "Test-Path": {"-LiteralPath"},
    # Of a folder, a key of the registry, and of WSMan:\localhost\Listener ("New-Item for WSMan Provider").
    "New-Item": {"-Address", "-CertificateThumbPrint", "-Force", "-ItemType", "-Path", "-Transport"},
}
UTILITY = {
    "ConvertFrom-Json": set(),
    "ConvertTo-Json": {"-Compress", "-Depth"},
    "Measure-Object": {"-Sum"},
    "New-Object": set(),
    "Out-String": set(),
    "Select-Object": {"-First"},
}
CMDLETS: dict[str, set[str]] = {
    **CORE,
    **MANAGEMENT,
    **UTILITY,
    # cimcmdlets
    "Get-CimInstance": {"-Filter", "-Namespace"},
    "Set-CimInstance": {"-Property"},
    # defender
    "Add-MpPreference": {"-ExclusionPath"},
    "Get-MpComputerStatus": set(),
    "Set-MpPreference": {"-DisableRealtimeMonitoring", "-ScanScheduleDay"},
    # netsecurity
    "New-NetFirewallRule": {
        *("-Action", "-Direction", "-DisplayName", "-LocalPort", "-Name", "-Profile", "-Protocol"),
    },
    "Remove-NetFirewallRule": {"-Name"},
    # microsoft.powershell.archive, .diagnostics, .security; pki
    "Expand-Archive": {"-DestinationPath", "-Force"},
    "Get-WinEvent": {"-FilterHashtable"},
    "ConvertTo-SecureString": {"-AsPlainText", "-Force"},
    "Import-PfxCertificate": {"-CertStoreLocation", "-Password"},
}
TOOLS: dict[str, set[str]] = {
    each: set()
    for each in ("bcdedit.exe", "certutil.exe", "net.exe", "powercfg.exe", "sc.exe", "schtasks.exe", "tzutil.exe")
}
"""Their arguments are not PowerShell's."""
OWN: dict[str, set[str]] = {each: set() for each in ("Invoke-Tool", "Read-Value", "Send-Lab", "Set-Value")}
"""Functions of the scripts."""
