"""An INF for a driver of no device, for those who install with `pnputil /add-driver FILE.inf /install`.

Windows 10 1903 and later. The catalog that belongs to it is made by `signing.write_catalog`.
Source: https://learn.microsoft.com/windows-hardware/drivers/develop/creating-a-primitive-driver
"""

from __future__ import annotations

import datetime
from pathlib import Path

from lab.errors import UsageError
from lab.guest.driver_file import inspect_driver

_INF = """\
; Installs {file} as the service {service}: pnputil /add-driver {inf} /install
[Version]
Signature = "$WINDOWS NT$"
Class = System
ClassGuid = {{4d36e97d-e325-11ce-bfc1-08002be10318}}
Provider = %Provider%
CatalogFile = {catalog}
DriverVer = {date},{version}
PnpLockdown = 1

[SourceDisksNames]
1 = %Disk%

[SourceDisksFiles]
{file} = 1

[DestinationDirs]
DefaultDestDir = 13

[DefaultInstall.NTamd64]
CopyFiles = Driver_Files

[DefaultInstall.NTamd64.Services]
AddService = {service},,Driver_Service

[Driver_Files]
{file}

[Driver_Service]
DisplayName = %Service%
ServiceType = 1
StartType = 3
ErrorControl = 1
ServiceBinary = %13%\\{file}

[Strings]
Provider = "{provider}"
Disk = "{service}"
Service = "{service}"
"""


def write_inf(driver: Path, service: str, provider: str, version: str = "1.0.0.0") -> Path:
    """Write the INF beside the driver; its path. Raises UsageError for a file that is no driver, or unfit names."""
    inspect_driver(driver)
    for text in (service, provider, driver.name):
        if not text or any(each in text for each in '"%;\r\n,'):
            raise UsageError(f"{text!r} cannot stand in an INF", "no quotes, per cents, semicolons or commas")
    inf = driver.with_suffix(".inf")
    text = _INF.format(
        file=driver.name,
        inf=inf.name,
        catalog=driver.with_suffix(".cat").name,
        service=service,
        provider=provider,
        version=version,
        date=datetime.datetime.now(datetime.UTC).strftime("%m/%d/%Y"),
    )
    inf.write_text(text, encoding="ascii", errors="strict", newline="\r\n")
    return inf
