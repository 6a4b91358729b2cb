#include "verifier.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define SETTINGS L"System\\CurrentControlSet\\Control\\Session Manager\\Memory Management"
#define HOST L"Software\\Wine\\Ntoskrnl"
#define IN_FORCE HOST L"\\Verified"

/* advapi32 is loaded by whoever has to do with services. */
#define ADVAPI(name) ((__typeof__(&name))(void *)GetProcAddress(GetModuleHandleW(L"advapi32.dll"), #name))

static const wchar_t *file_name(const wchar_t *path) {
    const wchar_t *name = path;
    for (; *path; path++) {
        if (*path == L'\\' || *path == L'/') name = path + 1;
    }
    return name;
}

static uint32_t read_dword(const wchar_t *key, const wchar_t *name) {
    DWORD value = 0, size = sizeof(value);
    LONG error = ADVAPI(RegGetValueW)(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_DWORD, NULL, &value, &size);
    return error ? 0 : value;
}

static uint32_t write_dword(const wchar_t *key, const wchar_t *name, DWORD value) {
    if (read_dword(key, name) == value) return 0;
    return (uint32_t)ADVAPI(RegSetKeyValueW)(HKEY_LOCAL_MACHINE, key, name, REG_DWORD, &value, sizeof(value));
}

uint32_t verifier_set(const wchar_t *path, const struct verifier *verifier) {
    const wchar_t *name = file_name(path);
    DWORD size = (DWORD)(lstrlenW(name) + 1) * sizeof(*name);
    uint32_t error = write_dword(SETTINGS, L"VerifyDriverLevel", verifier->level);
    ADVAPI(RegDeleteKeyValueW)(HKEY_LOCAL_MACHINE, IN_FORCE, name);
    if (error || !verifier->level) return error;
    error = write_dword(HOST, L"FuzzSeed", verifier->seed);
    if (error) return error;
    return (uint32_t)ADVAPI(RegSetKeyValueW)(HKEY_LOCAL_MACHINE, SETTINGS, L"VerifyDrivers", REG_SZ, name, size);
}

uint32_t verifier_level(const wchar_t *path) {
    return read_dword(IN_FORCE, file_name(path));
}
