/* One operation of a script: what it is, what it needs, who performs it. */
#pragma once

#include "data.h"
#include "text.h"
#include "verifier.h"

enum op_kind {
    OP_OPEN,
    OP_WRITE,
    OP_READ,
    OP_IOCTL,
    OP_FLUSH,
    OP_CLOSE,
    OP_CANCEL,
    OP_FINISH,
    OP_EXIT,
    OP_CRASH,
    OP_SLEEP,
    OP_BARRIER,
    OP_KILL,
    OP_WAIT,
    OP_TYPE,
    OP_SERVICE,
};

enum op_performer {
    BY_ACTOR = 1,     /* a process of this program */
    BY_CONDUCTOR = 2, /* the conductor for itself, actor `-` */
    ON_ACTOR = 4,     /* the conductor on one of this program's processes */
    ON_PROGRAM = 8,   /* the conductor on a program of the user */
};

enum service_action {
    ACTION_CREATE,
    ACTION_START,
    ACTION_STOP,
    ACTION_DELETE,
    ACTION_QUERY,
    ACTION_RELOAD,
};

/* In a block with a schedule. */
enum turn_event {
    TURN_CALLS,   /* an actor calls its next operation, which returns before anybody else's turn */
    TURN_PENDS,   /* it does not, and others go on */
    TURN_RETURNS, /* what was pending has returned */
};

#define CONDUCTOR (-1)

struct op {
    enum op_kind kind;
    unsigned performers; /* enum op_performer */
    unsigned line;
    uint32_t timeout_ms;
    int actor;            /* index in the script, or CONDUCTOR */
    struct text id;       /* as written in the script, decoded */
    struct text raw;      /* ID OP ARG... as an actor process takes it; empty for the conductor's own */
    struct text handle;   /* open, write, read, ioctl, flush, close; a barrier's, service's or (kill) actor's name */
    struct text request;  /* write, read, ioctl that are only begun; cancel, finish */
    bool is_overlapped;   /* open */
    struct text path;     /* open, service create and reload */
    bool is_verified;     /* service reload: Driver Verifier is told first */
    struct verifier verifier;
    struct data input;    /* write, ioctl, type */
    struct data output;   /* read, ioctl; the awaited text of type */
    uint32_t number;      /* access mask, ioctl code, ms, barrier count, exit code, enum service_action */
    int target;           /* kill, wait, type: index of the actor */
    uint32_t barrier;     /* index of the barrier in its block */
};

const char *op_name(enum op_kind kind);
const char *service_action_name(enum service_action action);
const char *turn_event_name(enum turn_event event);
/* False if there is no such event. */
bool turn_event_find(struct text name, enum turn_event *event);
/* False if there is no such action. */
bool service_action_find(struct text name, enum service_action *action);
bool service_action_has_path(enum service_action action);

/* Parses `OP ARG...`. Returns NULL, or what would be right. Tokens must have passed token_fault. */
const char *op_parse(struct arena *arena, struct text rest, struct op *op);
