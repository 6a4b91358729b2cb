/* Data of an operation: what a step writes, and where it wants what it reads. */
#pragma once

#include "text.h"

#define DATA_LENGTH_MAX (64u * 1024u * 1024u)
#define DATA_HEX_MAX (1024u * 1024u)
/* What is longer is told by its hash. */
#define DATA_TOLD_MAX (64u * 1024u)

enum data_kind {
    DATA_NONE,
    DATA_HEX,   /* hex:0011..      the bytes themselves */
    DATA_FILL,  /* fill:LEN:SEED   byte i = SEED*31 + i*7 + (i>>8)*13 */
    DATA_SPACE, /* LEN             room for LEN bytes */
    DATA_NULL,  /* null:LEN        a NULL pointer that claims LEN bytes */
    DATA_BAD,   /* bad:LEN         a pointer to unmapped memory that claims LEN bytes */
};

struct data {
    enum data_kind kind;
    uint32_t length;
    uint32_t seed;
    struct text hex;
    /* Of DATA_SPACE. Large data that has not this SHA-256 (in hex) is kept in this file; empty: none. */
    struct text digest, path;
};

/* NULL, or what would be right. `data_parse_source`: hex, fill, null, bad. `data_parse_bytes`: hex, fill.
 * `data_parse_target`: a length, null, bad. */
const char *data_parse_source(struct text token, struct data *data);
const char *data_parse_bytes(struct text token, struct data *data);
const char *data_parse_target(struct text token, struct data *data);

bool data_is_real(const struct data *data);

/* The pointer to hand to the system. `room` keeps the bytes and is used again by the next call. A DATA_SPACE is
 * filled with 0xEE, so that bytes which nobody wrote do not look like an earlier result. */
void *data_place(const struct data *data, struct buffer *room);
