/* The operations on devices (or files), as the actor's own calls to the system. */
#pragma once

#include "request.h"

struct device_handles {
    struct device_handle *list;
    size_t count, capacity;
    struct requests requests;
    struct buffer input, output; /* room for the data of the operation */
};

/* Performs open, write, read, ioctl, flush, close, cancel or finish. `outcome->data` is valid until the next call. */
void device_perform(struct device_handles *handles, const struct op *op, struct outcome *outcome);
