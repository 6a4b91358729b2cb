/* The events that go to stdout, one JSON object per line. README.md describes them. */
#pragma once

#include "op.h"
#include "sha256.h"

struct outcome {
    int64_t t0, t1; /* microseconds since the conductor's start */
    bool ok;
    uint32_t error; /* Win32 */
    uint32_t status; /* NTSTATUS behind the error; 0: the system kept none */
    uint32_t moved; /* bytes, as the system said */
    bool has_data;
    const void *data;
    size_t data_length;
    bool is_large; /* the event has the hash of the data in its place */
    uint8_t digest[SHA256_BYTES];
    bool is_kept;  /* in the file that the script names */
    bool has_code; /* exit, crash, kill, wait */
    uint32_t code;
    const char *part, *state; /* service */
    bool has_verified;        /* service reload */
    uint32_t verified;
    const char *what;         /* why the system was not asked */
    bool gone, skipped;
};

void event_hello(struct buffer *buffer, uint32_t pid);
void event_op(struct buffer *buffer, const struct op *op, struct text actor, uint32_t pid,
              const struct outcome *outcome);
void event_exit(struct buffer *buffer, struct text actor, uint32_t pid, uint32_t code, int64_t t, bool expected);
void event_out(struct buffer *buffer, struct text actor, int64_t t, bool is_stderr, const void *bytes, size_t length);
/* A block with a schedule: a turn of an actor, or what became of the operation `id` that it had called. */
void event_turn(struct buffer *buffer, struct text block, struct text actor, struct text id, enum turn_event what);
/* `id` may be NULL. */
void event_error(struct buffer *buffer, const struct text *id, unsigned line, struct text what);
void event_done(struct buffer *buffer, bool ok);
