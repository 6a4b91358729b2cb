#include "memory.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* Without no_builtin clang would turn each loop into a call of the very function it implements. */
__attribute__((no_builtin("memcpy"))) void *memcpy(void *to, const void *from, size_t length) {
    void *result = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
    return result;
}

__attribute__((no_builtin("memmove"))) void *memmove(void *to, const void *from, size_t length) {
    char *target = to;
    const char *source = from;
    if (target <= source || target >= source + length) return memcpy(to, from, length);
    while (length-- > 0) target[length] = source[length];
    return to;
}

__attribute__((no_builtin("memset"))) void *memset(void *to, int value, size_t length) {
    void *result = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(value) : "memory");
    return result;
}

__attribute__((no_builtin("memcmp"))) int memcmp(const void *a, const void *b, size_t length) {
    const unsigned char *left = a, *right = b;
    for (size_t i = 0; i < length; i++) {
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    }
    return 0;
}

static __attribute__((noreturn)) void out_of_memory(void) {
    static const char message[] = "traffic: out of memory\n";
    DWORD written;
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), message, sizeof(message) - 1, &written, NULL);
    TerminateProcess(GetCurrentProcess(), 1);
    for (;;) Sleep(INFINITE);
}

void *memory_new(size_t length) {
    void *block = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, length);
    if (!block) out_of_memory();
    return block;
}

void *memory_grow(void *block, size_t length) {
    if (!block) return memory_new(length);
    block = HeapReAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, block, length);
    if (!block) out_of_memory();
    return block;
}

void memory_free(void *block) {
    if (block) HeapFree(GetProcessHeap(), 0, block);
}

void array_reserve(void **array, size_t *capacity, size_t count, size_t element) {
    if (count < *capacity) return;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    while (wanted <= count) wanted *= 2;
    *array = memory_grow(*array, wanted * element);
    *capacity = wanted;
}

char *buffer_reserve(struct buffer *buffer, size_t more) {
    size_t needed = buffer->length + more;
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < needed) capacity *= 2;
        buffer->at = memory_grow(buffer->at, capacity);
        buffer->capacity = capacity;
    }
    return buffer->at + buffer->length;
}

char *buffer_room(struct buffer *buffer, size_t length) {
    const size_t usual = 64 * 1024;
    if (buffer->capacity < length) {
        buffer_free(buffer);
        buffer->capacity = length > usual ? length : usual;
        buffer->at = memory_new(buffer->capacity);
    }
    buffer->length = 0;
    return buffer->at;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
    memcpy(buffer_reserve(buffer, length), bytes, length);
    buffer->length += length;
}

void buffer_drop_front(struct buffer *buffer, size_t length) {
    memmove(buffer->at, buffer->at + length, buffer->length - length);
    buffer->length -= length;
}

void buffer_free(struct buffer *buffer) {
    memory_free(buffer->at);
    *buffer = (struct buffer){0};
}

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t capacity;
    char bytes[];
};

void *arena_take(struct arena *arena, size_t length) {
    const size_t usual = 64 * 1024 - sizeof(struct arena_block);
    struct arena_block *block = arena->block;
    length = (length + 15) & ~(size_t)15;
    if (!block || block->capacity - block->used < length) {
        size_t capacity = length > usual ? length : usual;
        block = memory_new(sizeof(*block) + capacity);
        block->capacity = capacity;
        block->next = arena->block;
        arena->block = block;
    }
    void *piece = block->bytes + block->used;
    block->used += length;
    return piece;
}

void arena_reset(struct arena *arena) {
    while (arena->block) {
        struct arena_block *next = arena->block->next;
        memory_free(arena->block);
        arena->block = next;
    }
}
