/* Data that is too long for an event: it is told by its hash, and kept in a file unless it is what was expected. */
#pragma once

#include "event.h"

/* If what the operation got is longer than DATA_TOLD_MAX. */
void large_tell(struct outcome *outcome, const struct data *target);
