/* The driver host's records, as they come out of the carrier (a FIFO). Bounded memory: what does not fit stays in
 * the FIFO, and its writers wait. */
#ifndef KDSTUB_RECORDS_H
#define KDSTUB_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.h"

enum { RECORDS_BUFFER = 128 * 1024 };

enum record_kind {
    RECORD_PRINT,
    RECORD_MODULE,
    RECORD_BUGCHECK,
    RECORD_EXCEPTION, /* the driver host dies of it; `bugcheck` is what NT would make of it */
};

struct record {
    enum record_kind kind;
    const uint8_t *text; /* RECORD_PRINT */
    size_t length;
    struct module module;       /* RECORD_MODULE */
    struct bugcheck bugcheck;   /* RECORD_BUGCHECK, RECORD_EXCEPTION */
    struct exception exception; /* RECORD_EXCEPTION */
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
