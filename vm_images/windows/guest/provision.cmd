@echo off
rem Started by the answer file at the first logon; may be started again by hand at any time: everything it does only sets.
setlocal
set LAB_CD=%~dp0
mode COM2: baud=115200 parity=n data=8 stop=1 >nul 2>&1
powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "%LAB_CD%provision.ps1"
exit /b %ERRORLEVEL%
