#include "starter.h"

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

/* In place; the result is never longer. */
static void decode(char *token)
{
    char *to = token;
    for (const char *from = token; *from;) {
        if (*from != '%') {
            *to++ = *from++;
            continue;
        }
        int high = hex(from[1]);
        int low = high < 0 ? -1 : hex(from[2]);
        if (low < 0) {
            from++;
            continue;
        }
        *to++ = (char)(high << 4 | low);
        from += 3;
    }
    *to = 0;
}

static char *next_token(char **line)
{
    char *token = *line;
    if (!*token)
        return NULL;
    char *end = token;
    while (*end && *end != ' ')
        end++;
    *line = *end ? end + 1 : end;
    *end = 0;
    decode(token);
    return token;
}

static const WCHAR *take(char **line, WCHAR **text, size_t *left)
{
    char *token = next_token(line);
    if (!token)
        return NULL;
    int length = MultiByteToWideChar(CP_UTF8, 0, token, -1, *text, (int)*left);
    if (length <= 0)
        return NULL;
    const WCHAR *result = *text;
    *text += length;
    *left -= (size_t)length;
    return result;
}

BOOL request_parse(char *line, WCHAR *text, size_t text_size, struct request *request)
{
    request->variable_count = 0;
    request->verb = take(&line, &text, &text_size);
    request->id = take(&line, &text, &text_size);
    if (!request->id)
        return FALSE;
    if (lstrcmpW(request->verb, L"start") != 0)
        return TRUE;
    request->input = take(&line, &text, &text_size);
    request->output = take(&line, &text, &text_size);
    request->error = take(&line, &text, &text_size);
    request->directory = take(&line, &text, &text_size);
    request->command = take(&line, &text, &text_size);
    while (*line) {
        const WCHAR *variable = take(&line, &text, &text_size);
        if (!variable || request->variable_count == MAX_VARIABLES)
            return FALSE;
        request->variables[request->variable_count++] = variable;
    }
    return request->command != NULL;
}
