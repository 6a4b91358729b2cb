#include "messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"

enum { PRINT_STRING = 0x3230 };
enum { STATE_EXCEPTION = 0x3030, STATE_LOAD_SYMBOLS = 0x3031 };

/* "KL", no processor's family: this print says who printed it. */
enum { TELLS_ORIGIN = 0x4C4B };

size_t message_print(uint8_t *to, const uint8_t *text, size_t length, const struct origin *origin)
{
    uint32_t level = origin->level < 31 ? origin->level : 31; /* a level above is a mask of them */
    memset(to, 0, 16);
    put_u32(to, PRINT_STRING);
    put_u16(to + 4, TELLS_ORIGIN);
    put_u32(to + 8, (uint32_t)length);
    put_u32(to + 12, (origin->component & 0xFF) | level << 8 | (origin->process / 4 & 0xFFFF) << 16);
    memcpy(to + 16, text, length);
    return 16 + length;
}

static void begin_state_change(uint8_t *to, uint32_t state, const struct place *place)
{
    memset(to, 0, STATE_CHANGE_SIZE);
    put_u32(to, state);
    put_u16(to + 6, (uint16_t)place->processor);
    put_u32(to + 8, place->processors);
    put_u64(to + 16, place->thread);
    put_u64(to + 24, place->pc);

    /* Control report. Segments are those of a kernel, which hosts take for 64 bits. */
    uint8_t *report = to + 192;
    put_u64(report, 0xFFFF0FF0); /* Dr6 */
    put_u64(report + 8, 0x400);  /* Dr7: hosts echo it when they continue */
    put_u32(report + 16, place->eflags);
    put_u16(report + 20, (uint16_t)place->code_length);
    memcpy(report + 24, place->code, place->code_length);
    put_u16(report + 40, 0x10); /* Cs */
    put_u16(report + 42, 0x2B); /* Ds */
    put_u16(report + 44, 0x2B); /* Es */
    put_u16(report + 46, 0x53); /* Fs */
}

size_t message_exception(uint8_t *to, const struct exception *exception, const struct place *place)
{
    begin_state_change(to, STATE_EXCEPTION, place);
    put_u32(to + 32, exception->code);
    put_u32(to + 36, exception->flags);
    put_u64(to + 48, exception->address);
    put_u32(to + 56, exception->parameter_count);
    for (unsigned i = 0; i < exception->parameter_count; i++)
        put_u64(to + 64 + 8 * i, exception->parameters[i]);
    put_u32(to + 184, exception->first_chance);
    return STATE_CHANGE_SIZE;
}

size_t message_module(uint8_t *to, const struct module *module, const struct place *place)
{
    size_t name_length = module->name_length < PATH_MAX_BYTES ? module->name_length : PATH_MAX_BYTES;

    begin_state_change(to, STATE_LOAD_SYMBOLS, place);
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
