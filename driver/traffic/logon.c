#include "logon.h"

#include "pipe.h"

#define PASSWORD_MAX 1024u

typedef BOOL(WINAPI *create_with_logon)(LPCWSTR user, LPCWSTR domain, LPCWSTR password, DWORD logon, LPCWSTR program,
                                        LPWSTR command_line, DWORD flags, LPVOID environment, LPCWSTR directory,
                                        LPSTARTUPINFOW startup, LPPROCESS_INFORMATION created);

static uint32_t last_error(void) {
    uint32_t error = GetLastError();
    return error ? error : ERROR_GEN_FAILURE;
}

static uint32_t read_password(struct arena *arena, struct text user, wchar_t **password) {
    struct buffer path = {0}, content = {0};
    buffer_format(&path, "%s%t", LOGON_PASSWORDS, user);
    HANDLE file = CreateFileW(text_to_wide(arena, (struct text){path.at, path.length}), GENERIC_READ, FILE_SHARE_READ,
                              NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    buffer_free(&path);
    if (file == INVALID_HANDLE_VALUE) return last_error();
    uint32_t error = pipe_read_all(file, PASSWORD_MAX, &content);
    CloseHandle(file);
    size_t length = content.length;
    while (length > 0 && (content.at[length - 1] == '\n' || content.at[length - 1] == '\r')) length--;
    *password = text_to_wide(arena, (struct text){content.at, length});
    if (content.length > 0) SecureZeroMemory(content.at, content.length);
    buffer_free(&content);
    return error;
}

uint32_t logon_create(struct text user, wchar_t *command_line, wchar_t *environment, STARTUPINFOW *startup,
                      PROCESS_INFORMATION *created) {
    struct arena arena = {0};
    wchar_t *password = NULL;
    HMODULE module = LoadLibraryW(L"advapi32.dll");
    create_with_logon create =
        module ? (create_with_logon)(void *)GetProcAddress(module, "CreateProcessWithLogonW") : NULL;
    uint32_t error = create ? read_password(&arena, user, &password) : ERROR_CALL_NOT_IMPLEMENTED;
    /* "." is this machine. Its own environment, if any, comes from the caller: a logged-on user's differs. */
    if (!error && !create(text_to_wide(&arena, user), L".", password, 0, NULL, command_line,
                          CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT, environment, NULL, startup, created)) {
        error = last_error();
    }
    if (password) SecureZeroMemory(password, (size_t)lstrlenW(password) * sizeof(wchar_t));
    arena_reset(&arena);
    return error;
}
