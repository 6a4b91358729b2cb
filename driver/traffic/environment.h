/* The variables that a program starts with. */
#pragma once

#include "text.h"

/* This program's own variables with others in their place or beside them, as CreateProcessW takes them; `count` texts:
 * name, value, name, value, ... NULL when there are none. */
wchar_t *environment_with(struct arena *arena, const struct text *variables, size_t count);
