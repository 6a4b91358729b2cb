#include "status.h"

#include <stdbool.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* In ntdll since XP, but in no import library that a build without the WDK has. */
static LONG(WINAPI *get_status)(void);
static void(WINAPI *set_status)(LONG status);
static bool is_looked_up;

static void look_up(void) {
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    is_looked_up = true;
    if (!ntdll) return;
    get_status = (void *)GetProcAddress(ntdll, "RtlGetLastNtStatus");
    set_status = (void *)GetProcAddress(ntdll, "RtlSetLastWin32ErrorAndNtStatusFromNtStatus");
}

void status_forget(void) {
    if (!is_looked_up) look_up();
    if (set_status) set_status(0);
}

uint32_t status_last(void) {
    return get_status ? (uint32_t)get_status() : 0;
}
