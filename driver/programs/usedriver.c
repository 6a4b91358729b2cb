/* usedriver: opens \\.\Example, writes "Hello from user mode!" and closes it. */
#include <stdio.h>

#include "console.h"
#include "device.h"

#define PROGRAM L"usedriver"

int
Program_Main(int argc, WCHAR **argv)
{
    static const char text[] = "Hello from user mode!";
    DWORD written = 0;
    HANDLE device;

    (void)argv;
    if (argc != 1) {
        return Console_Usage(L"usage: usedriver\n");
    }
    device = Device_Open(NULL, GENERIC_WRITE);
    if (device == INVALID_HANDLE_VALUE) {
        return Console_Fail(PROGRAM, L"CreateFile", GetLastError());
    }
    if (!WriteFile(device, text, sizeof(text), &written, NULL)) {
        DWORD error = GetLastError();
        CloseHandle(device);
        return Console_Fail(PROGRAM, L"WriteFile", error);
    }
    if (!CloseHandle(device)) {
        return Console_Fail(PROGRAM, L"CloseHandle", GetLastError());
    }
    Console_Print(L"wrote %lu bytes\n", written);
    return EXIT_OK;
}
