/* What the conductor tells the kernel debugger about the steps, in the same stream as the driver's own prints. */
#pragma once

#include "script.h"

/* Without this call nothing is told. */
void marker_enable(void);
/* `actor` NULL: of no actor. `pid` 0: not known. */
void marker_begin(const struct script_item *item, const struct text *actor, uint32_t pid);
void marker_end(const struct script_item *item, const struct text *actor, uint32_t pid);
/* Whose process this is; to be called before it runs. */
void marker_process(struct text actor, uint32_t pid);
