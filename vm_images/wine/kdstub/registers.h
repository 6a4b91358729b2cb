/* Registers as KD has them: the CONTEXT of AMD64, 1232 bytes. */
#ifndef KDSTUB_REGISTERS_H
#define KDSTUB_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

enum { CONTEXT_SIZE = 1232, CONTEXT_EFLAGS = 0x44, CONTEXT_RSP = 0x98, CONTEXT_RIP = 0xF8 };

void registers_to_context(const struct user_regs_struct *registers, const struct user_fpregs_struct *floating,
                          uint8_t *context);
void registers_from_context(const uint8_t *context, struct user_regs_struct *registers,
                            struct user_fpregs_struct *floating);

/* A thread that is inside Wine's Unix side has left the registers of its Windows side in a frame, where they come back
 * from. These overlay a CONTEXT with those of the frame, and the other way round. */
enum { FRAME_SIZE = 0xC0 };
void registers_overlay_frame(const uint8_t *frame, uint8_t *context);
void registers_to_frame(const uint8_t *context, uint8_t *frame);

#endif
