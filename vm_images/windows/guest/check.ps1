# Reads back, after a restart, what provision.ps1 set; the host keeps the answer in the image's manifest.
# Runs as SYSTEM at every start until the host has read it once.

$ErrorActionPreference = 'Stop'
. (Join-Path 'C:\lab' 'report.ps1')
$Control = 'HKLM:\SYSTEM\CurrentControlSet\Control'

function Read-Value([string] $Key, [string] $Name) {
    $item = Get-ItemProperty -LiteralPath $Key -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $item) { return $null }
    return $item.$Name
}

$Questions = [ordered]@{
    'computer'        = { $env:COMPUTERNAME }
    'build'           = { [System.Environment]::OSVersion.Version.Build }
    'revision'        = { Read-Value 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' 'UBR' }
    'edition'         = { Read-Value 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' 'EditionID' }
    'boot_time'       = { (Get-CimInstance Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('o') }
    'start_options'   = { Read-Value $Control 'SystemStartOptions' }
    'debugger'        = { (Invoke-Tool 'bcdedit.exe' @('/dbgsettings')).Trim() }
    'secure_boot'     = { Read-Value "$Control\SecureBoot\State" 'UEFISecureBootEnabled' }
    'vbs'             = {
        $guard = Get-CimInstance -Namespace 'root\Microsoft\Windows\DeviceGuard' Win32_DeviceGuard -ErrorAction SilentlyContinue
        if ($guard) { $guard.VirtualizationBasedSecurityStatus } else { 0 }
    }
    'signature_flags' = { Read-Value "$Control\CI" 'DebugFlags' }
    'print_filter'    = { Read-Value "$Control\Session Manager\Debug Print Filter" 'DEFAULT' }
    'dump'            = { Read-Value "$Control\CrashControl" 'CrashDumpEnabled' }
    'dump_kept'       = { Read-Value "$Control\CrashControl" 'AlwaysKeepMemoryDump' }
    'pagefile_mb'     = { (Get-CimInstance Win32_PageFileUsage | Measure-Object AllocatedBaseSize -Sum).Sum }
    'memory_mb'       = { [int] ((Get-CimInstance Win32_ComputerSystem).TotalPhysicalMemory / 1048576) }
    'winrm_listener'  = { @(Get-ChildItem WSMan:\localhost\Listener | ForEach-Object { $_.Keys -join ' ' }) -join '; ' }
    'winrm_basic'     = { (Get-Item WSMan:\localhost\Service\Auth\Basic).Value }
    'sshd'            = { [string] (Get-Service sshd -ErrorAction SilentlyContinue).Status }
    'updates_off'     = { Read-Value 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU' 'NoAutoUpdate' }
    'realtime_scan'   = {
        if (Get-Command Get-MpComputerStatus -ErrorAction SilentlyContinue) { (Get-MpComputerStatus).RealTimeProtectionEnabled }
    }
    'setup_state'     = { Read-Value 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' 'ImageState' }
    'licence'         = {
        $windows = '55c92734-d682-4d71-983e-d6ec3f16059f'
        $product = Get-CimInstance SoftwareLicensingProduct -Filter "ApplicationID='$windows' AND PartialProductKey IS NOT NULL" |
            Select-Object -First 1
        if ($product) { @{ status = $product.LicenseStatus; minutes_left = $product.GracePeriodRemaining } }
    }
}

$answers = [ordered]@{}
foreach ($name in $Questions.Keys) {
    try { $answers[$name] = & $Questions[$name] }
    catch { $answers[$name] = 'unreadable: ' + $_.Exception.Message }
}
Send-Lab 'check' 'check' (ConvertTo-Json -Compress -Depth 4 $answers)
Send-Lab 'done' 'check'
