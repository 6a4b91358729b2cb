/* Opens what the command line names. */
#ifndef KDSTUB_DESCRIPTOR_H
#define KDSTUB_DESCRIPTOR_H

/* "fd:N" is an inherited descriptor, anything else a path. Non-blocking; -1 with errno set on failure. */
int descriptor_open(const char *name, int flags);

#endif
