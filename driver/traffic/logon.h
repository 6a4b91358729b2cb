/* Processes of another user. */
#pragma once

#include "text.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* Where the guest keeps each user's password: LOGON_PASSWORDS and the name, one line of UTF-8, for administrators only. */
#define LOGON_PASSWORDS "C:\\lab\\users\\"

/* Like CreateProcessW with what a child of this program needs; 0, or the Win32 error. Suspended. */
uint32_t logon_create(struct text user, wchar_t *command_line, wchar_t *environment, STARTUPINFOW *startup,
                      PROCESS_INFORMATION *created);
