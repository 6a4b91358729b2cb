# Tells the host what goes on: a line on COM2 and in C:\lab\provision.log.
# Source: System.IO.Ports.SerialPort (.NET Framework). COM1 is the kernel debugger's.

$LabLog = 'C:\lab\provision.log'

function Send-Lab([string] $What, [string] $Stage, [string] $Text = '') {
    $line = 'LAB ' + (ConvertTo-Json -Compress -Depth 6 @{ event = $What; stage = $Stage; text = $Text })
    New-Item -ItemType Directory -Force -Path 'C:\lab' | Out-Null
    Add-Content -Path $LabLog -Encoding UTF8 -Value ("{0:o} {1}" -f [DateTime]::UtcNow, $line)
    try {
        $port = New-Object System.IO.Ports.SerialPort 'COM2', 115200, 'None', 8, 'One'
        $port.WriteTimeout = 5000
        $port.Open()
        $port.Write($line + "`r`n")
        $port.Close()
    }
    catch {
        # A machine without COM2 is provisioned all the same; the log has it.
        Add-Content -Path $LabLog -Encoding UTF8 -Value ("no COM2: " + $_.Exception.Message)
    }
}

function Set-Value([string] $Key, [string] $Name, $Value, [string] $Type = 'DWord') {
    if (-not (Test-Path -LiteralPath $Key)) { New-Item -Path $Key -Force | Out-Null }
    New-ItemProperty -LiteralPath $Key -Name $Name -Value $Value -PropertyType $Type -Force | Out-Null
}

function Invoke-Tool([string] $Program, [string[]] $Arguments, [int[]] $Good = @(0)) {
    $said = & $Program @Arguments 2>&1 | Out-String
    if ($Good -notcontains $LASTEXITCODE) {
        throw ("{0} {1}: exit code {2}: {3}" -f $Program, ($Arguments -join ' '), $LASTEXITCODE, $said.Trim())
    }
    return $said
}
