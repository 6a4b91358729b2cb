#include "data.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static const char source_forms[] = "hex:0011.., fill:LENGTH:SEED, null:LENGTH or bad:LENGTH (LENGTH at most 67108864, of hex 1048576)";
static const char bytes_forms[] = "hex:0011.. or fill:LENGTH:SEED (LENGTH at most 67108864, of hex 1048576)";
static const char target_forms[] = "LENGTH[:SHA256[:PATH]] (at most 67108864), null:LENGTH or bad:LENGTH";

static struct text text_behind(struct text text, size_t count) {
    return (struct text){text.at + count, text.length - count};
}

static bool parse_hex(struct text hex, struct data *data) {
    if (hex.length % 2 != 0 || hex.length / 2 > DATA_HEX_MAX) return false;
    for (size_t i = 0; i < hex.length; i++) {
        if (hex_digit(hex.at[i]) < 0) return false;
    }
    *data = (struct data){.kind = DATA_HEX, .length = (uint32_t)(hex.length / 2), .hex = hex};
    return true;
}

static bool parse_fill(struct text numbers, struct data *data) {
    size_t colon = 0;
    while (colon < numbers.length && numbers.at[colon] != ':') colon++;
    if (colon == numbers.length) return false;
    struct text length = {numbers.at, colon};
    *data = (struct data){.kind = DATA_FILL};
    return text_decimal(length, DATA_LENGTH_MAX, &data->length) &&
           text_decimal(text_behind(numbers, colon + 1), UINT32_MAX, &data->seed);
}

/* A pointer nobody follows in this program may claim any length. */
static bool parse_wild(struct text token, struct data *data) {
    if (text_starts(token, "null:")) {
        data->kind = DATA_NULL;
        return text_decimal(text_behind(token, 5), UINT32_MAX, &data->length);
    }
    if (text_starts(token, "bad:")) {
        data->kind = DATA_BAD;
        return text_decimal(text_behind(token, 4), UINT32_MAX, &data->length);
    }
    return false;
}

const char *data_parse_bytes(struct text token, struct data *data) {
    *data = (struct data){0};
    if (text_starts(token, "hex:") && parse_hex(text_behind(token, 4), data)) return NULL;
    if (text_starts(token, "fill:") && parse_fill(text_behind(token, 5), data)) return NULL;
    return bytes_forms;
}

const char *data_parse_source(struct text token, struct data *data) {
    if (!data_parse_bytes(token, data)) return NULL;
    *data = (struct data){0};
    return parse_wild(token, data) ? NULL : source_forms;
}

/* Cuts off what stands before the next colon. */
static struct text cut(struct text *rest) {
    size_t length = 0;
    while (length < rest->length && rest->at[length] != ':') length++;
    struct text part = {rest->at, length};
    *rest = length < rest->length ? text_behind(*rest, length + 1) : (struct text){0};
    return part;
}

const char *data_parse_target(struct text token, struct data *data) {
    struct text rest = token;
    *data = (struct data){.kind = DATA_SPACE};
    if (text_decimal(cut(&rest), DATA_LENGTH_MAX, &data->length)) {
        data->digest = cut(&rest);
        data->path = rest;
        return utf8_is_valid(data->path) ? NULL : target_forms;
    }
    return parse_wild(token, data) ? NULL : target_forms;
}

bool data_is_real(const struct data *data) {
    return data->kind == DATA_HEX || data->kind == DATA_FILL || data->kind == DATA_SPACE;
}

static void *unmapped_memory(void) {
    /* Reserved and never committed: nothing else in this process can come to lie there. */
    static void *reserved;
    if (!reserved) reserved = VirtualAlloc(NULL, DATA_LENGTH_MAX, MEM_RESERVE, PAGE_NOACCESS);
    return reserved ? reserved : (void *)(uintptr_t)0x10000;
}

static void fill(unsigned char *bytes, const struct data *data) {
    const uint32_t period = 65536;
    for (uint32_t i = 0; i < data->length && i < period; i++) {
        bytes[i] = (unsigned char)(data->seed * 31 + i * 7 + (i >> 8) * 13);
    }
    for (uint32_t done = period; done < data->length; done *= 2) {
        memcpy(bytes + done, bytes, done < data->length - done ? done : data->length - done);
    }
}

void *data_place(const struct data *data, struct buffer *room) {
    if (data->kind == DATA_NULL || data->kind == DATA_NONE) return NULL;
    if (data->kind == DATA_BAD) return unmapped_memory();
    /* One byte more than asked: an empty piece of data still has a valid address. */
    unsigned char *bytes = (unsigned char *)buffer_room(room, (size_t)data->length + 1);
    if (data->kind == DATA_SPACE) {
        memset(bytes, 0xEE, data->length);
    } else if (data->kind == DATA_HEX) {
        for (uint32_t i = 0; i < data->length; i++) {
            bytes[i] = (unsigned char)(hex_digit(data->hex.at[2 * i]) << 4 | hex_digit(data->hex.at[2 * i + 1]));
        }
    } else {
        fill(bytes, data);
    }
    return bytes;
}
