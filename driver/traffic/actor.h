/* An actor process: performs what the conductor sends and reports it.
 *
 * From the conductor, on stdin            To the conductor, on stdout
 *   S ID OP ARG...   perform now            !r               ready
 *   + ID OP ARG...   add to the list        !l               the list is loaded
 *   L                the list is complete   {"e":"op",...}   the next operation's result
 *   G                perform the list       !P T0            the next operation has been running since T0
 *   b1 / b0          barrier passed/broken  !B               waiting at a barrier
 * End of stdin: the actor ends with exit code 0, its handles still open: the system closes them. */
#pragma once

#include <stdint.h>

#include "text.h"

/* Returns the exit code of the process. */
int actor_run(struct text name, int64_t epoch_ticks);
