/* A driver host as a file: a minidump of its process, for any debugger of Windows programs. */
#ifndef KDSTUB_DUMP_H
#define KDSTUB_DUMP_H

#include <stdbool.h>

#include "messages.h"
#include "view.h"

/* Why the driver host dies. `exception.code` is 0 where it is not of one. */
struct death {
    struct bugcheck bugcheck;
    struct exception exception;
    unsigned build;
};

/* Writes the process of a view to `path`, which is there whole or not at all: what it wrote to on the Windows side,
 * threads with registers, images, the exception, and the bug check as text. False with errno set. */
bool dump_write(const struct view *view, const struct death *death, const char *path);

#endif
