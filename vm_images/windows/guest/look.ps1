# What the last crash left, for the host: answered on standard output. Needs nothing but this file.
# learn.microsoft.com: Get-WinEvent; event 1001 of the System log is written at the start after a crash.

$ErrorActionPreference = 'Stop'
$dump = 'C:\Windows\MEMORY.DMP'
$head = ''
$size = 0
if (Test-Path -LiteralPath $dump) {
    $size = (Get-Item -LiteralPath $dump).Length
    $file = [System.IO.File]::Open($dump, 'Open', 'Read', 'ReadWrite')
    $bytes = New-Object byte[] 8
    $count = $file.Read($bytes, 0, 8)
    $file.Close()
    $head = [System.Text.Encoding]::ASCII.GetString($bytes, 0, $count)
}
$crashes = Get-WinEvent -FilterHashtable @{ LogName = 'System'; Id = 1001 } -ErrorAction SilentlyContinue |
    Where-Object { $_.ProviderName -eq 'BugCheck' -or $_.ProviderName -eq 'Microsoft-Windows-WER-SystemErrorReporting' }
$answer = @{ size = $size; head = $head; crashes = @($crashes).Count; now = [DateTime]::UtcNow.ToString('o') }
[Console]::Out.WriteLine('LAB ' + (ConvertTo-Json -Compress $answer))
