#define _GNU_SOURCE
#include "records.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bytes.h"
#include "descriptor.h"

/* A record: a header of 32 bytes (magic, u16 length of it all, u16 kind, ...), then what the kind says. */
enum { HEADER = 32, RECORD_MAX = 4096 };
enum { KIND_PRINT = 1, KIND_LOAD = 2, KIND_UNLOAD = 3, KIND_BUGCHECK = 4, KIND_EXCEPTION = 5 };
enum { PRINT_TEXT = 44, MODULE_NAME = 56, BUGCHECK_DRIVER = 80, EXCEPTION_DRIVER = 200 };
enum { KMODE_EXCEPTION_NOT_HANDLED = 0x1E };

static const uint32_t MAGIC = 0x3152444B; /* "KDR1" */

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

static void parse_module(const uint8_t *bytes, size_t length, bool unload, struct record *record)
{
    record->kind = RECORD_MODULE;
    record->module = (struct module){
        .base = get_u64(bytes + 32),
        .size = get_u32(bytes + 40),
        .checksum = get_u32(bytes + 44),
        .unload = unload,
        .name = bytes + MODULE_NAME,
        .name_length = length - MODULE_NAME,
    };
}

static void parse_bugcheck(const uint8_t *bytes, size_t length, struct record *record)
{
    record->kind = RECORD_BUGCHECK;
    record->bugcheck.code = get_u32(bytes + 32);
    for (size_t i = 0; i < 4; i++)
        record->bugcheck.parameters[i] = get_u64(bytes + 40 + 8 * i);
    record->bugcheck.driver = bytes + BUGCHECK_DRIVER;
    record->bugcheck.driver_length = length - BUGCHECK_DRIVER;
}

static void parse_exception(const uint8_t *bytes, size_t length, struct record *record)
{
    struct exception *exception = &record->exception;
    record->kind = RECORD_EXCEPTION;
    exception->code = get_u32(bytes + 32);
    exception->flags = get_u32(bytes + 36);
    exception->address = get_u64(bytes + 40);
    exception->parameter_count = get_u32(bytes + 48);
    if (exception->parameter_count > EXCEPTION_PARAMETERS)
        exception->parameter_count = EXCEPTION_PARAMETERS;
    for (size_t i = 0; i < EXCEPTION_PARAMETERS; i++)
        exception->parameters[i] = get_u64(bytes + 56 + 8 * i);
    record->bugcheck = (struct bugcheck){
        .code = KMODE_EXCEPTION_NOT_HANDLED,
        .parameters = {exception->code, exception->address, exception->parameters[0], exception->parameters[1]},
        .driver = bytes + EXCEPTION_DRIVER,
        .driver_length = length - EXCEPTION_DRIVER,
    };
}

/* False: of an unknown kind, or too short for its kind. */
static bool parse(const uint8_t *bytes, size_t length, struct record *record)
{
    unsigned kind = get_u16(bytes + 6);
    if (kind == KIND_PRINT && length >= PRINT_TEXT) {
        record->kind = RECORD_PRINT;
        record->text = bytes + PRINT_TEXT;
        record->length = length - PRINT_TEXT;
    } else if ((kind == KIND_LOAD || kind == KIND_UNLOAD) && length >= MODULE_NAME) {
        parse_module(bytes, length, kind == KIND_UNLOAD, record);
    } else if (kind == KIND_BUGCHECK && length >= BUGCHECK_DRIVER) {
        parse_bugcheck(bytes, length, record);
    } else if (kind == KIND_EXCEPTION && length >= EXCEPTION_DRIVER) {
        parse_exception(bytes, length, record);
    } else {
        return false;
    }
    return true;
}

bool records_next(struct records *records, struct record *record)
{
    while (records->end - records->start >= HEADER) {
        const uint8_t *bytes = records->buffer + records->start;
        size_t length = get_u16(bytes + 4);
        if (get_u32(bytes) != MAGIC || length < HEADER || length > RECORD_MAX) {
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
