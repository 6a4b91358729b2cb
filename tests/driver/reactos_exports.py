"""What ReactOS exports of the names that our images import. It is built as a Windows Server 2003.

Source: ReactOS, ntoskrnl/ntoskrnl.spec, dll/ntdll/def/ntdll.spec, dll/win32/{kernel32,advapi32,msvcrt}/*.spec. A name
that a specification has for `-version=0x600+` only is not exported.
"""

from __future__ import annotations

EXPORTS = {
    "ntoskrnl.exe": """
        DbgPrint ExAllocatePoolWithTag ExFreePoolWithTag IoCreateDevice IoCreateSymbolicLink IoDeleteDevice
        IoDeleteSymbolicLink IofCompleteRequest KeBugCheckEx KeInitializeEvent KeInitializeMutex KeReleaseMutex
        KeSetEvent KeWaitForSingleObject MmMapLockedPagesSpecifyCache ObOpenObjectByPointer ObReferenceObjectByHandle
        ObfDereferenceObject ProbeForRead ProbeForWrite PsCreateSystemThread PsTerminateSystemThread
        RtlAddAccessAllowedAce RtlCompareUnicodeString RtlCopyUnicodeString RtlCreateAcl RtlCreateSecurityDescriptor
        RtlInitializeSid RtlSetDaclSecurityDescriptor RtlSubAuthoritySid ZwClose ZwSetSecurityObject
        ZwWaitForSingleObject memcpy memset
    """,
    "kernel32.dll": """
        AssignProcessToJobObject CancelIo CloseHandle CompareStringW CreateEventW CreateFileW CreateJobObjectW
        CreatePipe CreateProcessW CreateThread DeviceIoControl EnterCriticalSection ExitProcess FlushFileBuffers
        FreeEnvironmentStringsW GetCommandLineW GetCurrentProcess GetCurrentProcessId GetEnvironmentStringsW
        GetExitCodeProcess GetFileType GetFullPathNameW GetLastError GetModuleFileNameW GetModuleHandleW
        GetOverlappedResult GetProcAddress GetProcessHeap GetStdHandle GetSystemInfo GetSystemTimes GetTickCount
        HeapAlloc HeapFree HeapReAlloc InitializeCriticalSection LeaveCriticalSection LoadLibraryW MultiByteToWideChar
        OutputDebugStringA QueryPerformanceCounter QueryPerformanceFrequency ReadFile ResetEvent ResumeThread
        SetErrorMode SetEvent SetHandleInformation SetInformationJobObject SetLastError SetUnhandledExceptionFilter
        Sleep TerminateJobObject TerminateProcess TryEnterCriticalSection VirtualAlloc WaitForSingleObject
        WideCharToMultiByte WriteFile lstrcmpW lstrlenW
    """,
    "advapi32.dll": """
        CloseServiceHandle ControlService CreateServiceW DeleteService OpenSCManagerW OpenServiceW QueryServiceStatus
        StartServiceW
    """,
    "msvcrt.dll": "__wgetmainargs _snwprintf _vsnwprintf strlen wcscat wcslen wcsrchr",
}
"""By image, whatever the architecture."""

EXPORTS_OF_ONE = {
    "i386": {"ntoskrnl.exe": "_except_handler3", "ntdll.dll": "_alldiv _aulldiv _aullrem"},
    "amd64": {"ntoskrnl.exe": "__C_specific_handler"},
}
"""And those that only one architecture has."""


def exported(architecture: str, image: str) -> set[str]:
    """The names that `image` exports there, of those that matter here."""
    return {*EXPORTS.get(image, "").split(), *EXPORTS_OF_ONE[architecture].get(image, "").split()}
