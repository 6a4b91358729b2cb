/* Lines and bytes over pipes and files. */
#pragma once

#include "text.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* 0, or the Win32 error. */
uint32_t pipe_write(HANDLE pipe, const void *bytes, size_t length);

struct pipe_reader {
    HANDLE pipe;
    struct buffer buffer;
    size_t used; /* bytes at the front that were handed out */
};

/* Reads once, whatever comes, behind the unused rest. False at the end or on an error. */
bool pipe_read_more(struct pipe_reader *reader);
/* The next complete line without its LF, if the buffer holds one; valid until the next read. */
bool pipe_take_line(struct pipe_reader *reader, struct text *line);
/* Reads as often as a line needs. */
bool pipe_read_line(struct pipe_reader *reader, struct text *line);
/* Reads to the end; ERROR_FILE_TOO_LARGE beyond `most` bytes. 0, or the Win32 error. */
uint32_t pipe_read_all(HANDLE pipe, size_t most, struct buffer *content);
