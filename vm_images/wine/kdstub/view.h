/* A stopped driver host as a debugger sees it: its threads are the processors. */
#ifndef KDSTUB_VIEW_H
#define KDSTUB_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "hosts.h"
#include "messages.h"
#include "registers.h"

enum { PROCESSORS_MAX = 64 };

struct view {
    struct host *host; /* NULL: there is nothing to see */
    unsigned processors, current;
    uint16_t thread[PROCESSORS_MAX]; /* of each processor: index among the process's threads */
    uint64_t context; /* processor 0's registers are in a CONTEXT there, unless 0 */
    bool context_sent;
};

/* Of a frozen host. Processor 0 is the thread `tid`; if that is 0, one that serves a request, or the first. */
void view_begin(struct view *view, struct host *host, pid_t tid, uint64_t context);
/* Of nothing: one processor, of which nothing is known. */
void view_clear(struct view *view);

/* CONTEXT_SIZE bytes. False: not to be had. */
bool view_context(const struct view *view, unsigned processor, uint8_t *context);
bool view_set_context(const struct view *view, unsigned processor, const uint8_t *context);
struct place view_place(const struct view *view, unsigned processor);
/* Whether the processor's thread is on Wine's Unix side: its registers are those that it will come back with. */
bool view_is_inside(const struct view *view, unsigned processor);

#endif
