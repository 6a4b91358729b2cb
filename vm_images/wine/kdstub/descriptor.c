#define _GNU_SOURCE
#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int inherited(const char *number)
{
    char *end;
    errno = 0;
    long fd = strtol(number, &end, 10);
    if (errno || end == number || *end || fd < 0 || fd > INT_MAX) {
        errno = EBADF;
        return -1;
    }
    int flags = fcntl((int)fd, F_GETFL);
    if (flags < 0 || fcntl((int)fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -1;
    return (int)fd;
}

int descriptor_open(const char *name, int flags)
{
    if (strncmp(name, "fd:", 3) == 0)
        return inherited(name + 3);
    return open(name, flags | O_NONBLOCK | O_CLOEXEC);
}
