#include "manipulate.h"

#include <string.h>

#include "bytes.h"
#include "memory.h"

static const uint32_t STATUS_SUCCESS = 0;
static const uint32_t STATUS_UNSUCCESSFUL = 0xC0000001;
static const uint32_t STATUS_NO_MORE_ENTRIES = 0x8000001A;

enum { UNION = 16, FILL_MAX = 1024 * 1024, FILL_PHYSICAL = 2 };

struct request request_of(const uint8_t *payload, size_t length)
{
    struct request request = {.data = payload + length};
    size_t head = length < REQUEST_SIZE ? length : REQUEST_SIZE;
    memcpy(request.head, payload, head);
    request.data = payload + head;
    request.data_length = length - head;
    request.api = get_u32(request.head);
    request.processor = get_u16(request.head + 6);
    return request;
}

static void begin(const struct request *request, uint8_t *reply, uint32_t status)
{
    memcpy(reply, request->head, REQUEST_SIZE);
    put_u32(reply + 8, status);
}

static size_t finish(const struct request *request, uint8_t *reply, bool done)
{
    begin(request, reply, done ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
    return REQUEST_SIZE;
}

size_t manipulate_version(const struct request *request, uint8_t *reply, const struct view *view, unsigned build)
{
    enum { FREE_BUILD = 0xF, PROTOCOL = 6, SECONDARY = 2, MACHINE_AMD64 = 0x8664 };
    enum { MULTIPROCESSOR = 1, DATA = 2, PTR64 = 4 };
    enum { MAX_PACKET_TYPE = 12, MAX_STATE_CHANGE = 3, MAX_MANIPULATE = 0x31 };
    struct landmarks landmarks = view->host ? view->host->landmarks : (struct landmarks){0};

    /* Addresses are 0 while no driver host is known. */
    begin(request, reply, STATUS_SUCCESS);
    memset(reply + UNION, 0, REQUEST_SIZE - UNION);
    put_u16(reply + 16, FREE_BUILD);
    put_u16(reply + 18, (uint16_t)build);
    reply[20] = PROTOCOL;
    reply[21] = SECONDARY;
    put_u16(reply + 22, (uint16_t)(PTR64 | (landmarks.data_list ? DATA : 0) |
                                   (view->processors > 1 ? MULTIPROCESSOR : 0)));
    put_u16(reply + 24, MACHINE_AMD64);
    reply[26] = MAX_PACKET_TYPE;
    reply[27] = MAX_STATE_CHANGE;
    reply[28] = MAX_MANIPULATE;
    put_u64(reply + 32, landmarks.kernel_base);
    put_u64(reply + 40, landmarks.module_list);
    put_u64(reply + 48, landmarks.data_list);
    return REQUEST_SIZE;
}

size_t manipulate_refuse(const struct request *request, uint8_t *reply)
{
    begin(request, reply, STATUS_UNSUCCESSFUL);
    switch (request->api) {
    case API_READ_VIRTUAL:
    case API_WRITE_VIRTUAL:
    case API_WRITE_CONTROL_SPACE:
    case API_READ_PHYSICAL:
    case API_WRITE_PHYSICAL:
        put_u32(reply + 28, 0); /* bytes moved */
    }
    return REQUEST_SIZE;
}

/* --- memory --- */

static size_t read_virtual(const struct request *request, uint8_t *reply, const struct process *process)
{
    uint64_t address = get_u64(request->head + UNION);
    size_t count = get_u32(request->head + UNION + 8);
    size_t wanted = count < REQUEST_DATA_MAX ? count : REQUEST_DATA_MAX;
    size_t moved = process_read(process, address, reply + REQUEST_SIZE, wanted);
    begin(request, reply, moved == count ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
    put_u32(reply + UNION + 12, (uint32_t)moved);
    return REQUEST_SIZE + moved;
}

static size_t write_virtual(const struct request *request, uint8_t *reply, const struct process *process)
{
    uint64_t address = get_u64(request->head + UNION);
    size_t count = get_u32(request->head + UNION + 8);
    size_t wanted = count < request->data_length ? count : request->data_length;
    size_t moved = process_write(process, address, request->data, wanted);
    begin(request, reply, moved == count ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
    put_u32(reply + UNION + 12, (uint32_t)moved);
    return REQUEST_SIZE;
}

static size_t search_memory(const struct request *request, uint8_t *reply, const struct process *process)
{
    uint64_t address = get_u64(request->head + UNION), length = get_u64(request->head + UNION + 8), found = 0;
    size_t pattern = get_u32(request->head + UNION + 16);
    if (pattern == 0 || pattern > request->data_length)
        return manipulate_refuse(request, reply);
    bool is_found = memory_search(process, address, length, request->data, pattern, &found);
    begin(request, reply, is_found ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES);
    if (is_found)
        put_u64(reply + UNION, found);
    return REQUEST_SIZE;
}

static size_t fill_memory(const struct request *request, uint8_t *reply, const struct process *process)
{
    uint64_t address = get_u64(request->head + UNION);
    size_t left = get_u32(request->head + UNION + 8), pattern = get_u16(request->head + UNION + 14);
    bool physical = get_u16(request->head + UNION + 12) & FILL_PHYSICAL;
    if (physical || pattern == 0 || pattern > request->data_length || left > FILL_MAX)
        return manipulate_refuse(request, reply);
    while (left > 0) {
        size_t part = left < pattern ? left : pattern;
        if (process_write(process, address, request->data, part) != part)
            break;
        address += part;
        left -= part;
    }
    return finish(request, reply, left == 0);
}

static size_t query_memory(const struct request *request, uint8_t *reply, const struct process *process)
{
    enum { SPACE_PROCESS = 0 };
    int access = memory_query(process, get_u64(request->head + UNION));
    if (access < 0)
        return manipulate_refuse(request, reply);
    begin(request, reply, STATUS_SUCCESS);
    put_u32(reply + UNION + 16, SPACE_PROCESS);
    put_u32(reply + UNION + 20, (uint32_t)access);
    return REQUEST_SIZE;
}

/* --- registers --- */

static size_t get_context(const struct request *request, uint8_t *reply, struct view *view)
{
    if (!view_context(view, request->processor, reply + REQUEST_SIZE))
        return manipulate_refuse(request, reply);
    view->context_sent = true;
    begin(request, reply, STATUS_SUCCESS);
    return REQUEST_SIZE + CONTEXT_SIZE;
}

/* Part of a context: u32 offset, u32 bytes, u32 bytes copied. */
static size_t get_context_ex(const struct request *request, uint8_t *reply, struct view *view)
{
    uint8_t context[CONTEXT_SIZE];
    size_t offset = get_u32(request->head + UNION), count = get_u32(request->head + UNION + 4);
    if (offset > CONTEXT_SIZE || !view_context(view, request->processor, context))
        return manipulate_refuse(request, reply);
    if (count > CONTEXT_SIZE - offset)
        count = CONTEXT_SIZE - offset;
    view->context_sent = true;
    begin(request, reply, STATUS_SUCCESS);
    put_u32(reply + UNION + 8, (uint32_t)count);
    memcpy(reply + REQUEST_SIZE, context + offset, count);
    return REQUEST_SIZE + count;
}

/* NT lets nobody set a context who has not seen it in this stop. */
static size_t set_context(const struct request *request, uint8_t *reply, const struct view *view)
{
    bool done = view->context_sent && request->data_length >= CONTEXT_SIZE &&
                view_set_context(view, request->processor, request->data);
    return finish(request, reply, done);
}

static size_t set_context_ex(const struct request *request, uint8_t *reply, const struct view *view)
{
    uint8_t context[CONTEXT_SIZE];
    size_t offset = get_u32(request->head + UNION), count = get_u32(request->head + UNION + 4);
    bool fits = view->context_sent && offset <= CONTEXT_SIZE && count <= CONTEXT_SIZE - offset &&
                count <= request->data_length;
    if (!fits || !view_context(view, request->processor, context))
        return manipulate_refuse(request, reply);
    memcpy(context + offset, request->data, count);
    bool done = view_set_context(view, request->processor, context);
    finish(request, reply, done);
    put_u32(reply + UNION + 8, done ? (uint32_t)count : 0);
    return REQUEST_SIZE;
}

static size_t write_breakpoint(const struct request *request, uint8_t *reply, const struct process *process,
                               struct breakpoints *breakpoints)
{
    unsigned handle = breakpoints_set(breakpoints, process, get_u64(request->head + UNION));
    finish(request, reply, handle != 0);
    put_u32(reply + UNION + 8, handle);
    return REQUEST_SIZE;
}

size_t manipulate(const struct request *request, uint8_t *reply, struct view *view, struct breakpoints *breakpoints)
{
    if (!view->host)
        return manipulate_refuse(request, reply);
    const struct process *process = &view->host->process;
    switch (request->api) {
    case API_READ_VIRTUAL:
        return read_virtual(request, reply, process);
    case API_WRITE_VIRTUAL:
        return write_virtual(request, reply, process);
    case API_SEARCH_MEMORY:
        return search_memory(request, reply, process);
    case API_FILL_MEMORY:
        return fill_memory(request, reply, process);
    case API_QUERY_MEMORY:
        return query_memory(request, reply, process);
    case API_GET_CONTEXT:
        return get_context(request, reply, view);
    case API_SET_CONTEXT:
        return set_context(request, reply, view);
    case API_GET_CONTEXT_EX:
        return get_context_ex(request, reply, view);
    case API_SET_CONTEXT_EX:
        return set_context_ex(request, reply, view);
    case API_WRITE_BREAKPOINT:
        return write_breakpoint(request, reply, process, breakpoints);
    case API_RESTORE_BREAKPOINT:
        return finish(request, reply, breakpoints_clear(breakpoints, get_u32(request->head + UNION)));
    default:
        return manipulate_refuse(request, reply);
    }
}
