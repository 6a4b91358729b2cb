#define _GNU_SOURCE
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FREEZE_MS = 2000, PATIENCE_US = 200 };
static const uint8_t INT3 = 0xCC;

bool process_open(struct process *process, pid_t pid)
{
    char path[64];
    memset(process, 0, sizeof *process);
    process->status = -1;
    process->pidfd = process->memory = -1;
    if (pid <= 1)
        return false;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    process->memory = open(path, O_RDWR | O_CLOEXEC);
    process->pid = pid;
    if (process->pidfd >= 0 && process->memory >= 0)
        return true;
    process_close(process);
    return false;
}

void process_close(struct process *process)
{
    if (process->attached)
        process_thaw(process, false);
    if (process->pidfd >= 0)
        close(process->pidfd);
    if (process->memory >= 0)
        close(process->memory);
    process->pidfd = process->memory = -1;
    process->pid = 0;
}

/* --- threads --- */

static struct thread *find(struct process *process, pid_t tid)
{
    for (size_t i = 0; i < process->count; i++)
        if (process->threads[i].tid == tid)
            return &process->threads[i];
    return NULL;
}

static struct thread *add(struct process *process, pid_t tid)
{
    if (process->count == THREADS_MAX)
        return NULL;
    struct thread *thread = &process->threads[process->count++];
    *thread = (struct thread){.tid = tid};
    return thread;
}

static void remove_thread(struct process *process, struct thread *thread)
{
    struct thread *end = process->threads + process->count--;
    memmove(thread, thread + 1, (size_t)(end - thread - 1) * sizeof *thread);
}

bool process_owns(const struct process *process, pid_t tid)
{
    char path[64];
    if (!process->pid)
        return false;
    for (size_t i = 0; i < process->count; i++)
        if (process->threads[i].tid == tid)
            return true;
    snprintf(path, sizeof path, "/proc/%d/task/%d", (int)process->pid, (int)tid);
    return access(path, F_OK) == 0;
}

/* New threads of a watched process are attached from their beginning: then there is nothing to seize. */
static bool is_ours(const struct process *process, pid_t tid)
{
    char path[64], line[128];
    int tracer = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)process->pid, (int)tid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "TracerPid: %d", &tracer) == 1)
            break;
    if (file)
        fclose(file);
    return tracer == getpid();
}

/* Attaches threads that are not yet; returns how many, -1 if one could not be. */
static int attach_new(struct process *process)
{
    char path[64];
    int found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)process->pid);
    DIR *directory = opendir(path);
    if (!directory)
        return -1;
    for (struct dirent *entry; found >= 0 && (entry = readdir(directory));) {
        pid_t tid = atoi(entry->d_name);
        if (tid <= 0 || find(process, tid))
            continue;
        if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACECLONE) != 0) {
            if (errno == ESRCH)
                continue;
            if (!is_ours(process, tid)) {
                found = -1;
                break;
            }
        }
        found = add(process, tid) ? found + 1 : -1;
    }
    closedir(directory);
    return found;
}

static bool is_group_stop(int status)
{
    int signal = WSTOPSIG(status);
    return status >> 16 == PTRACE_EVENT_STOP &&
           (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU);
}

static void rest(const struct process *process)
{
    if (process->resting.used)
        process_write(process, process->resting.address, &INT3, 1);
}

static void lift(const struct process *process)
{
    if (process->resting.used)
        process_write(process, process->resting.address, &process->resting.original, 1);
}

static void unrest(struct process *process)
{
    lift(process);
    process->resting.used = false;
}

/* At the breakpoint that is for one thread alone. Any other passes over it in one step. */
static void take_rest(struct process *process, struct thread *thread)
{
    if (thread->tid != process->resting.tid) {
        lift(process);
        thread->stepping = thread->passing = true;
    } else {
        thread->stepping = process->resting.then_step;
        thread->trapped = thread->stepped = !thread->stepping;
        unrest(process);
    }
}

/* A thread stopped by a trap: is it one of ours? Its program counter goes back to the breakpoint. */
static bool take_trap(struct process *process, struct thread *thread, breakpoint_test *is_breakpoint, void *context)
{
    struct user_regs_struct registers;
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, thread->tid, 0, &info) != 0 ||
        ptrace(PTRACE_GETREGS, thread->tid, 0, &registers) != 0)
        return false;
    if (thread->stepping && info.si_code == TRAP_TRACE) {
        thread->trapped = thread->stepped = !thread->passing;
        if (thread->passing)
            rest(process);
        thread->stepping = thread->passing = false;
        return true;
    }
    if (info.si_code != SI_KERNEL && info.si_code != TRAP_BRKPT)
        return false;
    uint64_t address = registers.rip - 1;
    bool rests = process->resting.used && process->resting.address == address;
    bool hit = is_breakpoint(context, address);
    if (!rests && !hit)
        return false;
    registers.rip = address;
    ptrace(PTRACE_SETREGS, thread->tid, 0, &registers);
    if (hit) {
        thread->trapped = true;
        thread->stepped = thread->stepping = thread->passing = false;
    } else {
        take_rest(process, thread);
    }
    return true;
}

static void note_stop(struct process *process, struct thread *thread, int status, breakpoint_test *is_breakpoint,
                      void *context)
{
    thread->stopped = true;
    thread->signal = 0;
    if (status >> 16 == 0) {
        bool trap = WSTOPSIG(status) == SIGTRAP;
        if (!trap || !take_trap(process, thread, is_breakpoint, context))
            thread->signal = WSTOPSIG(status);
    }
}

/* --- freezing --- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Asks those that run to stop and takes the word of those that have; returns how many still run. */
static size_t collect(struct process *process, breakpoint_test *is_breakpoint, void *context)
{
    size_t running = 0;
    for (size_t i = 0; i < process->count;) {
        struct thread *thread = &process->threads[i];
        int status;
        if (!thread->stopped && !thread->interrupted)
            thread->interrupted = ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0) == 0;
        pid_t changed = thread->stopped ? 0 : waitpid(thread->tid, &status, __WALL | WNOHANG);
        if (changed < 0 || (changed > 0 && !WIFSTOPPED(status))) {
            if (changed > 0 && thread->tid == process->pid)
                process->status = status;
            remove_thread(process, thread);
            continue;
        }
        if (changed > 0)
            note_stop(process, thread, status, is_breakpoint, context);
        running += !thread->stopped;
        i++;
    }
    return running;
}

/* What is stopped shows no breakpoint but the debugger's, and a step that was not made is void. */
static void forget_steps(struct process *process)
{
    unrest(process);
    for (size_t i = 0; i < process->count; i++)
        process->threads[i].stepping = process->threads[i].passing = false;
}

bool process_freeze(struct process *process, breakpoint_test *is_breakpoint, void *context)
{
    if (process->frozen)
        return true;
    if (!process->pid)
        return false;
    int64_t deadline = now_ms() + FREEZE_MS;
    for (;;) {
        int found = attach_new(process);
        process->attached = process->count > 0;
        size_t running = collect(process, is_breakpoint, context);
        if (found == 0 && running == 0)
            break;
        if (found < 0 || now_ms() > deadline) {
            process_thaw(process, running > 0); /* a thread that runs cannot be let go */
            return false;
        }
        if (running)
            usleep(PATIENCE_US);
    }
    process->frozen = process->count > 0;
    forget_steps(process);
    return process->frozen;
}

/* --- going on --- */

static void go_on(struct thread *thread)
{
    enum __ptrace_request how = thread->stepping ? PTRACE_SINGLESTEP : PTRACE_CONT;
    if (ptrace(how, thread->tid, 0, (long)thread->signal) != 0 && errno != ESRCH)
        return;
    thread->stopped = thread->interrupted = false;
    thread->signal = 0;
}

static void detach(struct process *process)
{
    unrest(process);
    for (size_t i = 0; i < process->count; i++) {
        struct thread *thread = &process->threads[i];
        int status;
        if (!thread->stopped && waitpid(thread->tid, &status, __WALL | WNOHANG) == thread->tid && WIFSTOPPED(status))
            thread->signal = status >> 16 ? 0 : WSTOPSIG(status);
        ptrace(PTRACE_DETACH, thread->tid, 0, (long)thread->signal);
    }
    process->count = 0;
    process->attached = false;
}

void process_thaw(struct process *process, bool watch)
{
    process->frozen = false;
    if (!watch) {
        detach(process);
        return;
    }
    rest(process);
    for (size_t i = 0; i < process->count; i++)
        if (process->threads[i].stopped && !process->threads[i].trapped)
            go_on(&process->threads[i]);
}

bool process_step(struct process *process, size_t thread, uint64_t from, bool inside)
{
    struct thread *stepper = &process->threads[thread];
    stepper->stepping = !inside;
    if (!inside)
        return true;
    process->resting.tid = stepper->tid;
    process->resting.then_step = false;
    process->resting.address = from;
    process->resting.used = process_read(process, from, &process->resting.original, 1) == 1;
    return process->resting.used;
}

/* A signal's handler runs first; the step is made when it is back. */
static void step_later(struct process *process, struct thread *thread)
{
    struct user_regs_struct registers;
    if (process->resting.used || ptrace(PTRACE_GETREGS, thread->tid, 0, &registers) != 0)
        return;
    thread->stepping = false;
    process->resting.tid = thread->tid;
    process->resting.then_step = true;
    process->resting.address = registers.rip;
    process->resting.used = process_read(process, registers.rip, &process->resting.original, 1) == 1;
    rest(process);
}

bool process_take(struct process *process, pid_t tid, int status, breakpoint_test *is_breakpoint, void *context)
{
    struct thread *thread = find(process, tid);
    if (!WIFSTOPPED(status)) {
        if (tid == process->pid)
            process->status = status;
        if (thread)
            remove_thread(process, thread);
        return false;
    }
    if (!thread && !(thread = add(process, tid))) {
        ptrace(PTRACE_DETACH, tid, 0, 0L);
        return false;
    }
    note_stop(process, thread, status, is_breakpoint, context);
    if (thread->trapped || process->frozen)
        return thread->trapped;
    if (is_group_stop(status)) {
        ptrace(PTRACE_LISTEN, tid, 0, 0L);
        thread->stopped = thread->interrupted = false;
        return false;
    }
    if (thread->signal && thread->stepping && !thread->passing)
        step_later(process, thread);
    go_on(thread);
    return false;
}

long process_trapped(const struct process *process)
{
    for (size_t i = 0; i < process->count; i++)
        if (process->threads[i].trapped)
            return (long)i;
    return -1;
}

int process_end_status(const struct process *process)
{
    char path[64], line[1024];
    int status = -1;
    if (process->status != -1)
        return process->status;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process->pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    /* The last field, in a line whose second may hold anything; only a zombie's counts. */
    const char *tail = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (tail && strncmp(tail, ") Z", 3) == 0)
        status = atoi(strrchr(line, ' '));
    fclose(file);
    return status;
}

/* --- registers and memory --- */

bool process_registers(const struct process *process, size_t thread, struct user_regs_struct *registers,
                       struct user_fpregs_struct *floating)
{
    pid_t tid = process->threads[thread].tid;
    return ptrace(PTRACE_GETREGS, tid, 0, registers) == 0 &&
           (!floating || ptrace(PTRACE_GETFPREGS, tid, 0, floating) == 0);
}

bool process_set_registers(const struct process *process, size_t thread, const struct user_regs_struct *registers,
                           const struct user_fpregs_struct *floating)
{
    pid_t tid = process->threads[thread].tid;
    return ptrace(PTRACE_SETREGS, tid, 0, registers) == 0 && ptrace(PTRACE_SETFPREGS, tid, 0, floating) == 0;
}

size_t process_read(const struct process *process, uint64_t address, void *to, size_t length)
{
    size_t done = 0;
    while (done < length && address + done <= INT64_MAX) {
        ssize_t moved = pread(process->memory, (char *)to + done, length - done, (off_t)(address + done));
        if (moved <= 0)
            break;
        done += (size_t)moved;
    }
    return done;
}

size_t process_write(const struct process *process, uint64_t address, const void *from, size_t length)
{
    size_t done = 0;
    while (done < length && address + done <= INT64_MAX) {
        ssize_t moved = pwrite(process->memory, (const char *)from + done, length - done, (off_t)(address + done));
        if (moved <= 0)
            break;
        done += (size_t)moved;
    }
    return done;
}
