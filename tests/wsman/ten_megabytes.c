/* Writes 10 MiB to standard output: lines of 1023 characters and a line feed. */

#include <windows.h>

#define LINE 1024
#define LINES_AT_ONCE 64
#define LINES (10 << 10)

static char lines[LINES_AT_ONCE * LINE];

void entry(void)
{
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);

    for (DWORD i = 0; i < sizeof(lines); i++) lines[i] = i % LINE == LINE - 1 ? '\n' : 'a' + i % LINE % 23;
    for (DWORD i = 0; i < LINES / LINES_AT_ONCE; i++) {
        DWORD at = 0, written;
        while (at < sizeof(lines)) {
            if (!WriteFile(output, lines + at, sizeof(lines) - at, &written, NULL)) ExitProcess(GetLastError());
            at += written;
        }
    }
    ExitProcess(0);
}
