#include "view.h"

#include <string.h>

#include "bytes.h"

static uint64_t read_u64(const struct view *view, uint64_t address)
{
    uint8_t bytes[8];
    return process_read(&view->host->process, address, bytes, sizeof bytes) == sizeof bytes ? get_u64(bytes) : 0;
}

/* Where a thread that is on Wine's Unix side has left the registers of its Windows side; 0 if it is not there. */
static uint64_t frame_of(const struct view *view, const struct user_regs_struct *registers)
{
    const struct landmarks *landmarks = &view->host->landmarks;
    if (!landmarks->teb_frame || !registers->gs_base)
        return 0;
    uint64_t frame = read_u64(view, registers->gs_base + landmarks->teb_frame);
    uint64_t stack = read_u64(view, registers->gs_base + landmarks->teb_stack);
    return stack && registers->rsp >= stack && registers->rsp <= frame ? frame : 0;
}

/* How much a thread is worth to be looked at first: one that serves a request, best in the driver itself. */
static int interest(const struct view *view, size_t thread)
{
    struct user_regs_struct registers;
    uint32_t offset = view->host->landmarks.teb_client;
    if (!offset || !process_registers(&view->host->process, thread, &registers, NULL) || !registers.gs_base ||
        !(read_u64(view, registers.gs_base + offset) & UINT32_MAX))
        return 0;
    return frame_of(view, &registers) ? 1 : 2;
}

static size_t choose_first(const struct view *view, pid_t tid)
{
    const struct process *process = &view->host->process;
    size_t best = 0;
    int most = 0;
    for (size_t i = 0; i < process->count; i++) {
        if (process->threads[i].tid == tid)
            return i;
        int now = tid ? 0 : interest(view, i);
        if (now > most) {
            most = now;
            best = i;
        }
    }
    return best;
}

void view_clear(struct view *view)
{
    *view = (struct view){.processors = 1};
}

void view_begin(struct view *view, struct host *host, pid_t tid, uint64_t context)
{
    view_clear(view);
    view->host = host;
    view->context = context;
    size_t first = choose_first(view, tid);
    view->thread[0] = (uint16_t)first;
    for (size_t i = 0; i < host->process.count && view->processors < PROCESSORS_MAX; i++)
        if (i != first)
            view->thread[view->processors++] = (uint16_t)i;
}

bool view_context(const struct view *view, unsigned processor, uint8_t *context)
{
    struct user_regs_struct registers;
    struct user_fpregs_struct floating;
    uint8_t frame[FRAME_SIZE];
    if (!view->host || processor >= view->processors)
        return false;
    const struct process *process = &view->host->process;
    if (processor == 0 && view->context)
        return process_read(process, view->context, context, CONTEXT_SIZE) == CONTEXT_SIZE;
    if (!process_registers(process, view->thread[processor], &registers, &floating))
        return false;
    registers_to_context(&registers, &floating, context);
    uint64_t at = frame_of(view, &registers);
    if (at && process_read(process, at, frame, sizeof frame) == sizeof frame)
        registers_overlay_frame(frame, context);
    return true;
}

bool view_set_context(const struct view *view, unsigned processor, const uint8_t *context)
{
    struct user_regs_struct registers;
    struct user_fpregs_struct floating;
    uint8_t frame[FRAME_SIZE];
    if (!view->host || processor >= view->processors)
        return false;
    const struct process *process = &view->host->process;
    if (processor == 0 && view->context)
        return process_write(process, view->context, context, CONTEXT_SIZE) == CONTEXT_SIZE;
    if (!process_registers(process, view->thread[processor], &registers, &floating))
        return false;
    uint64_t at = frame_of(view, &registers);
    if (at) {
        if (process_read(process, at, frame, sizeof frame) != sizeof frame)
            return false;
        registers_to_frame(context, frame);
        return process_write(process, at, frame, sizeof frame) == sizeof frame;
    }
    registers_from_context(context, &registers, &floating);
    return process_set_registers(process, view->thread[processor], &registers, &floating);
}

bool view_is_inside(const struct view *view, unsigned processor)
{
    struct user_regs_struct registers;
    return view->host && processor < view->processors &&
           process_registers(&view->host->process, view->thread[processor], &registers, NULL) &&
           frame_of(view, &registers) != 0;
}

/* What stands for the thread: its TEB, which a debugger can read. */
static uint64_t thread_object(const struct view *view, unsigned processor)
{
    struct user_regs_struct registers;
    if (!process_registers(&view->host->process, view->thread[processor], &registers, NULL))
        return 0;
    return registers.gs_base;
}

struct place view_place(const struct view *view, unsigned processor)
{
    struct place place = {.processor = processor, .processors = view->processors, .eflags = 0x202};
    uint8_t context[CONTEXT_SIZE];
    if (!view_context(view, processor, context))
        return place;
    place.thread = thread_object(view, processor);
    place.pc = get_u64(context + CONTEXT_RIP);
    place.eflags = get_u32(context + CONTEXT_EFLAGS);
    place.code_length = process_read(&view->host->process, place.pc, place.code, sizeof place.code);
    return place;
}
