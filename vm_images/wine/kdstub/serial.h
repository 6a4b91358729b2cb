/* The serial line to the host: a tty device, or a descriptor that was inherited. Never blocks. */
#ifndef KDSTUB_SERIAL_H
#define KDSTUB_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `name` is a path or "fd:N". Returns a descriptor, or -1 with errno set. */
int serial_open(const char *name);
/* Bytes read or written, 0 if there is nothing to do now, -1 if the line is gone. */
long serial_read(int fd, uint8_t *to, size_t size);
long serial_write(int fd, const uint8_t *from, size_t length);
/* Whether everything written has really left. */
bool serial_is_idle(int fd);

#endif
