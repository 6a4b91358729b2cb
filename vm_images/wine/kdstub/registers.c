#include "registers.h"

#include <stddef.h>
#include <string.h>

#include "bytes.h"

enum { CONTEXT_FLAGS = 0x30, MXCSR = 0x34, SEGMENTS = 0x38, DR0 = 0x48, DR6 = 0x68, DR7 = 0x70, INTEGER = 0x78 };
enum { FLOATING = 0x100, FLOATING_SIZE = 512, FLOATING_MXCSR = 0x118 };

static const uint32_t CONTEXT_ALL = 0x10001F;

/* In the order of CONTEXT, from Rax on. */
static const size_t PLACES[17] = {
    offsetof(struct user_regs_struct, rax), offsetof(struct user_regs_struct, rcx),
    offsetof(struct user_regs_struct, rdx), offsetof(struct user_regs_struct, rbx),
    offsetof(struct user_regs_struct, rsp), offsetof(struct user_regs_struct, rbp),
    offsetof(struct user_regs_struct, rsi), offsetof(struct user_regs_struct, rdi),
    offsetof(struct user_regs_struct, r8),  offsetof(struct user_regs_struct, r9),
    offsetof(struct user_regs_struct, r10), offsetof(struct user_regs_struct, r11),
    offsetof(struct user_regs_struct, r12), offsetof(struct user_regs_struct, r13),
    offsetof(struct user_regs_struct, r14), offsetof(struct user_regs_struct, r15),
    offsetof(struct user_regs_struct, rip),
};

/* The same registers in Wine's frame of a call (struct syscall_frame in its ntdll). */
static const uint8_t FRAME[17] = {0x00, 0x10, 0x18, 0x08, 0x88, 0x98, 0x20, 0x28, 0x30,
                                  0x38, 0x40, 0x48, 0x50, 0x58, 0x60, 0x68, 0x70};
enum { FRAME_EFLAGS = 0x80, FRAME_RESTORE = 0x94, RESTORE_CONTROL = 1, RESTORE_INTEGER = 2 };

static void put_segments(uint8_t *to, const struct user_regs_struct *registers)
{
    put_u16(to, (uint16_t)registers->cs);
    put_u16(to + 2, (uint16_t)registers->ds);
    put_u16(to + 4, (uint16_t)registers->es);
    put_u16(to + 6, (uint16_t)registers->fs);
    put_u16(to + 8, (uint16_t)registers->gs);
    put_u16(to + 10, (uint16_t)registers->ss);
}

void registers_to_context(const struct user_regs_struct *registers, const struct user_fpregs_struct *floating,
                          uint8_t *context)
{
    memset(context, 0, CONTEXT_SIZE);
    put_u32(context + CONTEXT_FLAGS, CONTEXT_ALL);
    put_u32(context + MXCSR, floating->mxcsr);
    put_segments(context + SEGMENTS, registers);
    put_u32(context + CONTEXT_EFLAGS, (uint32_t)registers->eflags);
    put_u64(context + DR6, 0xFFFF0FF0);
    put_u64(context + DR7, 0x400);
    for (size_t i = 0; i < 17; i++) {
        uint64_t value;
        memcpy(&value, (const char *)registers + PLACES[i], sizeof value);
        put_u64(context + INTEGER + 8 * i, value);
    }
    _Static_assert(sizeof *floating == FLOATING_SIZE, "both are what FXSAVE writes");
    memcpy(context + FLOATING, floating, FLOATING_SIZE);
}

void registers_from_context(const uint8_t *context, struct user_regs_struct *registers,
                            struct user_fpregs_struct *floating)
{
    /* A call of the system's that was interrupted is made again, unless the thread goes on elsewhere. */
    if (registers->rip != get_u64(context + CONTEXT_RIP))
        registers->orig_rax = UINT64_MAX;
    for (size_t i = 0; i < 17; i++) {
        uint64_t value = get_u64(context + INTEGER + 8 * i);
        memcpy((char *)registers + PLACES[i], &value, sizeof value);
    }
    /* Only what a program may change itself. */
    uint64_t mask = 0x50DD5;
    registers->eflags = (registers->eflags & ~mask) | (get_u32(context + CONTEXT_EFLAGS) & mask);
    memcpy(floating, context + FLOATING, FLOATING_SIZE);
    floating->mxcsr = get_u32(context + FLOATING_MXCSR) & 0xFFFF;
}

void registers_overlay_frame(const uint8_t *frame, uint8_t *context)
{
    for (size_t i = 0; i < 17; i++)
        put_u64(context + INTEGER + 8 * i, get_u64(frame + FRAME[i]));
    put_u32(context + CONTEXT_EFLAGS, (uint32_t)get_u64(frame + FRAME_EFLAGS));
    memcpy(context + SEGMENTS, frame + 0x78, 2);
}

void registers_to_frame(const uint8_t *context, uint8_t *frame)
{
    for (size_t i = 0; i < 17; i++)
        put_u64(frame + FRAME[i], get_u64(context + INTEGER + 8 * i));
    put_u64(frame + FRAME_EFLAGS, get_u32(context + CONTEXT_EFLAGS));
    put_u32(frame + FRAME_RESTORE, get_u32(frame + FRAME_RESTORE) | RESTORE_CONTROL | RESTORE_INTEGER);
}
