#include "target.h"

#include <string.h>

void target_init(struct target *target, int carrier, int timeout, int tries, unsigned build)
{
    memset(target, 0, sizeof *target);
    link_init(&target->link, timeout, tries);
    records_init(&target->records, carrier);
    target->build = build;
}

static void stop(struct target *target, enum target_state state)
{
    target->state = state;
    target->announce = true;
}

static void resume(struct target *target)
{
    target->state = TARGET_RUNNING;
    target->announce = false;
}

static void forget_text(struct target *target)
{
    target->text_length = 0;
    target->stop_after_text = false;
}

/* --- what the host says --- */

static void handle_request(struct target *target, const uint8_t *request, size_t length)
{
    switch (message_api(request, length)) {
    case API_CONTINUE:
    case API_CONTINUE2:
        /* Without effect on a stop that the host cannot have seen. */
        if (!target->announce)
            resume(target);
        return;
    case API_GET_VERSION:
        target->reply_length = message_version(target->reply, request, length, target->build);
        return;
    default:
        target->reply_length = message_refusal(target->reply, request, length);
    }
}

/* While a crash or a module stops the target it is remembered: another driver host may go on printing. */
static void handle_break_in(struct target *target)
{
    if (target->state == TARGET_AT_BREAK_IN || target->break_in)
        return;
    target->break_in = true;
    target->break_in_at = records_written(&target->records);
}

static void handle_reset(struct target *target)
{
    target->reply_length = 0;
    if (target->state != TARGET_RUNNING && !target->link.pending)
        target->announce = true;
}

void target_handle(struct target *target, enum link_event event, const struct link_data *data)
{
    switch (event) {
    case LINK_DATA:
        if (data->type == PACKET_STATE_MANIPULATE)
            handle_request(target, data->payload, data->length);
        break;
    case LINK_BREAK_IN:
        handle_break_in(target);
        break;
    case LINK_RESET:
        handle_reset(target);
        break;
    case LINK_LOST:
        forget_text(target);
        target->break_in = false;
        resume(target);
        break;
    case LINK_ACKED:
    case LINK_NOTHING:
        break;
    }
}

/* --- what the target says --- */

static void send_text(struct target *target)
{
    uint8_t message[16 + PRINT_MAX];
    size_t piece = target->text_length < PRINT_MAX ? target->text_length : PRINT_MAX;
    size_t length = message_print(message, target->text, piece);
    link_send(&target->link, PACKET_DEBUG_IO, message, length, true);
    target->text += piece;
    target->text_length -= piece;
}

static void send_stop(struct target *target)
{
    /* NT repeats an exception for ever; here a host that has gone must not keep the next driver host waiting. */
    bool droppable = target->state == TARGET_AT_MODULE || target->state == TARGET_AT_EXCEPTION;
    link_send(&target->link, PACKET_STATE_CHANGE64, target->stop, target->stop_length, droppable);
    target->announce = false;
}

/* Text, then the stop. */
static void begin_bugcheck(struct target *target, const struct bugcheck *bugcheck)
{
    target->text = (const uint8_t *)target->bugcheck_text;
    target->text_length = message_bugcheck_text(target->bugcheck_text, sizeof target->bugcheck_text, bugcheck);
    target->stop_after_text = true;
}

static void begin_record(struct target *target, const struct record *record)
{
    switch (record->kind) {
    case RECORD_PRINT:
        target->text = record->text;
        target->text_length = record->length;
        break;
    case RECORD_MODULE:
        target->stop_length = message_module(target->stop, &record->module);
        stop(target, TARGET_AT_MODULE);
        break;
    case RECORD_EXCEPTION:
        target->stop_length = message_exception(target->stop, &record->exception);
        stop(target, TARGET_AT_EXCEPTION);
        begin_bugcheck(target, &record->bugcheck);
        break;
    case RECORD_BUGCHECK:
        begin_bugcheck(target, &record->bugcheck);
        break;
    }
}

static void stop_at_breakpoint(struct target *target, enum target_state state)
{
    target->stop_length = message_breakpoint(target->stop);
    stop(target, state);
}

/* Returns false if there is nothing to do before something comes in. */
static bool take_record(struct target *target)
{
    struct record record;
    bool due = target->break_in && records_taken(&target->records) >= target->break_in_at;
    if (!due && records_next(&target->records, &record)) {
        /* With nobody there a target neither prints nor stops. */
        if (target->link.present)
            begin_record(target, &record);
        return true;
    }
    /* A record of which only the beginning was there at the break-in is printed after the stop. */
    if (due || (target->break_in && records_read(&target->records) >= target->break_in_at)) {
        target->break_in = false;
        stop_at_breakpoint(target, TARGET_AT_BREAK_IN);
        return true;
    }
    return false;
}

static bool step(struct target *target)
{
    if (target->reply_length) {
        link_send(&target->link, PACKET_STATE_MANIPULATE, target->reply, target->reply_length, false);
        target->reply_length = 0;
    } else if (target->announce) {
        send_stop(target);
    } else if (target->state != TARGET_RUNNING) {
        return false;
    } else if (target->text_length) {
        send_text(target);
    } else if (target->stop_after_text) {
        target->stop_after_text = false;
        stop_at_breakpoint(target, TARGET_AT_BUGCHECK);
    } else {
        return take_record(target);
    }
    return true;
}

void target_run(struct target *target)
{
    while (!target->link.pending && step(target))
        ;
}

bool target_is_hungry(const struct target *target)
{
    return target->state == TARGET_RUNNING && !target->link.pending && !target->text_length;
}
