/* What the programs share: their start, one line of output at a time, lines of input, errors. */
#pragma once

#include <windows.h>

#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

/* Every program's own; the arguments are those of the command line, the program's name first. */
int Program_Main(int argc, WCHAR **argv);

/* The entry point of the image: the programs need no C start-up code. */
void Console_Start(void);

/* printf to standard output as UTF-8, written at once. */
void Console_Print(const WCHAR *format, ...);

/* `PROGRAM: WHAT failed, error N` on standard error; gives EXIT_FAILED. */
int Console_Fail(const WCHAR *program, const WCHAR *what, DWORD error);

/* printf to standard error; gives EXIT_USAGE. */
int Console_Usage(const WCHAR *format, ...);

/* One line without its end (LF or CRLF), terminated and cut to fit; FALSE at the end of the input. */
BOOL Console_ReadLine(char *line, DWORD size);
