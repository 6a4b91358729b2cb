/* What a target does: runs and prints, stops, answers, goes on. Turns the driver hosts' records into packets, and
 * requests into what is done to the driver host. */
#ifndef KDSTUB_TARGET_H
#define KDSTUB_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dump.h"
#include "hosts.h"
#include "link.h"
#include "manipulate.h"
#include "messages.h"
#include "records.h"
#include "view.h"

enum target_state {
    TARGET_RUNNING,
    TARGET_AT_MODULE,    /* a module has come or gone: waits for Continue */
    TARGET_AT_EXCEPTION, /* nobody has handled it, or it is a breakpoint in the code: waits for Continue */
    TARGET_AT_BUGCHECK,  /* its text is out: waits for Continue */
    TARGET_AT_BREAK_IN,  /* the host wanted it: waits for Continue */
    TARGET_AT_TRAP,      /* a breakpoint of the host's, or the end of a step: waits for Continue */
};

struct target {
    struct link link;
    struct records records;
    struct hosts hosts;
    enum target_state state;
    const char *dump; /* file for the driver host that dies next; may be NULL */
    bool is_machine;    /* the machine may be restarted */
    bool shutting_down; /* no end of a driver host is a surprise any more */

    struct view view; /* of the current stop */
    uint64_t hold;    /* where view.host waits to be let go, 0 if it does not */
    bool kill;        /* view.host dies when the stop is over */
    bool dies;        /* view.host does, of `death`, unless the debugger says that it is handled */
    bool burial;      /* the stop is over: target_bury */
    struct death death;

    bool announce; /* `stop` must be sent (again) */
    uint8_t stop[STATE_CHANGE_MAX];
    size_t stop_length;

    bool break_in; /* asked for; takes place when all records before `break_in_at` are out */
    uint64_t break_in_at;
    struct host *debuggee; /* frozen for that; may be NULL */

    const uint8_t *text; /* what is left to print of the current record */
    size_t text_length;
    struct origin origin;
    bool stop_after_text; /* a bugcheck's */
    char bugcheck_text[1024];

    uint8_t reply[PACKET_MAX_PAYLOAD];
    size_t reply_length;
};

void target_init(struct target *target, int carrier, int timeout, int tries, unsigned build, const char *dump);
/* Takes an event of the link. */
void target_handle(struct target *target, enum link_event event, const struct link_data *data);
/* A driver host's process has ended. */
void target_ended(struct target *target, struct host *host);
/* Something has happened to processes under watch. */
void target_wait(struct target *target);
/* Writes the dump of a driver host that the debugger has let go, and lets it die. To be called when what there was to
 * send is on its way: it takes time. */
void target_bury(struct target *target);
/* Sends what there is to send, until the link is busy or there is nothing. */
void target_run(struct target *target);
/* Whether it waits for more records. */
bool target_is_hungry(const struct target *target);

#endif
