/* One clock for the conductor and all its actors. */
#pragma once

#include <stdint.h>

/* Ticks of the performance counter: the epoch that the conductor passes to its actors. */
int64_t clock_ticks(void);
void clock_start(int64_t epoch_ticks);
/* Microseconds since the epoch. */
int64_t clock_now(void);
/* Microseconds in which no processor had anything to do, more or less; only differences mean something. */
int64_t clock_idle(void);
