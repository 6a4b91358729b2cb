/* Driver services, with the true Win32 error codes of the service control manager. */
#pragma once

#include "op.h"

struct service_result {
    uint32_t error;
    const char *part;  /* the last thing tried: create, configure, start, stop, delete, query */
    const char *state; /* running, stopped, ..., absent, unknown */
    bool has_verified; /* Driver Verifier was told, and the driver started */
    uint32_t verified; /* what is in force for it */
};

/* `path` is NULL for the actions without one. A stop or start that is still pending after `wait_ms` gives
 * ERROR_SERVICE_REQUEST_TIMEOUT. With `verifier`, which may be NULL, a reload tells Driver Verifier before it starts. */
struct service_result service_perform(enum service_action action, const wchar_t *name, const wchar_t *path,
                                      const struct verifier *verifier, uint32_t wait_ms);
