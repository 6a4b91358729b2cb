/* The driver host's records, as they come out of the carrier (a FIFO). Bounded memory: what does not fit stays in
 * the FIFO, and its writers wait. */
#ifndef KDSTUB_RECORDS_H
#define KDSTUB_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "messages.h"

enum { RECORDS_BUFFER = 128 * 1024 };

enum record_kind {
    RECORD_PRINT,
    RECORD_MODULE,
    RECORD_BUGCHECK,
    RECORD_EXCEPTION, /* of a second chance the driver host dies; `bugcheck` is what NT would make of it */
    RECORD_HOST,      /* where things are in a driver host */
    RECORD_GOODBYE,   /* a driver host ends in order */
};

/* Where to find what in a driver host's memory. All 0: not known. */
struct landmarks {
    uint64_t kernel_base, module_list, data_list, bugcheck_data;
    uint32_t teb_client; /* offset in a TEB: not 0 in a thread that serves a request */
    uint32_t teb_frame;  /* offset in a TEB: the frame of a thread that is on Wine's Unix side */
    uint64_t teb_stack;   /* offset in a TEB: where such a thread's stack, which is below its frame, begins */
};

struct record {
    enum record_kind kind;
    uint32_t windows_pid; /* of the writer */
    pid_t unix_pid, unix_tid; /* of the writer, 0 if it is no driver host */
    uint32_t sequence;
    uint64_t hold;    /* where the writer waits to be let go, 0 if it does not wait */
    uint64_t context; /* the writer's CONTEXT that this is about, 0 if there is none */

    const uint8_t *text; /* RECORD_PRINT */
    size_t length;
    struct origin origin;       /* RECORD_PRINT */
    struct module module;       /* RECORD_MODULE */
    bool is_builtin;            /* RECORD_MODULE: one of Wine's own drivers */
    struct bugcheck bugcheck;   /* RECORD_BUGCHECK, RECORD_EXCEPTION */
    struct exception exception; /* RECORD_EXCEPTION */
    struct landmarks landmarks; /* RECORD_HOST */
};

struct records {
    int fd;
    bool ended;           /* no writer is left (only when the carrier was inherited) */
    bool damaged;         /* bytes that are no record were met, and reported */
    uint64_t read, taken; /* bytes since the start */
    size_t start, end;
    uint8_t buffer[RECORDS_BUFFER];
};

/* `name` is a FIFO's path or "fd:N". Returns a descriptor, or -1 with errno set. */
int records_open(const char *name);
void records_init(struct records *records, int fd);
/* Reads what there is without waiting. Invalidates what records_next returned. */
void records_fill(struct records *records);
/* Takes the next whole record, if there is one; valid until records_fill. */
bool records_next(struct records *records, struct record *record);

/* Positions in the stream: taken by records_next; read from the carrier; written into it up to now. */
uint64_t records_taken(const struct records *records);
uint64_t records_read(const struct records *records);
uint64_t records_written(const struct records *records);

#endif
