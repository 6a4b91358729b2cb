#include "event.h"

void event_hello(struct buffer *buffer, uint32_t pid) {
    buffer_format(buffer, "{\"e\":\"hello\",\"v\":1,\"pid\":%u}\n", pid);
}

static void format_subject(struct buffer *buffer, const struct op *op) {
    switch (op->kind) {
    case OP_SERVICE:
        buffer_format(buffer, ",\"action\":\"%s\",\"name\":%j", service_action_name((enum service_action)op->number),
                      op->handle);
        break;
    case OP_BARRIER: buffer_format(buffer, ",\"name\":%j", op->handle); break;
    case OP_KILL:
        if (op->handle.length > 0) buffer_format(buffer, ",\"target\":%j", op->handle);
        break;
    default:
        if (op->handle.length > 0) buffer_format(buffer, ",\"handle\":%j", op->handle);
        break;
    }
}

void event_op(struct buffer *buffer, const struct op *op, struct text actor, uint32_t pid,
              const struct outcome *outcome) {
    buffer_format(buffer, "{\"e\":\"op\",\"id\":%j,\"actor\":%j,\"pid\":%u,\"op\":\"%s\"", op->id, actor, pid,
                  op_name(op->kind));
    format_subject(buffer, op);
    buffer_format(buffer, ",\"t0\":%d,\"t1\":%d,\"ok\":%b,\"err\":%u,\"n\":%u", outcome->t0, outcome->t1, outcome->ok,
                  outcome->error, outcome->moved);
    if (outcome->status) buffer_format(buffer, ",\"status\":%u", outcome->status);
    if (outcome->is_large) {
        buffer_format(buffer, ",\"sha256\":\"%x\"", outcome->digest, (size_t)SHA256_BYTES);
        if (outcome->is_kept) buffer_format(buffer, ",\"kept\":true");
    } else if (outcome->has_data) {
        buffer_format(buffer, ",\"data\":\"%x\"", outcome->data, outcome->data_length);
    }
    if (outcome->has_code) buffer_format(buffer, ",\"code\":%u", outcome->code);
    if (outcome->part) buffer_format(buffer, ",\"part\":\"%s\"", outcome->part);
    if (outcome->state) buffer_format(buffer, ",\"state\":\"%s\"", outcome->state);
    if (outcome->has_verified) buffer_format(buffer, ",\"verified\":%u", outcome->verified);
    if (outcome->what) buffer_format(buffer, ",\"what\":%j", text_from(outcome->what));
    if (outcome->gone) buffer_format(buffer, ",\"gone\":true");
    if (outcome->skipped) buffer_format(buffer, ",\"skipped\":true");
    buffer_append(buffer, "}\n", 2);
}

void event_exit(struct buffer *buffer, struct text actor, uint32_t pid, uint32_t code, int64_t t, bool expected) {
    buffer_format(buffer, "{\"e\":\"exit\",\"actor\":%j,\"pid\":%u,\"code\":%u,\"t\":%d,\"expected\":%b}\n", actor, pid,
                  code, t, expected);
}

void event_out(struct buffer *buffer, struct text actor, int64_t t, bool is_stderr, const void *bytes, size_t length) {
    buffer_format(buffer, "{\"e\":\"out\",\"actor\":%j,\"t\":%d,\"data\":\"%x\"%s}\n", actor, t, bytes, length,
                  is_stderr ? ",\"stream\":\"err\"" : "");
}

void event_turn(struct buffer *buffer, struct text block, struct text actor, struct text id, enum turn_event what) {
    buffer_format(buffer, "{\"e\":\"turn\",\"block\":%j,\"actor\":%j,\"id\":%j,\"what\":\"%s\"}\n", block, actor, id,
                  turn_event_name(what));
}

void event_error(struct buffer *buffer, const struct text *id, unsigned line, struct text what) {
    buffer_format(buffer, "{\"e\":\"error\",\"id\":");
    if (id) {
        buffer_format(buffer, "%j", *id);
    } else {
        buffer_format(buffer, "null");
    }
    buffer_format(buffer, ",\"line\":%u,\"what\":%j}\n", line, what);
}

void event_done(struct buffer *buffer, bool ok) {
    buffer_format(buffer, "{\"e\":\"done\",\"ok\":%b}\n", ok);
}
