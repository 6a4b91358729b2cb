/* What the conductor tells the kernel debugger about the steps, in the same stream as the driver's own prints. */
#pragma once

#include "text.h"

/* Without this call nothing is told. */
void marker_enable(void);
#define MARKER_BEGIN "begin" /* it also ends the step before */
#define MARKER_END "end"
/* `actor` NULL: of no actor. `pid` 0: not known. */
void marker_step(struct text step, const struct text *actor, uint32_t pid, const char *edge);
/* Whose process this is; to be called before it runs. */
void marker_process(struct text actor, uint32_t pid);
