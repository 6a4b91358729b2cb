#include "pipe.h"

#define CHUNK (64u * 1024u)

uint32_t pipe_write(HANDLE pipe, const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        DWORD part = length > 0x10000000 ? 0x10000000 : (DWORD)length, written = 0;
        if (!WriteFile(pipe, at, part, &written, NULL)) return GetLastError();
        if (written == 0) return ERROR_WRITE_FAULT;
        at += written;
        length -= written;
    }
    return 0;
}

static void compact(struct pipe_reader *reader) {
    /* Moving the rest for every line of a full buffer would be quadratic: only when most of it is used. */
    if (reader->used == 0 || reader->used < reader->buffer.length / 2) return;
    buffer_drop_front(&reader->buffer, reader->used);
    reader->used = 0;
}

bool pipe_read_more(struct pipe_reader *reader) {
    DWORD got = 0;
    compact(reader);
    char *room = buffer_reserve(&reader->buffer, CHUNK);
    for (;;) {
        if (!ReadFile(reader->pipe, room, CHUNK, &got, NULL)) return false;
        /* A pipe whose writer wrote zero bytes gives an empty read that is not the end; a file at its end does too. */
        if (got > 0) break;
        if (GetFileType(reader->pipe) != FILE_TYPE_PIPE) return false;
    }
    reader->buffer.length += got;
    return true;
}

static bool find_line(struct pipe_reader *reader, size_t from, struct text *line) {
    const struct buffer *buffer = &reader->buffer;
    for (size_t i = from; i < buffer->length; i++) {
        if (buffer->at[i] != '\n') continue;
        *line = (struct text){buffer->at + reader->used, i - reader->used};
        reader->used = i + 1;
        return true;
    }
    return false;
}

bool pipe_take_line(struct pipe_reader *reader, struct text *line) {
    return find_line(reader, reader->used, line);
}

bool pipe_read_line(struct pipe_reader *reader, struct text *line) {
    size_t searched = 0; /* of the unused rest: a line of megabytes is searched once */
    while (!find_line(reader, reader->used + searched, line)) {
        searched = reader->buffer.length - reader->used;
        if (!pipe_read_more(reader)) return false;
    }
    return true;
}

uint32_t pipe_read_all(HANDLE pipe, size_t most, struct buffer *content) {
    for (;;) {
        DWORD got = 0;
        char *room = buffer_reserve(content, CHUNK);
        if (!ReadFile(pipe, room, CHUNK, &got, NULL)) {
            DWORD error = GetLastError();
            return error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF ? 0 : error;
        }
        if (got == 0) return 0;
        content->length += got;
        if (content->length > most) return ERROR_FILE_TOO_LARGE;
    }
}
