/* Memory without a C runtime: the four functions a compiler may call, a growable buffer, an arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

/* Zeroed memory. A program that reports what it sees cannot go on without memory: these end the process
 * with exit code 1 and a line on stderr instead of returning NULL. */
void *memory_new(size_t length);
void *memory_grow(void *block, size_t length);
void memory_free(void *block);

/* Makes `*array` hold at least `count + 1` elements. */
void array_reserve(void **array, size_t *capacity, size_t count, size_t element);

struct buffer {
    char *at;
    size_t length;
    size_t capacity;
};

/* Room for `more` bytes behind the content; the caller then raises `length` itself. */
char *buffer_reserve(struct buffer *buffer, size_t more);
/* Room for `length` bytes in place of the content, and not much more. */
char *buffer_room(struct buffer *buffer, size_t length);
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_drop_front(struct buffer *buffer, size_t length);
void buffer_free(struct buffer *buffer);

/* Many small pieces that live until the arena is reset. */
struct arena {
    struct arena_block *block;
};

void *arena_take(struct arena *arena, size_t length);
void arena_reset(struct arena *arena);
