/* Requests of an actor that go on while it does other things. */
#pragma once

#include "event.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

struct requests {
    struct request *list;
    size_t count, capacity;
};

/* One write, read or ioctl, as a call to the system. `overlapped` NULL: the handle is a synchronous one. */
BOOL request_call(const struct op *op, HANDLE handle, void *input, void *output, DWORD *moved, OVERLAPPED *overlapped);
/* The same, waiting for its end on either kind of handle. */
BOOL request_perform(const struct op *op, HANDLE handle, bool is_overlapped, void *input, void *output, DWORD *moved);

/* `op->request` names it. ERROR_IO_PENDING, or 0 if it is done already: then its result is asked for all the same. Any
 * other error is its result, and the name is free again. */
void request_begin(struct requests *requests, const struct op *op, HANDLE handle, struct outcome *outcome);
/* Asks the system to cancel it; how it ends, `request_finish` tells. */
void request_cancel(struct requests *requests, const struct op *op, struct outcome *outcome);
/* Waits for its end. `outcome->data` lies in `room`. */
void request_finish(struct requests *requests, const struct op *op, struct buffer *room, struct outcome *outcome);

/* Around one call to the system. */
void outcome_begin(struct outcome *outcome);
void outcome_finish(struct outcome *outcome, BOOL ok);
/* Without having asked the system. */
void outcome_refuse(struct outcome *outcome, uint32_t error, const char *what);
/* The data that the system put to `bytes`, where `target` is real. */
void outcome_got(struct outcome *outcome, const struct data *target, const void *bytes);
