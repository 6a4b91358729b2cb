/* A process to be debugged: a few threads, a function that is called over and over, and a thread that waits for a
 * debugger as a driver host does. Says where everything is; commands come from standard input. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WAITING = 1, NOT_HANDLED = 3 };

static volatile struct {
    uint32_t sequence, state;
} hold;
static unsigned char context[1232];
static char memory[64] = "memory of a driver host";
static volatile uint64_t calls, signals;

__attribute__((noinline)) uint64_t work(uint64_t number)
{
    calls++;
    return number * 2 + 1;
}

static void *worker(void *unused)
{
    (void)unused;
    for (uint64_t i = 0;; i++) {
        work(i);
        usleep(2000);
    }
    return NULL;
}

static void *idler(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

/* Threads come and go. */
static void *mayfly(void *unused)
{
    (void)unused;
    return NULL;
}

static void *brooder(void *unused)
{
    pthread_t thread;
    (void)unused;
    for (;;) {
        pthread_create(&thread, NULL, mayfly, NULL);
        pthread_join(thread, NULL);
        usleep(1000);
    }
    return NULL;
}

static void count(int signal)
{
    (void)signal;
    signals++;
}

static void wait_for_debugger(uint32_t sequence)
{
    hold.sequence = sequence;
    hold.state = WAITING;
    printf("waiting %d\n", (int)syscall(SYS_gettid));
    while (hold.state < NOT_HANDLED)
        usleep(1000);
    printf("let go %u\n", hold.state);
    hold.state = 0;
}

int main(void)
{
    pthread_t thread;
    char line[64];
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR1, count);
    pthread_create(&thread, NULL, worker, NULL);
    pthread_create(&thread, NULL, idler, NULL);
    pthread_create(&thread, NULL, brooder, NULL);
    memset(context, 0xAB, sizeof context);
    printf("work=%lu memory=%lu hold=%lu context=%lu calls=%lu signals=%lu\n", (unsigned long)work,
           (unsigned long)memory, (unsigned long)&hold, (unsigned long)context, (unsigned long)&calls,
           (unsigned long)&signals);
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "wait ", 5) == 0)
            wait_for_debugger((uint32_t)atoi(line + 5));
        else if (strncmp(line, "signal", 6) == 0) {
            raise(SIGUSR1);
            printf("signals %lu\n", (unsigned long)signals);
        } else if (strncmp(line, "calls", 5) == 0)
            printf("calls %lu\n", (unsigned long)calls);
        else if (strncmp(line, "exit ", 5) == 0)
            _exit(atoi(line + 5));
    }
    return 0;
}
