/* Pieces of text: tokens of a script, numbers, UTF-8, and a small formatter for messages and events. */
#pragma once

#include "memory.h"

struct text {
    const char *at;
    size_t length;
};

#define LITERAL(literal) ((struct text){literal, sizeof(literal) - 1})

bool text_is(struct text text, const char *literal);
bool text_equal(struct text a, struct text b);
bool text_starts(struct text text, const char *literal);
struct text text_from(const char *string);

/* Decimal digits, at most `most`. */
bool text_decimal(struct text text, uint32_t most, uint32_t *value);
/* 0x and one to eight hex digits. */
bool text_hexadecimal(struct text text, uint32_t *value);
bool text_decimal_64(struct text text, uint64_t *value);
/* 0 to 15, or -1. */
int hex_digit(char digit);

/* Cuts the next token (up to a space) off `rest`. False at the end of the line. */
bool token_next(struct text *rest, struct text *token);
/* NULL, or what would be right. */
const char *token_fault(struct text raw);
/* %XX undone; `%` alone is the empty token. The result is the token itself where nothing was to undo. */
struct text token_decode(struct arena *arena, struct text raw);

/* One code point from `*text`, which gets shorter; 0xFFFD for what is not UTF-8. */
uint32_t utf8_next(struct text *text);
bool utf8_is_valid(struct text text);
/* A NUL-terminated UTF-16 string in the arena. */
wchar_t *text_to_wide(struct arena *arena, struct text text);

/* Appends: %s C string, %t struct text, %j struct text as a JSON string, %u uint32_t, %d int64_t, %b bool,
 * %x pointer and size_t: bytes as hex. */
void buffer_format(struct buffer *buffer, const char *format, ...);
