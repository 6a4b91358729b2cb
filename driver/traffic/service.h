/* Driver services, with the true Win32 error codes of the service control manager. */
#pragma once

#include "op.h"

struct service_result {
    uint32_t error;
    const char *part;  /* the last thing tried: create, configure, start, stop, delete, query */
    const char *state; /* running, stopped, ..., absent, unknown */
};

/* `path` is NULL for the actions without one. A stop or start that is still pending after `wait_ms` gives
 * ERROR_SERVICE_REQUEST_TIMEOUT. */
struct service_result service_perform(enum service_action action, const wchar_t *name, const wchar_t *path,
                                      uint32_t wait_ms);
