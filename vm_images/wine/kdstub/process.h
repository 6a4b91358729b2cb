/* A process of this machine under ptrace: all its threads stopped, running under watch, or left alone. */
#ifndef KDSTUB_PROCESS_H
#define KDSTUB_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

enum { THREADS_MAX = 256 };

struct thread {
    pid_t tid;
    bool stopped;     /* by ptrace: its registers can be had */
    bool interrupted; /* was asked to stop */
    bool trapped;     /* stopped at a breakpoint of ours, or after a step: not told yet */
    bool stepped;     /* it was a step */
    bool stepping;    /* one instruction, then it traps */
    bool passing;     /* that step is over a breakpoint that is for another thread */
    int signal;       /* to be delivered when it goes on */
};

/* Tells whether there is a breakpoint at an address. */
typedef bool breakpoint_test(void *context, uint64_t address);

struct process {
    pid_t pid;  /* 0: none */
    int pidfd;  /* readable when it has ended */
    int memory; /* its /proc/PID/mem */
    bool attached, frozen;
    int status; /* as of wait(2) when known, or -1 */
    size_t count;
    struct thread threads[THREADS_MAX];
    struct {    /* a breakpoint for one thread alone, which then steps, or has arrived */
        bool used, then_step;
        pid_t tid;
        uint64_t address;
        uint8_t original;
    } resting;
};

/* False with errno set when there is no such process, or it is not for us. */
bool process_open(struct process *process, pid_t pid);
/* Lets it go and forgets it. */
void process_close(struct process *process);

/* Stops all threads; those that are at a breakpoint get their program counter back to it. False: not all stopped in
 * time, or another debugger has them; then it runs as before. */
bool process_freeze(struct process *process, breakpoint_test *is_breakpoint, void *context);
/* Lets all threads run that have not trapped. Under watch: breakpoints will be noticed. Otherwise it is detached. */
void process_thaw(struct process *process, bool watch);
/* Before process_thaw: the thread will execute one instruction. `from` is where it is; with `inside` set it is in a
 * call of the system's and steps when it is back there. */
bool process_step(struct process *process, size_t thread, uint64_t from, bool inside);

/* Takes what wait(2) says of `tid`, which runs under watch. True if it trapped. */
bool process_take(struct process *process, pid_t tid, int status, breakpoint_test *is_breakpoint, void *context);
/* Whether a thread of that id is one of the process. */
bool process_owns(const struct process *process, pid_t tid);
/* A thread that has trapped, or -1. */
long process_trapped(const struct process *process);
/* How it ended as /proc knows it, while its parent has not asked; -1 if that is gone. */
int process_end_status(const struct process *process);

bool process_registers(const struct process *process, size_t thread, struct user_regs_struct *registers,
                       struct user_fpregs_struct *floating);
bool process_set_registers(const struct process *process, size_t thread, const struct user_regs_struct *registers,
                           const struct user_fpregs_struct *floating);
/* Bytes moved; fewer where memory ends. */
size_t process_read(const struct process *process, uint64_t address, void *to, size_t length);
size_t process_write(const struct process *process, uint64_t address, const void *from, size_t length);

#endif
