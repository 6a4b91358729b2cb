/*
 * usedriver3 NAME: on Enter reads what is there under that name and prints it. Strings keep their NULs on their
 * way, so of several that come with one read only the first is shown.
 */
#include <stdio.h>

#include "console.h"
#include "device.h"

#define PROGRAM L"usedriver3"

static void
PrintFirstString(const char *data, DWORD length)
{
    static WCHAR text[4096];

    if (length == 0) {
        Console_Print(L"got 0 bytes\n");
        return;
    }
    if (MultiByteToWideChar(CP_UTF8, 0, data, -1, text, ARRAYSIZE(text)) == 0) {
        text[0] = 0;
    }
    Console_Print(L"got %lu bytes: %ls\n", length, text);
}

int
Program_Main(int argc, WCHAR **argv)
{
    static char line[256];
    static char data[1024 + 1];
    HANDLE device;

    if (argc != 2) {
        return Console_Usage(L"usage: usedriver3 NAME\n");
    }
    device = Device_Open(argv[1], GENERIC_READ);
    if (device == INVALID_HANDLE_VALUE) {
        return Console_Fail(PROGRAM, L"CreateFile", GetLastError());
    }
    Console_Print(L"ready, press Enter to read %ls\n", argv[1]);
    while (Console_ReadLine(line, sizeof(line))) {
        DWORD length = 0;
        if (!ReadFile(device, data, sizeof(data) - 1, &length, NULL)) {
            DWORD error = GetLastError();
            CloseHandle(device);
            return Console_Fail(PROGRAM, L"ReadFile", error);
        }
        data[length] = 0;
        PrintFirstString(data, length);
    }
    if (!CloseHandle(device)) {
        return Console_Fail(PROGRAM, L"CloseHandle", GetLastError());
    }
    return EXIT_OK;
}
