/* Says things by OutputDebugString that a debugger has to get byte by byte. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define LONG_TEXT 10000

void entry(void) {
    static char every_byte[256], long_text[LONG_TEXT + 1];
    for (int i = 1; i < 256; i++) every_byte[i - 1] = (char)i;
    for (int i = 0; i < LONG_TEXT; i++) long_text[i] = (char)('a' + i % 23);
    OutputDebugStringA(every_byte);
    OutputDebugStringA("");
    OutputDebugStringA(NULL);
    OutputDebugStringW(L"wide\n");
    OutputDebugStringA(long_text);
    OutputDebugStringA("100%s\n");
    ExitProcess(0);
}
