#include "console.h"

#include <stdarg.h>
#include <stdio.h>

#define PRINT_LENGTH 4096

/* msvcrt's way to the arguments, for programs without its start-up code. */
typedef struct {
    int newmode;
} STARTUP_INFORMATION;

__declspec(dllimport) int __cdecl __wgetmainargs(int *argc, WCHAR ***argv, WCHAR ***environment, int glob,
                                                 STARTUP_INFORMATION *information);

void
Console_Start(void)
{
    STARTUP_INFORMATION information = {0};
    WCHAR **argv = NULL;
    WCHAR **environment = NULL;
    int argc = 0;

    if (__wgetmainargs(&argc, &argv, &environment, 0, &information) < 0) {
        ExitProcess(EXIT_FAILED);
    }
    ExitProcess((UINT)Program_Main(argc, argv));
}

static void
WriteText(DWORD stream, const WCHAR *format, va_list arguments)
{
    static WCHAR wide[PRINT_LENGTH];
    static char narrow[PRINT_LENGTH * 3];
    DWORD written;
    int length;

    _vsnwprintf(wide, PRINT_LENGTH - 1, format, arguments);
    wide[PRINT_LENGTH - 1] = 0;
    length = WideCharToMultiByte(CP_UTF8, 0, wide, -1, narrow, sizeof(narrow), NULL, NULL);
    if (length > 1) {
        WriteFile(GetStdHandle(stream), narrow, (DWORD)length - 1, &written, NULL);
    }
}

void
Console_Print(const WCHAR *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    WriteText(STD_OUTPUT_HANDLE, format, arguments);
    va_end(arguments);
}

static void
PrintError(const WCHAR *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    WriteText(STD_ERROR_HANDLE, format, arguments);
    va_end(arguments);
}

int
Console_Fail(const WCHAR *program, const WCHAR *what, DWORD error)
{
    PrintError(L"%ls: %ls failed, error %lu\n", program, what, error);
    return EXIT_FAILED;
}

int
Console_Usage(const WCHAR *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    WriteText(STD_ERROR_HANDLE, format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

/* -1 at the end of the input. */
static int
ReadCharacter(void)
{
    static char buffer[512];
    static DWORD length;
    static DWORD next;

    if (next == length) {
        next = 0;
        if (!ReadFile(GetStdHandle(STD_INPUT_HANDLE), buffer, sizeof(buffer), &length, NULL)) {
            length = 0;
        }
    }
    return next < length ? (unsigned char)buffer[next++] : -1;
}

BOOL
Console_ReadLine(char *line, DWORD size)
{
    DWORD length = 0;
    int character = ReadCharacter();

    if (character < 0) {
        return FALSE;
    }
    while (character >= 0 && character != '\n') {
        if (length < size - 1) {
            line[length++] = (char)character;
        }
        character = ReadCharacter();
    }
    if (length > 0 && line[length - 1] == '\r') {
        length--;
    }
    line[length] = 0;
    return TRUE;
}
