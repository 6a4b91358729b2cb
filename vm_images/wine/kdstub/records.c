#define _GNU_SOURCE
#include "records.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bytes.h"
#include "descriptor.h"

/* A record: a header (magic, u16 length of it all, u16 kind, ...), then what the kind says; wine/kdrecord.h among the
 * patches has the layout. */
enum { HEADER = 64, RECORD_MAX = 4096 };
enum {
    KIND_PRINT = 1,
    KIND_LOAD = 2,
    KIND_UNLOAD = 3,
    KIND_BUGCHECK = 4,
    KIND_EXCEPTION = 5,
    KIND_HOST = 6,
    KIND_GOODBYE = 7,
};
/* Of what follows the header. */
enum { PRINT_TEXT = 12, MODULE_NAME = 24, BUGCHECK_DRIVER = 48, EXCEPTION_DRIVER = 144, HOST_SIZE = 48 };
enum { BUILTIN = 1 };
enum { KMODE_EXCEPTION_NOT_HANDLED = 0x1E };

static const uint32_t MAGIC = 0x3252444B; /* "KDR2" */

int records_open(const char *name)
{
    /* A FIFO that is open for writing, too, has no end when its writers come and go. */
    return descriptor_open(name, O_RDWR);
}

void records_init(struct records *records, int fd)
{
    memset(records, 0, sizeof *records);
    records->fd = fd;
}

void records_fill(struct records *records)
{
    size_t held = records->end - records->start;
    memmove(records->buffer, records->buffer + records->start, held);
    records->start = 0;
    records->end = held;
    ssize_t length = read(records->fd, records->buffer + held, sizeof records->buffer - held);
    if (length == 0)
        records->ended = true;
    if (length > 0) {
        records->end += (size_t)length;
        records->read += (uint64_t)length;
    }
}

static void take(struct records *records, size_t length)
{
    records->start += length;
    records->taken += length;
}

static void skip_damaged(struct records *records)
{
    const uint8_t *bytes = records->buffer + records->start;
    size_t length = records->end - records->start;
    const uint8_t *next = length > 1 ? memchr(bytes + 1, (int)(MAGIC & 0xFF), length - 1) : NULL;
    if (!records->damaged)
        fprintf(stderr, "kdstub: skipping bytes that are no record\n");
    records->damaged = true;
    take(records, next ? (size_t)(next - bytes) : length);
}

static void parse_print(const uint8_t *body, size_t length, uint32_t process, struct record *record)
{
    record->kind = RECORD_PRINT;
    record->origin = (struct origin){.component = get_u32(body), .level = get_u32(body + 4), .process = process};
    record->text = body + PRINT_TEXT;
    record->length = length - PRINT_TEXT;
}

static void parse_module(const uint8_t *body, size_t length, bool unload, struct record *record)
{
    record->kind = RECORD_MODULE;
    record->is_builtin = get_u32(body + 20) & BUILTIN;
    record->module = (struct module){
        .base = get_u64(body),
        .size = get_u32(body + 8),
        .checksum = get_u32(body + 12),
        .unload = unload,
        .name = body + MODULE_NAME,
        .name_length = length - MODULE_NAME,
    };
}

static void parse_bugcheck(const uint8_t *body, size_t length, struct record *record)
{
    record->kind = RECORD_BUGCHECK;
    record->bugcheck.code = get_u32(body);
    for (size_t i = 0; i < 4; i++)
        record->bugcheck.parameters[i] = get_u64(body + 8 + 8 * i);
    record->bugcheck.driver = body + BUGCHECK_DRIVER;
    record->bugcheck.driver_length = length - BUGCHECK_DRIVER;
}

static void parse_exception(const uint8_t *body, size_t length, struct record *record)
{
    struct exception *exception = &record->exception;
    record->kind = RECORD_EXCEPTION;
    exception->code = get_u32(body);
    exception->flags = get_u32(body + 4);
    exception->address = get_u64(body + 8);
    exception->parameter_count = get_u32(body + 16);
    exception->first_chance = get_u32(body + 20) != 0;
    if (exception->parameter_count > EXCEPTION_PARAMETERS)
        exception->parameter_count = EXCEPTION_PARAMETERS;
    for (size_t i = 0; i < EXCEPTION_PARAMETERS; i++)
        exception->parameters[i] = get_u64(body + 24 + 8 * i);
    record->bugcheck = (struct bugcheck){
        .code = KMODE_EXCEPTION_NOT_HANDLED,
        .parameters = {exception->code, exception->address, exception->parameters[0], exception->parameters[1]},
        .driver = body + EXCEPTION_DRIVER,
        .driver_length = length - EXCEPTION_DRIVER,
    };
}

static void parse_host(const uint8_t *body, struct record *record)
{
    record->kind = RECORD_HOST;
    record->landmarks = (struct landmarks){
        .kernel_base = get_u64(body),
        .module_list = get_u64(body + 8),
        .data_list = get_u64(body + 16),
        .bugcheck_data = get_u64(body + 24),
        .teb_client = get_u32(body + 32),
        .teb_frame = get_u32(body + 36),
        .teb_stack = get_u64(body + 40),
    };
}

/* False: of an unknown kind, or too short for its kind. */
static bool parse_body(unsigned kind, const uint8_t *body, size_t length, uint32_t process, struct record *record)
{
    if (kind == KIND_PRINT && length >= PRINT_TEXT)
        parse_print(body, length, process, record);
    else if ((kind == KIND_LOAD || kind == KIND_UNLOAD) && length >= MODULE_NAME)
        parse_module(body, length, kind == KIND_UNLOAD, record);
    else if (kind == KIND_BUGCHECK && length >= BUGCHECK_DRIVER)
        parse_bugcheck(body, length, record);
    else if (kind == KIND_EXCEPTION && length >= EXCEPTION_DRIVER)
        parse_exception(body, length, record);
    else if (kind == KIND_HOST && length >= HOST_SIZE)
        parse_host(body, record);
    else if (kind == KIND_GOODBYE)
        record->kind = RECORD_GOODBYE;
    else
        return false;
    return true;
}

static bool parse(const uint8_t *bytes, size_t length, struct record *record)
{
    *record = (struct record){
        .windows_pid = get_u32(bytes + 8),
        .unix_pid = (pid_t)get_u32(bytes + 24),
        .unix_tid = (pid_t)get_u32(bytes + 28),
        .sequence = get_u32(bytes + 32),
        .hold = get_u64(bytes + 48),
        .context = get_u64(bytes + 56),
    };
    return parse_body(get_u16(bytes + 6), bytes + HEADER, length - HEADER, get_u32(bytes + 16), record);
}

static bool is_record(uint32_t magic, size_t length)
{
    return magic == MAGIC && length >= HEADER && length <= RECORD_MAX;
}

bool records_next(struct records *records, struct record *record)
{
    while (records->end - records->start >= HEADER) {
        const uint8_t *bytes = records->buffer + records->start;
        size_t length = get_u16(bytes + 4);
        if (!is_record(get_u32(bytes), length)) {
            skip_damaged(records);
            continue;
        }
        if (records->end - records->start < length)
            return false;
        take(records, length);
        if (parse(bytes, length, record))
            return true;
    }
    return false;
}

uint64_t records_taken(const struct records *records)
{
    return records->taken;
}

uint64_t records_read(const struct records *records)
{
    return records->read;
}

uint64_t records_written(const struct records *records)
{
    int waiting = 0;
    if (ioctl(records->fd, FIONREAD, &waiting) != 0)
        waiting = 0;
    return records->read + (uint64_t)waiting;
}
