#include "environment.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static size_t length_of(const wchar_t *text) {
    return (size_t)lstrlenW(text);
}

/* Is `setting` (NAME=VALUE) of this name? The system does not tell their case apart. */
static bool is_named(const wchar_t *setting, const wchar_t *name) {
    size_t length = length_of(name);
    if (length_of(setting) <= length || setting[length] != L'=') return false;
    return CompareStringOrdinal(setting, (int)length, name, (int)length, TRUE) == CSTR_EQUAL;
}

static void append(struct buffer *block, const wchar_t *text, size_t length) {
    buffer_append(block, text, length * sizeof(wchar_t));
}

static void append_inherited(struct buffer *block, wchar_t *const *wide, size_t count) {
    wchar_t *inherited = GetEnvironmentStringsW();
    if (!inherited) return;
    for (const wchar_t *setting = inherited; *setting; setting += length_of(setting) + 1) {
        bool is_replaced = false;
        for (size_t i = 0; i < count; i += 2) is_replaced |= is_named(setting, wide[i]);
        if (!is_replaced) append(block, setting, length_of(setting) + 1);
    }
    FreeEnvironmentStringsW(inherited);
}

wchar_t *environment_with(struct arena *arena, const struct text *variables, size_t count) {
    struct buffer block = {0};
    if (count == 0) return NULL;
    wchar_t **wide = arena_take(arena, count * sizeof(wchar_t *));
    for (size_t i = 0; i < count; i++) wide[i] = text_to_wide(arena, variables[i]);
    append_inherited(&block, wide, count);
    for (size_t i = 0; i < count; i += 2) {
        append(&block, wide[i], length_of(wide[i]));
        append(&block, L"=", 1);
        append(&block, wide[i + 1], length_of(wide[i + 1]) + 1);
    }
    append(&block, L"", 1);
    wchar_t *kept = arena_take(arena, block.length);
    memcpy(kept, block.at, block.length);
    buffer_free(&block);
    return kept;
}
