#include "device.h"

#include "clock.h"

struct device_handle {
    char *name;
    size_t name_length;
    HANDLE handle;
    bool is_overlapped;
};

static struct device_handle *find(struct device_handles *handles, struct text name) {
    for (size_t i = handles->count; i-- > 0;) {
        struct device_handle *one = &handles->list[i];
        if (text_equal((struct text){one->name, one->name_length}, name)) return one;
    }
    return NULL;
}

static void keep(struct device_handles *handles, struct text name, HANDLE handle, bool is_overlapped) {
    array_reserve((void **)&handles->list, &handles->capacity, handles->count, sizeof(handles->list[0]));
    struct device_handle *one = &handles->list[handles->count++];
    one->name = memory_new(name.length);
    memcpy(one->name, name.at, name.length);
    one->name_length = name.length;
    one->handle = handle;
    one->is_overlapped = is_overlapped;
}

static void forget(struct device_handles *handles, struct device_handle *one) {
    memory_free(one->name);
    *one = handles->list[--handles->count];
}

static void perform_open(struct device_handles *handles, const struct op *op, struct outcome *outcome) {
    struct arena arena = {0};
    if (find(handles, op->handle)) {
        outcome_refuse(outcome, ERROR_ALREADY_EXISTS, "this handle is open: close it first");
        return;
    }
    const wchar_t *path = text_to_wide(&arena, op->path);
    outcome_begin(outcome);
    HANDLE handle = CreateFileW(path, op->number, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                                op->is_overlapped ? FILE_FLAG_OVERLAPPED : FILE_ATTRIBUTE_NORMAL, NULL);
    outcome_finish(outcome, handle != INVALID_HANDLE_VALUE);
    if (outcome->ok) keep(handles, op->handle, handle, op->is_overlapped);
    arena_reset(&arena);
}

static void perform_transfer(struct device_handles *handles, const struct op *op, const struct device_handle *one,
                             struct outcome *outcome) {
    void *input = data_place(&op->input, &handles->input);
    void *output = data_place(&op->output, &handles->output);
    DWORD moved = 0;
    outcome_begin(outcome);
    outcome_finish(outcome, request_perform(op, one->handle, one->is_overlapped, input, output, &moved));
    outcome->moved = moved;
    if (op->kind != OP_WRITE) outcome_got(outcome, &op->output, output);
}

static void perform_with_handle(struct device_handles *handles, const struct op *op, struct outcome *outcome) {
    struct device_handle *one = find(handles, op->handle);
    if (!one) {
        outcome_refuse(outcome, ERROR_INVALID_HANDLE, "this handle is not open");
    } else if (op->request.length > 0) {
        request_begin(&handles->requests, op, one->handle, outcome);
    } else if (op->kind == OP_FLUSH) {
        outcome_begin(outcome);
        outcome_finish(outcome, FlushFileBuffers(one->handle));
    } else if (op->kind == OP_CLOSE) {
        outcome_begin(outcome);
        outcome_finish(outcome, CloseHandle(one->handle));
        forget(handles, one);
    } else {
        perform_transfer(handles, op, one, outcome);
    }
}

void device_perform(struct device_handles *handles, const struct op *op, struct outcome *outcome) {
    *outcome = (struct outcome){0};
    switch (op->kind) {
    case OP_OPEN: perform_open(handles, op, outcome); break;
    case OP_CANCEL: request_cancel(&handles->requests, op, outcome); break;
    case OP_FINISH: request_finish(&handles->requests, op, &handles->output, outcome); break;
    default: perform_with_handle(handles, op, outcome); break;
    }
}
