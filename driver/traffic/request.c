#include "request.h"

#include "clock.h"
#include "large.h"
#include "status.h"

#include <winioctl.h>

/* The system writes to all of it until the request is done, so it stays where it is. */
struct request {
    char *name;
    size_t name_length;
    HANDLE handle;
    OVERLAPPED *overlapped;
    struct buffer input, output;
    struct data target;
    void *bytes; /* where the system puts what is read */
};

void outcome_begin(struct outcome *outcome) {
    status_forget();
    outcome->t0 = clock_now();
}

void outcome_finish(struct outcome *outcome, BOOL ok) {
    /* The error first: asking for the time may change it. */
    outcome->error = ok ? 0 : GetLastError();
    outcome->status = ok ? 0 : status_last();
    outcome->t1 = clock_now();
    outcome->ok = ok;
}

void outcome_refuse(struct outcome *outcome, uint32_t error, const char *what) {
    outcome->t0 = outcome->t1 = clock_now();
    outcome->error = error;
    outcome->what = what;
}

void outcome_got(struct outcome *outcome, const struct data *target, const void *bytes) {
    /* A driver may claim more than there is room for; what it claims stays in `moved`. */
    outcome->has_data = data_is_real(target) && (outcome->ok || outcome->moved > 0);
    outcome->data = bytes;
    outcome->data_length = outcome->moved < target->length ? outcome->moved : target->length;
    large_tell(outcome, target);
}

BOOL request_call(const struct op *op, HANDLE handle, void *input, void *output, DWORD *moved, OVERLAPPED *overlapped) {
    if (op->kind == OP_WRITE) return WriteFile(handle, input, op->input.length, moved, overlapped);
    if (op->kind == OP_READ) return ReadFile(handle, output, op->output.length, moved, overlapped);
    return DeviceIoControl(handle, op->number, input, op->input.length, output, op->output.length, moved, overlapped);
}

static OVERLAPPED *overlapped_new(void) {
    OVERLAPPED *overlapped = memory_new(sizeof(*overlapped));
    overlapped->hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    return overlapped;
}

static void overlapped_free(OVERLAPPED *overlapped) {
    if (overlapped->hEvent) CloseHandle(overlapped->hEvent);
    memory_free(overlapped);
}

BOOL request_perform(const struct op *op, HANDLE handle, bool is_overlapped, void *input, void *output, DWORD *moved) {
    if (!is_overlapped) return request_call(op, handle, input, output, moved, NULL);
    OVERLAPPED *overlapped = overlapped_new();
    BOOL ok = request_call(op, handle, input, output, moved, overlapped);
    if (!ok && GetLastError() == ERROR_IO_PENDING) ok = GetOverlappedResult(handle, overlapped, moved, TRUE);
    DWORD error = GetLastError();
    overlapped_free(overlapped);
    SetLastError(error);
    return ok;
}

static struct request *find(struct requests *requests, struct text name) {
    for (size_t i = 0; i < requests->count; i++) {
        struct request *one = &requests->list[i];
        if (text_equal((struct text){one->name, one->name_length}, name)) return one;
    }
    return NULL;
}

static void forget(struct requests *requests, struct request *one) {
    overlapped_free(one->overlapped);
    buffer_free(&one->input);
    buffer_free(&one->output);
    memory_free(one->name);
    *one = requests->list[--requests->count];
}

static struct request *add(struct requests *requests, const struct op *op, HANDLE handle) {
    array_reserve((void **)&requests->list, &requests->capacity, requests->count, sizeof(requests->list[0]));
    struct request *one = &requests->list[requests->count++];
    *one = (struct request){.handle = handle, .target = op->output, .overlapped = overlapped_new()};
    /* The texts of an operation are gone before the request is done. */
    one->target.digest = one->target.path = (struct text){0};
    one->name = memory_new(op->request.length);
    one->name_length = op->request.length;
    memcpy(one->name, op->request.at, op->request.length);
    one->bytes = data_place(&op->output, &one->output);
    return one;
}

void request_begin(struct requests *requests, const struct op *op, HANDLE handle, struct outcome *outcome) {
    if (find(requests, op->request)) {
        outcome_refuse(outcome, ERROR_ALREADY_EXISTS, "a request of this name is under way: finish it first");
        return;
    }
    struct request *one = add(requests, op, handle);
    void *input = data_place(&op->input, &one->input);
    outcome_begin(outcome);
    outcome_finish(outcome, request_call(op, handle, input, one->bytes, NULL, one->overlapped));
    if (outcome->error && outcome->error != ERROR_IO_PENDING) forget(requests, one);
}

static struct request *expect_known(struct requests *requests, const struct op *op, struct outcome *outcome) {
    struct request *one = find(requests, op->request);
    if (!one) outcome_refuse(outcome, ERROR_NOT_FOUND, "no request of this name is under way");
    return one;
}

void request_cancel(struct requests *requests, const struct op *op, struct outcome *outcome) {
    struct request *one = expect_known(requests, op, outcome);
    if (!one) return;
    outcome_begin(outcome);
    outcome_finish(outcome, CancelIoEx(one->handle, one->overlapped));
}

void request_finish(struct requests *requests, const struct op *op, struct buffer *room, struct outcome *outcome) {
    struct request *one = expect_known(requests, op, outcome);
    DWORD moved = 0;
    if (!one) return;
    outcome_begin(outcome);
    /* The event is asked, not the handle, which may have been closed meanwhile. */
    outcome_finish(outcome, GetOverlappedResult(one->handle, one->overlapped, &moved, TRUE));
    outcome->moved = moved;
    outcome_got(outcome, &one->target, one->bytes);
    if (outcome->has_data && !outcome->is_large && outcome->data_length > 0) {
        room->length = 0;
        memcpy(buffer_reserve(room, outcome->data_length), one->bytes, outcome->data_length);
        outcome->data = room->at;
    }
    forget(requests, one);
}
