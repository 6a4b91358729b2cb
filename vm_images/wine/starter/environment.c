#include "starter.h"

/* Length of "NAME" in "NAME=VALUE"; a leading '=' belongs to the name ("=C:=C:\dir"). */
static int name_length(const WCHAR *variable)
{
    int length = 1;
    while (variable[0] && variable[length] && variable[length] != '=')
        length++;
    return length;
}

static BOOL is_replaced(const WCHAR *variable, const struct request *request)
{
    int length = name_length(variable);
    for (unsigned i = 0; i < request->variable_count; i++) {
        const WCHAR *other = request->variables[i];
        if (name_length(other) == length &&
            CompareStringOrdinal(variable, length, other, length, TRUE) == CSTR_EQUAL)
            return TRUE;
    }
    return FALSE;
}

static WCHAR *append(WCHAR *to, const WCHAR *variable)
{
    lstrcpyW(to, variable);
    return to + lstrlenW(variable) + 1;
}

WCHAR *environment_with(const struct request *request)
{
    WCHAR *own = GetEnvironmentStringsW();
    if (!own)
        return NULL;
    size_t length = 1;
    for (const WCHAR *variable = own; *variable; variable += lstrlenW(variable) + 1)
        length += (size_t)lstrlenW(variable) + 1;
    for (unsigned i = 0; i < request->variable_count; i++)
        length += (size_t)lstrlenW(request->variables[i]) + 1;

    WCHAR *block = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, (length + 1) * sizeof *block);
    WCHAR *to = block;
    if (block) {
        for (const WCHAR *variable = own; *variable; variable += lstrlenW(variable) + 1)
            if (!is_replaced(variable, request))
                to = append(to, variable);
        for (unsigned i = 0; i < request->variable_count; i++)
            to = append(to, request->variables[i]);
    }
    FreeEnvironmentStringsW(own);
    return block;
}
