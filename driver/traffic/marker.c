#include "marker.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* A DbgPrint of Windows holds 512 bytes: a marker never comes in pieces. */
#define LENGTH_MAX 400u

static bool enabled;

void marker_enable(void) {
    enabled = true;
}

static void format_name(struct buffer *marker, const char *field, const struct text *name) {
    buffer_format(marker, "\"%s\":", field);
    if (name) {
        buffer_format(marker, "%j,", *name);
    } else {
        buffer_format(marker, "null,");
    }
}

static void tell(const struct text *step, const struct text *actor, uint32_t pid, const char *edge) {
    struct buffer marker = {0};
    if (!enabled) return;
    buffer_format(&marker, "\x01lab {");
    format_name(&marker, "step", step);
    format_name(&marker, "actor", actor);
    buffer_format(&marker, "\"pid\":%u,\"edge\":\"%s\"}\n", pid, edge);
    bool fits = marker.length <= LENGTH_MAX;
    buffer_append(&marker, "", 1);
    /* Without a debugger of this process's own it reaches the kernel's, as a DbgPrint does. */
    if (fits) OutputDebugStringA(marker.at);
    buffer_free(&marker);
}

void marker_step(struct text step, const struct text *actor, uint32_t pid, const char *edge) {
    tell(&step, actor, pid, edge);
}

void marker_process(struct text actor, uint32_t pid) {
    tell(NULL, &actor, pid, "process");
}
