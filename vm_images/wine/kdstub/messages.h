/* What goes into KD packets, AMD64 layout: builders write a payload and return its length. */
#ifndef KDSTUB_MESSAGES_H
#define KDSTUB_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PRINT_MAX = 512, /* bytes of text in one print */
    REQUEST_SIZE = 56,
    EXCEPTION_PARAMETERS = 15,
    PATH_MAX_BYTES = 1024,
    STATE_CHANGE_SIZE = 240,
    STATE_CHANGE_MAX = STATE_CHANGE_SIZE + PATH_MAX_BYTES + 1,
};

enum manipulate_api {
    API_READ_VIRTUAL = 0x3130,
    API_WRITE_VIRTUAL = 0x3131,
    API_CONTINUE = 0x3136,
    API_WRITE_CONTROL_SPACE = 0x3138,
    API_CONTINUE2 = 0x313C,
    API_READ_PHYSICAL = 0x313D,
    API_WRITE_PHYSICAL = 0x313E,
    API_GET_VERSION = 0x3146,
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
    uint64_t address;
    unsigned parameter_count; /* at most EXCEPTION_PARAMETERS */
    uint64_t parameters[EXCEPTION_PARAMETERS];
};

/* DEBUG_IO; `to` has room for 16 + PRINT_MAX bytes. */
size_t message_print(uint8_t *to, const uint8_t *text, size_t length);
/* STATE_CHANGE64: the stop that a break-in or a bugcheck causes (breakpoint, first chance). */
size_t message_breakpoint(uint8_t *to);
/* STATE_CHANGE64: an exception that nobody handled (second chance). */
size_t message_exception(uint8_t *to, const struct exception *exception);
/* STATE_CHANGE64: a module has come or gone; `to` has room for STATE_CHANGE_MAX bytes. */
size_t message_module(uint8_t *to, const struct module *module);

/* The text that a bugcheck prints, as NT writes it; `to` has room for 256 + driver_length bytes. */
size_t message_bugcheck_text(char *to, size_t size, const struct bugcheck *bugcheck);

/* STATE_MANIPULATE: replies to `request`; `to` has room for REQUEST_SIZE bytes. */
unsigned message_api(const uint8_t *request, size_t length);
size_t message_version(uint8_t *to, const uint8_t *request, size_t length, unsigned build);
size_t message_refusal(uint8_t *to, const uint8_t *request, size_t length);

#endif
