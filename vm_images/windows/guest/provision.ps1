# Makes of a fresh Windows the guest that the lab drives. Idempotent: every stage only sets, and may run again.
# Runs elevated at the first logon; ends with a restart, after which check.ps1 reads everything back.

$ErrorActionPreference = 'Stop'
$Cd = Split-Path -Parent $MyInvocation.MyCommand.Path
. (Join-Path $Cd 'report.ps1')
$Wanted = Get-Content -Raw -Encoding UTF8 (Join-Path $Cd 'settings.json') | ConvertFrom-Json
$Control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
$Policies = 'HKLM:\SOFTWARE\Policies\Microsoft'

$Stages = [ordered]@{

    # learn.microsoft.com: powercfg command-line options; fast startup would keep the kernel's session over a shutdown.
    'power' = {
        Invoke-Tool 'powercfg.exe' @('/h', 'off') | Out-Null
        foreach ($what in 'standby-timeout-ac', 'hibernate-timeout-ac', 'monitor-timeout-ac', 'disk-timeout-ac') {
            Invoke-Tool 'powercfg.exe' @('/change', $what, '0') | Out-Null
        }
        Set-Value "$Control\Session Manager\Power" 'HiberbootEnabled' 0
    }

    # learn.microsoft.com: net accounts. A password that expires would lock the lab out of an old snapshot.
    'account' = {
        Invoke-Tool 'net.exe' @('accounts', '/maxpwage:unlimited') | Out-Null
        $logon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
        Set-Value $logon 'AutoAdminLogon' '0' 'String'
        Remove-ItemProperty -LiteralPath $logon -Name 'DefaultPassword', 'AutoLogonCount' -ErrorAction SilentlyContinue
    }

    # learn.microsoft.com: Windows time service tools and settings. Time comes from the host, after each snapshot.
    'clock' = {
        Invoke-Tool 'tzutil.exe' @('/s', 'UTC') | Out-Null
        Set-Value "$Control\TimeZoneInformation" 'RealTimeIsUniversal' 1
        Set-Value 'HKLM:\SYSTEM\CurrentControlSet\Services\W32Time' 'Start' 4
        Stop-Service W32Time -ErrorAction SilentlyContinue
    }

    # learn.microsoft.com: Manage additional Windows Update settings; Manage connections from Windows to Microsoft services.
    'quiet' = {
        Set-Value "$Policies\Windows\WindowsUpdate\AU" 'NoAutoUpdate' 1
        Set-Value "$Policies\Windows\OOBE" 'DisablePrivacyExperience' 1
        Set-Value "$Policies\Windows\DataCollection" 'AllowTelemetry' 0
        Set-Value "$Policies\Edge" 'HideFirstRunExperience' 1
        Set-Value "$Policies\Windows NT\Reliability" 'ShutdownReasonOn' 0
        Set-Value 'HKLM:\SOFTWARE\Microsoft\ServerManager' 'DoNotOpenServerManagerAtLogon' 1
        Set-Value 'HKLM:\SOFTWARE\Microsoft\Windows\Windows Error Reporting' 'DontShowUI' 1
        Set-Value "$Control\Windows" 'ErrorMode' 2
        New-Item -Path "$Control\Network\NewNetworkWindowOff" -Force | Out-Null
        foreach ($service in 'WSearch', 'SysMain', 'Spooler') {
            if (Get-Service $service -ErrorAction SilentlyContinue) {
                Stop-Service $service -Force -ErrorAction SilentlyContinue
                Set-Service $service -StartupType Disabled
            }
        }
    }

    # learn.microsoft.com: Add-MpPreference. Tamper protection may refuse to switch scans off: check.ps1 says what holds.
    'defender' = {
        if (Get-Command Add-MpPreference -ErrorAction SilentlyContinue) {
            Add-MpPreference -ExclusionPath 'C:\lab' -ErrorAction SilentlyContinue
            Set-MpPreference -DisableRealtimeMonitoring $true -ScanScheduleDay 8 -ErrorAction SilentlyContinue
        }
    }

    # learn.microsoft.com: Enable-PSRemoting; Installation and configuration for Windows Remote Management.
    'winrm' = {
        $policy = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
        Set-Value $policy 'LocalAccountTokenFilterPolicy' 1
        Enable-PSRemoting -Force -SkipNetworkProfileCheck | Out-Null
        $secret = ConvertTo-SecureString $Wanted.pfx_password -AsPlainText -Force
        $imported = Import-PfxCertificate (Join-Path $Cd 'winrm.pfx') -CertStoreLocation 'Cert:\LocalMachine\My' -Password $secret
        Get-ChildItem WSMan:\localhost\Listener | Remove-Item -Recurse -Force
        New-Item WSMan:\localhost\Listener -Transport HTTPS -Address * -CertificateThumbPrint $imported.Thumbprint -Force | Out-Null
        Set-Item WSMan:\localhost\Service\Auth\Basic $false
        Set-Item WSMan:\localhost\Service\AllowUnencrypted $false
        Set-Item WSMan:\localhost\MaxTimeoutms 1800000
        Set-Item WSMan:\localhost\Shell\MaxMemoryPerShellMB 2048 -WarningAction SilentlyContinue
        Set-Item WSMan:\localhost\Shell\MaxShellsPerUser 100 -WarningAction SilentlyContinue
        Set-Item WSMan:\localhost\Shell\MaxProcessesPerShell 200 -WarningAction SilentlyContinue
        Remove-NetFirewallRule -Name 'lab-winrm' -ErrorAction SilentlyContinue
        New-NetFirewallRule -Name 'lab-winrm' -DisplayName 'Lab: WinRM over HTTPS' -Direction Inbound -Protocol TCP `
            -LocalPort 5986 -Profile Any -Action Allow | Out-Null
        Invoke-Tool 'sc.exe' @('config', 'WinRM', 'start=', 'auto') | Out-Null
        Restart-Service WinRM
    }

    # learn.microsoft.com: Get started with OpenSSH for Windows. Without it files go over WinRM: slower, no failure.
    'ssh' = {
        $zip = Join-Path $Cd 'OpenSSH-Win64.zip'
        if (-not (Get-Service sshd -ErrorAction SilentlyContinue) -and (Test-Path $zip)) {
            Expand-Archive $zip -DestinationPath 'C:\Program Files' -Force
            & 'C:\Program Files\OpenSSH-Win64\install-sshd.ps1' | Out-Null
        }
        if (-not (Get-Service sshd -ErrorAction SilentlyContinue)) { return 'no OpenSSH server on this Windows or on the CD' }
        Set-Service sshd -StartupType Automatic
        Start-Service sshd
        Remove-NetFirewallRule -Name 'lab-ssh' -ErrorAction SilentlyContinue
        New-NetFirewallRule -Name 'lab-ssh' -DisplayName 'Lab: SSH' -Direction Inbound -Protocol TCP -LocalPort 22 `
            -Profile Any -Action Allow | Out-Null
    }

    # learn.microsoft.com: The TESTSIGNING boot configuration option; CertMgr and certutil on test computers.
    'signing' = {
        $certificate = Join-Path $Cd 'driver-test.cer'
        Invoke-Tool 'certutil.exe' @('-addstore', '-f', 'Root', $certificate) | Out-Null
        Invoke-Tool 'certutil.exe' @('-addstore', '-f', 'TrustedPublisher', $certificate) | Out-Null
        Invoke-Tool 'bcdedit.exe' @('/set', 'testsigning', 'on') | Out-Null
        Set-Value "$Control\CI\Policy" 'VerifiedAndReputablePolicyState' 0
        # An attached kernel debugger would switch the check of signatures off (Installing test-signed driver packages).
        Set-Value "$Control\CI" 'DebugFlags' 0x10
    }

    # learn.microsoft.com: BCDEdit /debug, /dbgsettings, /set. Boot debugging stays off: it would wait for a debugger.
    'debugger' = {
        Invoke-Tool 'bcdedit.exe' @('/debug', 'on') | Out-Null
        Invoke-Tool 'bcdedit.exe' @('/dbgsettings', 'serial', 'debugport:1', 'baudrate:115200', '/noumex') | Out-Null
        Invoke-Tool 'bcdedit.exe' @('/set', '{current}', 'bootstatuspolicy', 'ignoreallfailures') | Out-Null
        Invoke-Tool 'bcdedit.exe' @('/set', '{current}', 'recoveryenabled', 'no') | Out-Null
        Invoke-Tool 'bcdedit.exe' @('/set', '{current}', 'nocrashautoreboot', 'no') | Out-Null
        Invoke-Tool 'bcdedit.exe' @('/timeout', '0') | Out-Null
    }

    # learn.microsoft.com: Reading and filtering debugging messages. DbgPrint alone is at INFO, which is filtered.
    'prints' = {
        $filter = "$Control\Session Manager\Debug Print Filter"
        foreach ($component in 'DEFAULT', 'IHVDRIVER', 'WIN2000') { Set-Value $filter $component 0xF }
    }

    # learn.microsoft.com: Configure system failure and recovery options; Forcing a system crash by NMI.
    'crash' = {
        $crash = "$Control\CrashControl"
        Set-Value $crash 'CrashDumpEnabled' 2
        Set-Value $crash 'DumpFile' '%SystemRoot%\MEMORY.DMP' 'ExpandString'
        Set-Value $crash 'MinidumpDir' '%SystemRoot%\Minidump' 'ExpandString'
        Set-Value $crash 'Overwrite' 1
        Set-Value $crash 'LogEvent' 1
        Set-Value $crash 'AlwaysKeepMemoryDump' 1
        Set-Value $crash 'NMICrashDump' 1
        Set-Value $crash 'AutoReboot' 1
    }

    # learn.microsoft.com: How to determine the appropriate page file size. The dump is written into it first.
    'pagefile' = {
        $megabytes = [int] ((Get-CimInstance Win32_ComputerSystem).TotalPhysicalMemory / 1048576) + 300
        $system = Get-CimInstance Win32_ComputerSystem
        if ($system.AutomaticManagedPagefile) {
            Set-CimInstance $system -Property @{ AutomaticManagedPagefile = $false }
        }
        Set-Value "$Control\Session Manager\Memory Management" 'PagingFiles' @("C:\pagefile.sys $megabytes $megabytes") 'MultiString'
    }

    # learn.microsoft.com: schtasks create. What is set above holds only after a restart, so it is read back after one.
    'restart' = {
        foreach ($file in 'report.ps1', 'check.ps1', 'look.ps1') {
            Copy-Item (Join-Path $Cd $file) 'C:\lab' -Force
            Set-ItemProperty (Join-Path 'C:\lab' $file) -Name IsReadOnly -Value $false
        }
        $run = 'powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File C:\lab\check.ps1'
        Invoke-Tool 'schtasks.exe' @('/create', '/f', '/tn', 'lab-check', '/ru', 'SYSTEM', '/sc', 'onstart', '/tr', $run) | Out-Null
        # Another one in each boot: the host tells by it whether a restart that it asked for has happened.
        $id = 'powershell.exe -NoLogo -NoProfile -NonInteractive -Command "[guid]::NewGuid().Guid | Set-Content -Encoding ASCII C:\lab\boot-id"'
        Invoke-Tool 'schtasks.exe' @('/create', '/f', '/tn', 'lab-boot-id', '/ru', 'SYSTEM', '/sc', 'onstart', '/tr', $id) | Out-Null
    }
}

Send-Lab 'start' 'provision' $Wanted.image
foreach ($name in $Stages.Keys) {
    Send-Lab 'begin' $name
    try {
        $note = & $Stages[$name] | Out-String
    }
    catch {
        Send-Lab 'failed' $name ($_.Exception.Message + ' at ' + $_.InvocationInfo.PositionMessage)
        exit 1
    }
    Send-Lab 'end' $name $note.Trim()
}
Send-Lab 'restarting' 'provision'
Restart-Computer -Force
