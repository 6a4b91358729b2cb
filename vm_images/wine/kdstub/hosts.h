/* The driver hosts: processes that drivers run in. One of them is what a debugger gets to see. */
#ifndef KDSTUB_HOSTS_H
#define KDSTUB_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "breakpoints.h"
#include "process.h"
#include "records.h"

enum { HOSTS_MAX = 8 };

struct host {
    struct process process; /* .pid is 0 where there is none */
    uint32_t windows_pid;
    struct landmarks landmarks;
    unsigned drivers; /* loaded, not counting Wine's own */
    uint64_t latest;  /* the higher, the later something was heard of it */
    bool ending;      /* its end is no surprise */
    bool ended, has_trapped;
    uint64_t ended_at, trapped_at; /* what was in the carrier then */
};

struct hosts {
    struct host entries[HOSTS_MAX];
    struct breakpoints breakpoints;
    uint64_t heard;
};

/* Learns from a record; returns its host, NULL if it is none's or the process is not to be had. */
struct host *hosts_learn(struct hosts *hosts, const struct record *record);
/* The one that a break-in stops: with a driver that is not Wine's, if there is one; else the latest. NULL: none. */
struct host *hosts_debuggee(struct hosts *hosts);
void hosts_forget(struct hosts *hosts, struct host *host);

bool hosts_freeze(struct hosts *hosts, struct host *host);
/* Watches it while there are breakpoints or a step to make; lets go of it otherwise. */
void hosts_thaw(struct hosts *hosts, struct host *host);
/* All breakpoints go, and all hosts run. */
void hosts_release(struct hosts *hosts);

/* Takes what wait(2) has to say. A host of which a thread has trapped is frozen and marked. */
void hosts_wait(struct hosts *hosts);

/* A thread of a host that waits, see wine/kdrecord.h: only a frozen one can be taken or let go. False: it does not wait
 * (any more). */
bool hold_take(const struct host *host, const struct record *record);
void hold_release(const struct host *host, uint64_t hold, bool handled);

#endif
