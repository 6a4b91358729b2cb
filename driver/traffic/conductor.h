/* Runs a script: starts actors, hands out the work, reports, ends everything. */
#pragma once

#include "text.h"

enum { CONDUCTOR_OK = 0, CONDUCTOR_FAILED = 1, CONDUCTOR_BAD_SCRIPT = 2 };

/* `path` NULL: the script comes from stdin. Returns the exit code of the program. */
int conductor_run(const wchar_t *path);
