/* What goes into KD packets, AMD64 layout: builders write a payload and return its length. */
#ifndef KDSTUB_MESSAGES_H
#define KDSTUB_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PRINT_MAX = 512, /* bytes of text in one print */
    EXCEPTION_PARAMETERS = 15,
    PATH_MAX_BYTES = 1024,
    STATE_CHANGE_SIZE = 240,
    STATE_CHANGE_MAX = STATE_CHANGE_SIZE + PATH_MAX_BYTES + 1,
};

/* Why a target stopped that has met no breakpoint in its code: what NT puts into RCX. */
enum break_status { BREAK_CONTROL_C = 1, BREAK_BUGCHECK = 3 };

enum status {
    STATUS_BREAKPOINT = (int)0x80000003,
    STATUS_SINGLE_STEP = (int)0x80000004,
    STATUS_WAKE_DEBUGGER = (int)0x80000007,
};

/* Who printed something: what DbgPrintEx is told, and the user process whose request is being served, 0 if none. */
struct origin {
    uint32_t component, level, process;
};

/* What a stop shows of the processor that it is about. */
struct place {
    unsigned processor, processors;
    uint64_t thread, pc;
    uint32_t eflags;
    uint8_t code[16]; /* at `pc` */
    size_t code_length;
};

struct module {
    const uint8_t *name;
    size_t name_length;
    uint64_t base;
    uint32_t size;
    uint32_t checksum;
    bool unload;
};

struct bugcheck {
    uint32_t code;
    uint64_t parameters[4];
    const uint8_t *driver; /* may be empty */
    size_t driver_length;
};

struct exception {
    uint32_t code, flags;
    bool first_chance;
    uint64_t address;
    unsigned parameter_count; /* at most EXCEPTION_PARAMETERS */
    uint64_t parameters[EXCEPTION_PARAMETERS];
};

/* DEBUG_IO; `to` has room for 16 + PRINT_MAX bytes. */
size_t message_print(uint8_t *to, const uint8_t *text, size_t length, const struct origin *origin);
/* STATE_CHANGE64: an exception, breakpoint or step. */
size_t message_exception(uint8_t *to, const struct exception *exception, const struct place *place);
/* STATE_CHANGE64: a module has come or gone; `to` has room for STATE_CHANGE_MAX bytes. */
size_t message_module(uint8_t *to, const struct module *module, const struct place *place);

/* The text that a bugcheck prints, as NT writes it; `to` has room for 256 + driver_length bytes. */
size_t message_bugcheck_text(char *to, size_t size, const struct bugcheck *bugcheck);

#endif
