#include "text.h"

#include <stdarg.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static const char hex_digits[] = "0123456789abcdef";

struct text text_from(const char *string) {
    size_t length = 0;
    while (string[length]) length++;
    return (struct text){string, length};
}

bool text_equal(struct text a, struct text b) {
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

bool text_is(struct text text, const char *literal) {
    return text_equal(text, text_from(literal));
}

bool text_starts(struct text text, const char *literal) {
    struct text start = text_from(literal);
    return text.length >= start.length && memcmp(text.at, start.at, start.length) == 0;
}

bool text_decimal_64(struct text text, uint64_t *value) {
    uint64_t sum = 0;
    if (text.length == 0 || text.length > 18) return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        sum = sum * 10 + (uint64_t)(text.at[i] - '0');
    }
    *value = sum;
    return true;
}

bool text_decimal(struct text text, uint32_t most, uint32_t *value) {
    uint64_t wide;
    if (!text_decimal_64(text, &wide) || wide > most) return false;
    *value = (uint32_t)wide;
    return true;
}

int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool text_hexadecimal(struct text text, uint32_t *value) {
    uint32_t sum = 0;
    if (!text_starts(text, "0x") || text.length < 3 || text.length > 10) return false;
    for (size_t i = 2; i < text.length; i++) {
        int digit = hex_digit(text.at[i]);
        if (digit < 0) return false;
        sum = sum << 4 | (uint32_t)digit;
    }
    *value = sum;
    return true;
}

bool token_next(struct text *rest, struct text *token) {
    size_t length = 0;
    if (!rest->at) return false;
    while (length < rest->length && rest->at[length] != ' ') length++;
    *token = (struct text){rest->at, length};
    if (length == rest->length) {
        *rest = (struct text){0};
    } else {
        rest->at += length + 1;
        rest->length -= length + 1;
    }
    return true;
}

static bool is_plain(char c) {
    static const char others[] = "_.:,\\/=+@*()$#!?-";
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    for (size_t i = 0; i < sizeof(others) - 1; i++) {
        if (others[i] == c) return true;
    }
    return false;
}

const char *token_fault(struct text raw) {
    if (raw.length == 0) return "one space between tokens, `%` for an empty token";
    if (text_is(raw, "%")) return NULL;
    for (size_t i = 0; i < raw.length; i++) {
        if (is_plain(raw.at[i])) continue;
        if (raw.at[i] != '%') return "%XX for every byte outside A-Z a-z 0-9 _.:,\\/=+@*()$#!?-";
        int high = i + 2 < raw.length ? hex_digit(raw.at[i + 1]) : -1;
        int low = i + 2 < raw.length ? hex_digit(raw.at[i + 2]) : -1;
        if (high < 0 || low < 0) return "two hex digits behind %";
        if (high == 0 && low == 0) return "no NUL byte in a token (hex: for data)";
        i += 2;
    }
    return NULL;
}

struct text token_decode(struct arena *arena, struct text raw) {
    size_t escapes = 0, length = 0;
    for (size_t i = 0; i < raw.length; i++) escapes += raw.at[i] == '%';
    if (text_is(raw, "%")) return (struct text){raw.at, 0};
    if (escapes == 0) return raw;
    char *bytes = arena_take(arena, raw.length);
    for (size_t i = 0; i < raw.length; i++) {
        if (raw.at[i] != '%') {
            bytes[length++] = raw.at[i];
        } else {
            bytes[length++] = (char)(hex_digit(raw.at[i + 1]) << 4 | hex_digit(raw.at[i + 2]));
            i += 2;
        }
    }
    return (struct text){bytes, length};
}

uint32_t utf8_next(struct text *text) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text->at[0];
    size_t size = first < 0x80 ? 1 : first >= 0xF0 && first < 0xF8 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    uint32_t point = first;
    size_t used = 1;
    if (size > 1 && first < 0xF8) {
        point = first & (0xFFu >> (size + 1));
        while (used < size && used < text->length && ((unsigned char)text->at[used] & 0xC0) == 0x80) {
            point = point << 6 | ((unsigned char)text->at[used++] & 0x3F);
        }
    }
    text->at += used;
    text->length -= used;
    if (size == 0 || used != size || point < smallest[size] || point > 0x10FFFF) return 0xFFFD;
    return point >= 0xD800 && point < 0xE000 ? 0xFFFD : point;
}

bool utf8_is_valid(struct text text) {
    while (text.length > 0) {
        /* U+FFFD itself is a legal character, spelled EF BF BD. */
        struct text before = text;
        if (utf8_next(&text) == 0xFFFD && !text_starts(before, "\xEF\xBF\xBD")) return false;
    }
    return true;
}

wchar_t *text_to_wide(struct arena *arena, struct text text) {
    wchar_t *wide = arena_take(arena, (text.length + 1) * 2 * sizeof(wchar_t));
    size_t length = 0;
    while (text.length > 0) {
        uint32_t point = utf8_next(&text);
        if (point >= 0x10000) {
            wide[length++] = (wchar_t)(0xD7C0 + (point >> 10));
            wide[length++] = (wchar_t)(0xDC00 | (point & 0x3FF));
        } else {
            wide[length++] = (wchar_t)point;
        }
    }
    wide[length] = 0;
    return wide;
}

static void append_decimal(struct buffer *buffer, int64_t value) {
    char digits[20];
    size_t first = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) buffer_append(buffer, "-", 1);
    buffer_append(buffer, digits + first, sizeof(digits) - first);
}

static void append_unit(struct buffer *buffer, uint32_t unit) {
    char escape[6] = {'\\', 'u', hex_digits[unit >> 12 & 15], hex_digits[unit >> 8 & 15], hex_digits[unit >> 4 & 15],
                      hex_digits[unit & 15]};
    buffer_append(buffer, escape, sizeof(escape));
}

static void append_json_string(struct buffer *buffer, struct text text) {
    buffer_append(buffer, "\"", 1);
    while (text.length > 0) {
        uint32_t point = utf8_next(&text);
        if (point == '"' || point == '\\') {
            char escape[2] = {'\\', (char)point};
            buffer_append(buffer, escape, 2);
        } else if (point >= 0x20 && point < 0x7F) {
            char plain = (char)point;
            buffer_append(buffer, &plain, 1);
        } else if (point < 0x10000) {
            append_unit(buffer, point);
        } else {
            append_unit(buffer, 0xD7C0 + (point >> 10));
            append_unit(buffer, 0xDC00 | (point & 0x3FF));
        }
    }
    buffer_append(buffer, "\"", 1);
}

static void append_hex(struct buffer *buffer, const unsigned char *bytes, size_t length) {
    char *out = buffer_reserve(buffer, length * 2);
    for (size_t i = 0; i < length; i++) {
        *out++ = hex_digits[bytes[i] >> 4];
        *out++ = hex_digits[bytes[i] & 15];
    }
    buffer->length += length * 2;
}

static void append_text(struct buffer *buffer, struct text text) {
    buffer_append(buffer, text.at, text.length);
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    while (*format) {
        const char *plain = format;
        while (*format && *format != '%') format++;
        buffer_append(buffer, plain, (size_t)(format - plain));
        if (!*format) break;
        format++;
        switch (*format++) {
        case 's': append_text(buffer, text_from(va_arg(arguments, const char *))); break;
        case 't': append_text(buffer, va_arg(arguments, struct text)); break;
        case 'j': append_json_string(buffer, va_arg(arguments, struct text)); break;
        case 'u': append_decimal(buffer, va_arg(arguments, uint32_t)); break;
        case 'd': append_decimal(buffer, va_arg(arguments, int64_t)); break;
        case 'b': append_text(buffer, va_arg(arguments, int) ? LITERAL("true") : LITERAL("false")); break;
        case 'x': {
            const unsigned char *bytes = va_arg(arguments, const unsigned char *);
            append_hex(buffer, bytes, va_arg(arguments, size_t));
            break;
        }
        default: buffer_append(buffer, "%", 1); break;
        }
    }
    va_end(arguments);
}
