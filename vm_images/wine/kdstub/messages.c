#include "messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"

static const uint32_t STATUS_SUCCESS = 0;
static const uint32_t STATUS_UNSUCCESSFUL = 0xC0000001;
static const uint32_t STATUS_BREAKPOINT = 0x80000003;

enum { PRINT_STRING = 0x3230 };
enum { STATE_EXCEPTION = 0x3030, STATE_LOAD_SYMBOLS = 0x3031 };

size_t message_print(uint8_t *to, const uint8_t *text, size_t length)
{
    memset(to, 0, 16);
    put_u32(to, PRINT_STRING);
    put_u32(to + 8, (uint32_t)length);
    memcpy(to + 16, text, length);
    return 16 + length;
}

static void begin_state_change(uint8_t *to, uint32_t state)
{
    memset(to, 0, STATE_CHANGE_SIZE);
    put_u32(to, state);
    put_u32(to + 8, 1); /* processors */

    /* Control report: an idle kernel's. The driver host is an ordinary process: there is no code to show. */
    uint8_t *report = to + 192;
    put_u64(report, 0xFFFF0FF0); /* Dr6 */
    put_u64(report + 8, 0x400);  /* Dr7: hosts echo it when they continue */
    put_u32(report + 16, 0x202); /* EFlags */
    put_u16(report + 40, 0x10);  /* Cs */
    put_u16(report + 42, 0x2B);  /* Ds */
    put_u16(report + 44, 0x2B);  /* Es */
    put_u16(report + 46, 0x53);  /* Fs */
}

size_t message_breakpoint(uint8_t *to)
{
    begin_state_change(to, STATE_EXCEPTION);
    put_u32(to + 32, STATUS_BREAKPOINT);
    put_u32(to + 184, 1); /* first chance */
    return STATE_CHANGE_SIZE;
}

size_t message_exception(uint8_t *to, const struct exception *exception)
{
    begin_state_change(to, STATE_EXCEPTION);
    put_u64(to + 24, exception->address);
    put_u32(to + 32, exception->code);
    put_u32(to + 36, exception->flags);
    put_u64(to + 48, exception->address);
    put_u32(to + 56, exception->parameter_count);
    for (unsigned i = 0; i < exception->parameter_count; i++)
        put_u64(to + 64 + 8 * i, exception->parameters[i]);
    return STATE_CHANGE_SIZE;
}

size_t message_module(uint8_t *to, const struct module *module)
{
    size_t name_length = module->name_length < PATH_MAX_BYTES ? module->name_length : PATH_MAX_BYTES;

    begin_state_change(to, STATE_LOAD_SYMBOLS);
    put_u32(to + 32, (uint32_t)name_length + 1);
    put_u64(to + 40, module->base);
    put_u64(to + 48, UINT64_MAX); /* process: the kernel */
    put_u32(to + 56, module->checksum);
    put_u32(to + 60, module->size);
    to[64] = module->unload;
    memcpy(to + STATE_CHANGE_SIZE, module->name, name_length);
    to[STATE_CHANGE_SIZE + name_length] = 0;
    return STATE_CHANGE_SIZE + name_length + 1;
}

size_t message_bugcheck_text(char *to, size_t size, const struct bugcheck *bugcheck)
{
    const uint64_t *p = bugcheck->parameters;
    int length = snprintf(to, size,
                          "\n*** Fatal System Error: 0x%08" PRIx32 "\n   (0x%016" PRIX64 ",0x%016" PRIX64 ",0x%016" PRIX64
                          ",0x%016" PRIX64 ")\n\n",
                          bugcheck->code, p[0], p[1], p[2], p[3]);
    if (bugcheck->driver_length && (size_t)length < size)
        length += snprintf(to + length, size - (size_t)length, "Driver at fault: %.*s.\n", (int)bugcheck->driver_length,
                           (const char *)bugcheck->driver);
    return (size_t)length < size ? (size_t)length : size - 1;
}

unsigned message_api(const uint8_t *request, size_t length)
{
    return length >= 4 ? get_u32(request) : 0;
}

static void begin_reply(uint8_t *to, const uint8_t *request, size_t length, uint32_t status)
{
    memset(to, 0, REQUEST_SIZE);
    memcpy(to, request, length < REQUEST_SIZE ? length : REQUEST_SIZE);
    put_u32(to + 8, status);
}

size_t message_version(uint8_t *to, const uint8_t *request, size_t length, unsigned build)
{
    enum { FREE_BUILD = 0xF, PROTOCOL = 6, SECONDARY = 2, PTR64 = 4, MACHINE_AMD64 = 0x8664 };
    enum { MAX_PACKET_TYPE = 12, MAX_STATE_CHANGE = 3, MAX_MANIPULATE = 0x31 };

    begin_reply(to, request, length, STATUS_SUCCESS);
    /* No kernel base, module list or data block: these addresses are 0 and the flag for the block is clear. */
    memset(to + 16, 0, REQUEST_SIZE - 16);
    put_u16(to + 16, FREE_BUILD);
    put_u16(to + 18, (uint16_t)build);
    to[20] = PROTOCOL;
    to[21] = SECONDARY;
    put_u16(to + 22, PTR64);
    put_u16(to + 24, MACHINE_AMD64);
    to[26] = MAX_PACKET_TYPE;
    to[27] = MAX_STATE_CHANGE;
    to[28] = MAX_MANIPULATE;
    return REQUEST_SIZE;
}

size_t message_refusal(uint8_t *to, const uint8_t *request, size_t length)
{
    begin_reply(to, request, length, STATUS_UNSUCCESSFUL);
    switch (message_api(request, length)) {
    case API_READ_VIRTUAL:
    case API_WRITE_VIRTUAL:
    case API_WRITE_CONTROL_SPACE:
    case API_READ_PHYSICAL:
    case API_WRITE_PHYSICAL:
        put_u32(to + 28, 0); /* bytes moved */
    }
    return REQUEST_SIZE;
}
