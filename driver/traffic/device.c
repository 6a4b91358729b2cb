#include "device.h"

#include "clock.h"
#include "status.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winioctl.h>

struct device_handle {
    char *name;
    size_t name_length;
    HANDLE handle;
};

static struct device_handle *find(struct device_handles *handles, struct text name) {
    for (size_t i = handles->count; i-- > 0;) {
        struct device_handle *one = &handles->list[i];
        if (text_equal((struct text){one->name, one->name_length}, name)) return one;
    }
    return NULL;
}

static void keep(struct device_handles *handles, struct text name, HANDLE handle) {
    array_reserve((void **)&handles->list, &handles->capacity, handles->count, sizeof(handles->list[0]));
    struct device_handle *one = &handles->list[handles->count++];
    one->name = memory_new(name.length);
    memcpy(one->name, name.at, name.length);
    one->name_length = name.length;
    one->handle = handle;
}

static void forget(struct device_handles *handles, struct device_handle *one) {
    memory_free(one->name);
    *one = handles->list[--handles->count];
}

static void begin(struct outcome *outcome) {
    status_forget();
    outcome->t0 = clock_now();
}

static void finish(struct outcome *outcome, BOOL ok) {
    /* The error first: asking for the time may change it. */
    outcome->error = ok ? 0 : GetLastError();
    outcome->status = ok ? 0 : status_last();
    outcome->t1 = clock_now();
    outcome->ok = ok;
}

static void refuse(struct outcome *outcome, uint32_t error, const char *what) {
    outcome->t0 = outcome->t1 = clock_now();
    outcome->error = error;
    outcome->what = what;
}

static void perform_open(struct device_handles *handles, const struct op *op, struct outcome *outcome) {
    struct arena arena = {0};
    if (find(handles, op->handle)) {
        refuse(outcome, ERROR_ALREADY_EXISTS, "this handle is open: close it first");
        return;
    }
    const wchar_t *path = text_to_wide(&arena, op->path);
    begin(outcome);
    HANDLE handle = CreateFileW(path, op->number, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                                FILE_ATTRIBUTE_NORMAL, NULL);
    finish(outcome, handle != INVALID_HANDLE_VALUE);
    if (outcome->ok) keep(handles, op->handle, handle);
    arena_reset(&arena);
}

static void got(struct outcome *outcome, const struct data *target, const void *bytes) {
    /* A driver may claim more than there is room for; what it claims stays in `moved`. */
    outcome->has_data = data_is_real(target) && (outcome->ok || outcome->moved > 0);
    outcome->data = bytes;
    outcome->data_length = outcome->moved < target->length ? outcome->moved : target->length;
}

static void perform_write(struct device_handles *handles, const struct op *op, HANDLE handle, struct outcome *outcome) {
    const void *bytes = data_place(&op->input, &handles->input);
    DWORD moved = 0;
    begin(outcome);
    finish(outcome, WriteFile(handle, bytes, op->input.length, &moved, NULL));
    outcome->moved = moved;
}

static void perform_read(struct device_handles *handles, const struct op *op, HANDLE handle, struct outcome *outcome) {
    void *bytes = data_place(&op->output, &handles->output);
    DWORD moved = 0;
    begin(outcome);
    finish(outcome, ReadFile(handle, bytes, op->output.length, &moved, NULL));
    outcome->moved = moved;
    got(outcome, &op->output, bytes);
}

static void perform_ioctl(struct device_handles *handles, const struct op *op, HANDLE handle, struct outcome *outcome) {
    void *input = data_place(&op->input, &handles->input);
    void *output = data_place(&op->output, &handles->output);
    DWORD moved = 0;
    begin(outcome);
    finish(outcome, DeviceIoControl(handle, op->number, input, op->input.length, output, op->output.length, &moved,
                                    NULL));
    outcome->moved = moved;
    got(outcome, &op->output, output);
}

void device_perform(struct device_handles *handles, const struct op *op, struct outcome *outcome) {
    *outcome = (struct outcome){0};
    if (op->kind == OP_OPEN) {
        perform_open(handles, op, outcome);
        return;
    }
    struct device_handle *one = find(handles, op->handle);
    if (!one) {
        refuse(outcome, ERROR_INVALID_HANDLE, "this handle is not open");
        return;
    }
    if (op->kind == OP_WRITE) {
        perform_write(handles, op, one->handle, outcome);
    } else if (op->kind == OP_READ) {
        perform_read(handles, op, one->handle, outcome);
    } else if (op->kind == OP_IOCTL) {
        perform_ioctl(handles, op, one->handle, outcome);
    } else if (op->kind == OP_FLUSH) {
        begin(outcome);
        finish(outcome, FlushFileBuffers(one->handle));
    } else {
        begin(outcome);
        finish(outcome, CloseHandle(one->handle));
        forget(handles, one);
    }
}
