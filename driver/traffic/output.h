/* The conductor's stdout: whole lines, one writer at a time. */
#pragma once

#include "memory.h"

/* `on_lost` is called, and must not return, when stdout cannot be written to any more. */
void output_start(void (*on_lost)(void));
/* Whole lines, in one go; together with what follows within 200 ms. */
void output_write(const char *lines, size_t length);
/* The same from a buffer, which is empty afterwards. */
void output_flush(struct buffer *lines);
/* As output_flush, but at once, and gives up (false) when another writer is stuck for `wait_ms`. */
bool output_flush_within(struct buffer *lines, unsigned wait_ms);
/* As output_flush_within, and whatever comes later is dropped: these lines are the last. */
bool output_finish_within(struct buffer *lines, unsigned wait_ms);
