#define _GNU_SOURCE
#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"

enum { MANUALLY_INITIATED_CRASH = 0xE2, CRITICAL_PROCESS_DIED = 0xEF };

void target_init(struct target *target, int carrier, int timeout, int tries, unsigned build, const char *dump)
{
    memset(target, 0, sizeof *target);
    link_init(&target->link, timeout, tries);
    records_init(&target->records, carrier);
    view_clear(&target->view);
    target->death.build = build;
    target->dump = dump;
}

/* --- stopping and going on --- */

static void announce(struct target *target, const struct exception *exception)
{
    struct place place = view_place(&target->view, target->view.current);
    struct exception placed = *exception;
    if (!placed.address)
        placed.address = place.pc;
    if (!target->view.host)
        place.pc = placed.address;
    target->stop_length = message_exception(target->stop, &placed, &place);
    target->announce = true;
}

/* A kernel takes away breakpoints of its own around the place where it stops. */
static void clear_breakpoints_here(struct target *target)
{
    uint8_t context[CONTEXT_SIZE];
    if (view_context(&target->view, 0, context))
        breakpoints_clear_range(&target->hosts.breakpoints, &target->view.host->process,
                                get_u64(context + CONTEXT_RIP), sizeof((struct place *)0)->code);
}

static void stop(struct target *target, enum target_state state, const struct exception *exception)
{
    target->state = state;
    target->view.current = 0;
    clear_breakpoints_here(target);
    announce(target, exception);
}

static void stop_with_status(struct target *target, enum target_state state, enum break_status status)
{
    struct exception exception = {
        .code = (uint32_t)STATUS_BREAKPOINT, .first_chance = true, .parameter_count = 2, .parameters = {0, status}};
    stop(target, state, &exception);
}

static void mark_traps(struct target *target)
{
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        struct host *host = &target->hosts.entries[i];
        if (host->has_trapped && !host->trapped_at)
            host->trapped_at = records_written(&target->records);
    }
}

static bool freeze(struct target *target, struct host *host)
{
    bool frozen = hosts_freeze(&target->hosts, host);
    mark_traps(target);
    return frozen;
}

/* The driver hosts run, except one that is to stop at once again. */
static void thaw(struct target *target, bool stepping)
{
    struct host *host = target->view.host;
    view_clear(&target->view);
    if (!host)
        return;
    if (target->kill) {
        host->ending = true;
        kill(host->process.pid, SIGKILL);
    }
    target->kill = false;
    bool again = (target->break_in && host == target->debuggee) || (host->has_trapped && !stepping);
    if (!again)
        hosts_thaw(&target->hosts, host);
}

static void let_go(struct target *target, bool handled)
{
    if (target->view.host && target->hold)
        hold_release(target->view.host, target->hold, handled);
    target->hold = 0;
}

static void forget_text(struct target *target)
{
    target->text_length = 0;
    target->stop_after_text = false;
}

static void resume(struct target *target, bool handled, bool stepping)
{
    bool at_exception = target->state == TARGET_AT_EXCEPTION;
    target->announce = false;
    target->state = TARGET_RUNNING;
    if (at_exception && handled && target->hold) {
        target->view.host->ending = target->dies = false;
        forget_text(target);
    }
    /* The bugcheck that follows is another stop of the same. */
    if (target->stop_after_text)
        return;
    if (target->dies && target->view.host) {
        target->burial = true;
        return;
    }
    target->dies = false;
    let_go(target, at_exception && handled);
    thaw(target, stepping);
}

void target_bury(struct target *target)
{
    if (!target->burial)
        return;
    if (target->dump && !dump_write(&target->view, &target->death, target->dump))
        fprintf(stderr, "kdstub: cannot write the dump %s: %s\n", target->dump, strerror(errno));
    target->dies = target->burial = false;
    let_go(target, false);
    thaw(target, false);
}

/* --- what the host says --- */

static void go_on(struct target *target, const struct request *request)
{
    bool handled = (get_u32(request->head + 16) & 0x80000000) == 0;
    bool stepping = request->api == API_CONTINUE2 && get_u32(request->head + 20) && !target->hold &&
                    target->state != TARGET_RUNNING;
    /* Without effect on a stop that the host cannot have seen. */
    if (target->announce || target->state == TARGET_RUNNING)
        return;
    if (stepping && target->view.host) {
        const struct view *view = &target->view;
        struct place place = view_place(view, view->current);
        stepping = process_step(&view->host->process, view->thread[view->current], place.pc,
                                view_is_inside(view, view->current));
    }
    resume(target, handled, stepping);
}

static void switch_processor(struct target *target, unsigned processor)
{
    struct exception exception = {.code = (uint32_t)STATUS_WAKE_DEBUGGER, .first_chance = true};
    if (processor < target->view.processors)
        target->view.current = processor;
    announce(target, &exception);
}

static void begin_bugcheck(struct target *target, const struct bugcheck *bugcheck);

/* The host of the view is about to die. */
static void begin_death(struct target *target, const struct exception *exception, const struct bugcheck *bugcheck)
{
    target->dies = true;
    target->death.bugcheck = *bugcheck;
    target->death.bugcheck.driver_length = 0; /* the record that has the name will be gone */
    target->death.exception = exception ? *exception : (struct exception){0};
}

static bool cause_bugcheck(struct target *target)
{
    struct host *host = target->view.host;
    struct bugcheck bugcheck = {.code = MANUALLY_INITIATED_CRASH};
    uint8_t data[40] = {MANUALLY_INITIATED_CRASH};
    if (!host)
        return false;
    if (host->landmarks.bugcheck_data)
        process_write(&host->process, host->landmarks.bugcheck_data, data, sizeof data);
    target->kill = true;
    target->state = TARGET_RUNNING;
    begin_death(target, NULL, &bugcheck);
    begin_bugcheck(target, &bugcheck);
    return true;
}

/* init restarts the machine in order. */
static bool reboot(struct target *target)
{
    return target->is_machine && kill(1, SIGTERM) == 0;
}

static void handle_request(struct target *target, const struct link_data *data)
{
    struct request request = request_of(data->payload, data->length);
    bool stopped = target->state != TARGET_RUNNING && !target->announce;
    bool done = false;
    switch (request.api) {
    case API_CONTINUE:
    case API_CONTINUE2:
        go_on(target, &request);
        return;
    case API_GET_VERSION:
        target->reply_length = manipulate_version(&request, target->reply, &target->view, target->death.build);
        return;
    case API_SWITCH_PROCESSOR:
        if ((done = stopped))
            switch_processor(target, request.processor);
        break;
    case API_CAUSE_BUGCHECK:
        done = stopped && cause_bugcheck(target);
        break;
    case API_REBOOT:
        done = stopped && reboot(target);
        break;
    default:
        if ((done = stopped))
            target->reply_length =
                manipulate(&request, target->reply, &target->view, &target->hosts.breakpoints);
    }
    if (!done)
        target->reply_length = manipulate_refuse(&request, target->reply);
}

/* While a crash or a module stops the target it is remembered: another driver host may go on printing. */
static void handle_break_in(struct target *target)
{
    if (target->state == TARGET_AT_BREAK_IN || target->break_in)
        return;
    target->break_in = true;
    target->debuggee = hosts_debuggee(&target->hosts);
    if (target->debuggee && !freeze(target, target->debuggee))
        target->debuggee = NULL;
    target->break_in_at = records_written(&target->records);
}

static void handle_reset(struct target *target)
{
    target->reply_length = 0;
    if (target->state != TARGET_RUNNING && !target->link.pending)
        target->announce = true;
}

static void handle_lost(struct target *target)
{
    struct host *debuggee = target->debuggee;
    forget_text(target);
    target->break_in = false;
    target->debuggee = NULL;
    resume(target, false, false);
    if (debuggee)
        hosts_thaw(&target->hosts, debuggee);
}

void target_handle(struct target *target, enum link_event event, const struct link_data *data)
{
    switch (event) {
    case LINK_DATA:
        if (data->type == PACKET_STATE_MANIPULATE)
            handle_request(target, data);
        break;
    case LINK_BREAK_IN:
        handle_break_in(target);
        break;
    case LINK_RESET:
        handle_reset(target);
        break;
    case LINK_LOST:
        handle_lost(target);
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
    size_t length = message_print(message, target->text, piece, &target->origin);
    link_send(&target->link, PACKET_DEBUG_IO, message, length, true);
    target->text += piece;
    target->text_length -= piece;
}

static void send_stop(struct target *target)
{
    /* NT repeats an exception for ever; here a host that has gone must not keep the next driver host waiting. */
    bool droppable = target->state == TARGET_AT_MODULE || target->state == TARGET_AT_EXCEPTION ||
                     target->state == TARGET_AT_TRAP;
    link_send(&target->link, PACKET_STATE_CHANGE64, target->stop, target->stop_length, droppable);
    target->announce = false;
}

/* Text, then the stop. */
static void begin_bugcheck(struct target *target, const struct bugcheck *bugcheck)
{
    target->text = (const uint8_t *)target->bugcheck_text;
    target->text_length = message_bugcheck_text(target->bugcheck_text, sizeof target->bugcheck_text, bugcheck);
    target->origin = (struct origin){0};
    target->stop_after_text = true;
}

/* Stops the host that wrote the record where it waits; the view is of nothing if it does not wait. */
static void look_at(struct target *target, struct host *host, const struct record *record)
{
    view_clear(&target->view);
    if (!host || !record->hold || !freeze(target, host))
        return;
    if (hold_take(host, record)) {
        target->hold = record->hold;
        view_begin(&target->view, host, record->unix_tid, record->context);
    } else {
        hosts_thaw(&target->hosts, host);
    }
}

static void begin_module(struct target *target, const struct record *record)
{
    struct place place = view_place(&target->view, 0);
    if (record->module.unload && target->view.host)
        breakpoints_clear_range(&target->hosts.breakpoints, &target->view.host->process, record->module.base,
                                record->module.size);
    target->stop_length = message_module(target->stop, &record->module, &place);
    target->state = TARGET_AT_MODULE;
    target->announce = true;
}

static bool is_end(const struct record *record)
{
    return record->kind == RECORD_BUGCHECK || (record->kind == RECORD_EXCEPTION && !record->exception.first_chance);
}

static void begin_record(struct target *target, const struct record *record, struct host *host)
{
    switch (record->kind) {
    case RECORD_PRINT:
        target->text = record->text;
        target->text_length = record->length;
        target->origin = record->origin;
        break;
    case RECORD_MODULE:
        look_at(target, host, record);
        begin_module(target, record);
        break;
    case RECORD_EXCEPTION:
        look_at(target, host, record);
        if (!record->exception.first_chance)
            begin_bugcheck(target, &record->bugcheck);
        stop(target, TARGET_AT_EXCEPTION, &record->exception);
        break;
    case RECORD_BUGCHECK:
        look_at(target, host, record);
        begin_bugcheck(target, &record->bugcheck);
        break;
    case RECORD_HOST:
    case RECORD_GOODBYE:
        break;
    }
}

static void take(struct target *target, const struct record *record)
{
    struct host *host = hosts_learn(&target->hosts, record);
    if (host && is_end(record))
        host->ending = true;
    if (host && host->ended)
        host = NULL; /* it left these words; there is nothing to look at any more */
    if (is_end(record))
        begin_death(target, record->kind == RECORD_EXCEPTION ? &record->exception : NULL, &record->bugcheck);
    if (target->link.present) {
        begin_record(target, record, host);
        return;
    }
    /* With nobody there a target neither prints nor stops. */
    look_at(target, host, record);
    if (target->dies && target->view.host) {
        target->burial = true;
        return;
    }
    target->dies = false;
    let_go(target, false);
    thaw(target, false);
}

static void stop_at_trap(struct target *target, struct host *host)
{
    struct thread *thread = &host->process.threads[process_trapped(&host->process)];
    bool stepped = thread->stepped;
    struct exception exception = {
        .code = (uint32_t)(stepped ? STATUS_SINGLE_STEP : STATUS_BREAKPOINT),
        .first_chance = true,
        .parameter_count = stepped ? 0 : 1,
    };
    thread->trapped = thread->stepped = false;
    host->has_trapped = process_trapped(&host->process) >= 0;
    host->trapped_at = host->has_trapped ? records_written(&target->records) : 0;
    if (!freeze(target, host))
        return;
    view_begin(&target->view, host, thread->tid, 0);
    stop(target, TARGET_AT_TRAP, &exception);
    if (!target->link.present)
        resume(target, false, false); /* nobody to tell; that breakpoint is gone */
}

static void stop_at_break_in(struct target *target)
{
    struct host *frozen = target->debuggee;
    target->break_in = false;
    target->debuggee = NULL;
    /* The records before the stop may have told of a better one. */
    struct host *host = hosts_debuggee(&target->hosts);
    if (frozen && frozen != host)
        hosts_thaw(&target->hosts, frozen);
    if (host && freeze(target, host))
        view_begin(&target->view, host, 0, 0);
    stop_with_status(target, TARGET_AT_BREAK_IN, BREAK_CONTROL_C);
}

static void end_host(struct target *target, struct host *host)
{
    int status = process_end_status(&host->process);
    bool surprise = host->drivers && !host->ending && !target->shutting_down;
    struct bugcheck bugcheck = {
        .code = CRITICAL_PROCESS_DIED,
        .parameters = {host->windows_pid, 0, status < 0 ? UINT64_MAX : (uint64_t)status, (uint64_t)host->process.pid},
    };
    if (target->debuggee == host)
        target->debuggee = NULL;
    hosts_forget(&target->hosts, host);
    if (surprise && target->link.present)
        begin_bugcheck(target, &bugcheck);
}

/* What happens when all records before it are out. Of one record only the beginning may be there (`starved`): it is
 * printed afterwards. */
static bool happens(struct target *target, bool starved)
{
    uint64_t now = starved ? records_read(&target->records) : records_taken(&target->records);
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        struct host *host = &target->hosts.entries[i];
        bool ends = host->ended && now >= host->ended_at;
        if (ends)
            end_host(target, host);
        else if (host->has_trapped && now >= host->trapped_at)
            stop_at_trap(target, host);
        else
            continue;
        return true;
    }
    if (!target->break_in || now < target->break_in_at)
        return false;
    stop_at_break_in(target);
    return true;
}

/* Returns false if there is nothing to do before something comes in. */
static bool take_record(struct target *target)
{
    struct record record;
    if (happens(target, false))
        return true;
    if (!records_next(&target->records, &record))
        return happens(target, true);
    take(target, &record);
    return true;
}

static bool step(struct target *target)
{
    if (target->reply_length) {
        link_send(&target->link, PACKET_STATE_MANIPULATE, target->reply, target->reply_length, false);
        target->reply_length = 0;
    } else if (target->burial) {
        return false;
    } else if (target->announce) {
        send_stop(target);
    } else if (target->state != TARGET_RUNNING) {
        return false;
    } else if (target->text_length) {
        send_text(target);
    } else if (target->stop_after_text) {
        target->stop_after_text = false;
        stop_with_status(target, TARGET_AT_BUGCHECK, BREAK_BUGCHECK);
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
    return target->state == TARGET_RUNNING && !target->burial && !target->link.pending && !target->text_length;
}

/* --- what happens to processes --- */

void target_ended(struct target *target, struct host *host)
{
    hosts_wait(&target->hosts);
    host->process.status = process_end_status(&host->process); /* before its parent has asked */
    host->ended = true;
    host->has_trapped = false;
    host->ended_at = records_written(&target->records);
}

void target_wait(struct target *target)
{
    hosts_wait(&target->hosts);
    mark_traps(target);
}
