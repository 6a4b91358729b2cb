#include "starter.h"

static HANDLE input, output;

static char *put_number(char *to, DWORD number)
{
    char digits[10];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        *to++ = digits[--count];
    return to;
}

/* wsprintf would do, but user32 doubles the time that this program takes to start. */
void answer(const char *what, const WCHAR *id, DWORD number)
{
    char line[160], *to = line;
    DWORD written;
    while (*what)
        *to++ = *what++;
    *to++ = ' ';
    while (*id && to < line + 128)
        *to++ = (char)*id++;
    *to++ = ' ';
    to = put_number(to, number);
    *to++ = '\n';
    WriteFile(output, line, (DWORD)(to - line), &written, NULL);
}

static void serve(char *line)
{
    static WCHAR text[MAX_LINE];
    static struct request request;
    if (!request_parse(line, text, MAX_LINE, &request)) {
        if (request.id)
            answer("failed", request.id, ERROR_INVALID_PARAMETER);
        return;
    }
    if (lstrcmpW(request.verb, L"start") == 0)
        task_start(&request);
    else if (lstrcmpW(request.verb, L"kill") == 0)
        task_kill(request.id);
    else if (lstrcmpW(request.verb, L"break") == 0)
        task_break(request.id);
}

/* Serves the whole lines in the buffer and returns how many bytes of an unfinished one are left in front. */
static DWORD serve_lines(char *buffer, DWORD length)
{
    DWORD start = 0;
    for (DWORD i = 0; i < length; i++)
        if (buffer[i] == '\n') {
            buffer[i] = 0;
            serve(buffer + start);
            start = i + 1;
        }
    MoveMemory(buffer, buffer + start, length - start);
    return length - start;
}

void entry(void)
{
    static char buffer[MAX_LINE];
    DWORD held = 0, length;
    input = GetStdHandle(STD_INPUT_HANDLE);
    output = GetStdHandle(STD_OUTPUT_HANDLE);
    SetHandleInformation(input, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(output, HANDLE_FLAG_INHERIT, 0);
    AllocConsole(); /* so that programs find one and none has to start its own */
    while (held < MAX_LINE && ReadFile(input, buffer + held, MAX_LINE - held, &length, NULL) && length)
        held = serve_lines(buffer, held + length);
    task_kill_all();
    ExitProcess(0);
}
