/* STATE_MANIPULATE: what a debugger asks of a stopped target that leaves it stopped. */
#ifndef KDSTUB_MANIPULATE_H
#define KDSTUB_MANIPULATE_H

#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "view.h"

enum { REQUEST_SIZE = 56, REQUEST_DATA_MAX = PACKET_MAX_PAYLOAD - REQUEST_SIZE };

enum manipulate_api {
    API_READ_VIRTUAL = 0x3130,
    API_WRITE_VIRTUAL = 0x3131,
    API_GET_CONTEXT = 0x3132,
    API_SET_CONTEXT = 0x3133,
    API_WRITE_BREAKPOINT = 0x3134,
    API_RESTORE_BREAKPOINT = 0x3135,
    API_CONTINUE = 0x3136,
    API_WRITE_CONTROL_SPACE = 0x3138,
    API_REBOOT = 0x313B,
    API_CONTINUE2 = 0x313C,
    API_READ_PHYSICAL = 0x313D,
    API_WRITE_PHYSICAL = 0x313E,
    API_GET_VERSION = 0x3146,
    API_CAUSE_BUGCHECK = 0x3149,
    API_SWITCH_PROCESSOR = 0x3150,
    API_SEARCH_MEMORY = 0x3156,
    API_FILL_MEMORY = 0x315B,
    API_QUERY_MEMORY = 0x315C,
    API_GET_CONTEXT_EX = 0x315F,
    API_SET_CONTEXT_EX = 0x3160,
};

/* A request, taken apart; `data` is what follows its 56 bytes. */
struct request {
    unsigned api, processor;
    uint8_t head[REQUEST_SIZE]; /* zeros where the packet was shorter */
    const uint8_t *data;
    size_t data_length;
};

struct request request_of(const uint8_t *payload, size_t length);

/* Writes the reply, at most PACKET_MAX_PAYLOAD bytes, and returns its length. What cannot be had is refused. */
size_t manipulate_version(const struct request *request, uint8_t *reply, const struct view *view, unsigned build);
size_t manipulate_refuse(const struct request *request, uint8_t *reply);
size_t manipulate(const struct request *request, uint8_t *reply, struct view *view, struct breakpoints *breakpoints);

#endif
