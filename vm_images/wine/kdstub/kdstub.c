/* kdstub: the target's side of the KD serial protocol for a driver host that is an ordinary process.
 *
 * Reads the driver host's records from the carrier and speaks KDCOM on a serial line. While the host is slow, or
 * has stopped the target, nothing is read from the carrier: then the driver host waits, as a kernel would. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "serial.h"
#include "target.h"

static const char USAGE[] = "usage: kdstub [--ack-timeout-ms N] [--tries N] [--build N] [--machine 1] [--dump FILE]\n"
                            "              SERIAL CARRIER\n"
                            "  SERIAL   tty device, or fd:N\n"
                            "  CARRIER  FIFO with the driver host's records, or fd:N\n"
                            "  --machine 1: the debugger may restart this machine\n"
                            "  --dump FILE: where the minidump of a driver host that dies is written\n";

struct options {
    int ack_timeout;
    int tries;
    int build;
    int machine;
    const char *dump;
    const char *serial;
    const char *carrier;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool parse_number(const char *text, int *to)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 1 || value > 65535)
        return false;
    *to = (int)value;
    return true;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.ack_timeout = 500, .tries = 20, .build = 19043, .machine = 0};
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--dump") == 0) {
            options->dump = argv[i + 1];
            continue;
        }
        int *to = strcmp(argv[i], "--ack-timeout-ms") == 0 ? &options->ack_timeout
                  : strcmp(argv[i], "--tries") == 0        ? &options->tries
                  : strcmp(argv[i], "--build") == 0        ? &options->build
                  : strcmp(argv[i], "--machine") == 0      ? &options->machine
                                                           : NULL;
        if (!to || !parse_number(argv[i + 1], to))
            return false;
    }
    if (argc - i != 2)
        return false;
    options->serial = argv[i];
    options->carrier = argv[i + 1];
    return true;
}

static void handle(struct target *target, enum link_event event, const struct link_data *data)
{
    if (event == LINK_LOST)
        fprintf(stderr, "kdstub: no debugger answers; messages are dropped until one does\n");
    target_handle(target, event, data);
}

static bool receive(struct target *target, int serial)
{
    size_t room;
    uint8_t *to = link_room(&target->link, &room);
    long length = serial_read(serial, to, room);
    if (length < 0)
        return false;
    if (length > 0)
        link_feed(&target->link, (size_t)length, monotonic_ms());
    return true;
}

static void take_events(struct target *target)
{
    bool was_present = target->link.present;
    struct link_data data;
    enum link_event event;
    int64_t now = monotonic_ms();
    while ((event = link_next(&target->link, now, &data)) != LINK_NOTHING)
        handle(target, event, &data);
    if (!was_present && target->link.present)
        fprintf(stderr, "kdstub: a debugger is there\n");
}

static bool transmit(struct target *target, int serial)
{
    size_t length;
    const uint8_t *bytes = link_output(&target->link, &length);
    if (length == 0)
        return true;
    long written = serial_write(serial, bytes, length);
    if (written < 0)
        return false;
    link_sent(&target->link, (size_t)written);
    return true;
}

static int wait_time(const struct target *target)
{
    int64_t due = link_due(&target->link);
    if (due < 0)
        return -1;
    int64_t left = due - monotonic_ms();
    return left < 0 ? 0 : (int)left + 1;
}

/* False when it is time to end. */
static bool take_signals(struct target *target, int signals)
{
    struct signalfd_siginfo info;
    bool ends = false;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        ends = ends || info.ssi_signo == SIGTERM;
        if (info.ssi_signo == SIGUSR1)
            target->shutting_down = true;
    }
    target_wait(target);
    return !ends;
}

enum { SERIAL, CARRIER, SIGNALS, PROCESSES, DESCRIPTORS = PROCESSES + HOSTS_MAX };

static void watch(const struct target *target, int serial, int signals, struct pollfd fds[DESCRIPTORS])
{
    size_t unsent;
    link_output(&target->link, &unsent);
    bool hungry = target_is_hungry(target) && !target->records.ended;
    fds[SERIAL] = (struct pollfd){.fd = serial, .events = unsent ? POLLIN | POLLOUT : POLLIN};
    fds[CARRIER] = (struct pollfd){.fd = hungry ? target->records.fd : -1, .events = POLLIN};
    fds[SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        const struct host *host = &target->hosts.entries[i];
        bool watched = host->process.pid && !host->ended;
        fds[PROCESSES + i] = (struct pollfd){.fd = watched ? host->process.pidfd : -1, .events = POLLIN};
    }
}

/* One turn: say what there is to say, wait, listen. False when the serial line is gone, or it is time to end. */
static bool turn(struct target *target, int serial, int signals)
{
    size_t unsent;
    struct pollfd fds[DESCRIPTORS];
    target_run(target);
    if (!transmit(target, serial))
        return false;
    if (target->burial) {
        target_bury(target);
        target_run(target);
    }

    watch(target, serial, signals, fds);
    if (poll(fds, DESCRIPTORS, wait_time(target)) < 0 && errno != EINTR)
        return false;
    for (size_t i = 0; i < HOSTS_MAX; i++)
        if (fds[PROCESSES + i].revents)
            target_ended(target, &target->hosts.entries[i]);
    if (fds[SIGNALS].revents && !take_signals(target, signals))
        return false;
    if (fds[SERIAL].revents & ~POLLOUT && !receive(target, serial)) {
        fprintf(stderr, "kdstub: the serial line is gone\n");
        return false;
    }
    take_events(target);
    if (fds[CARRIER].revents)
        records_fill(&target->records);

    link_output(&target->link, &unsent);
    enum link_event event = link_tick(&target->link, monotonic_ms(), unsent == 0 && serial_is_idle(serial));
    handle(target, event, NULL);
    return true;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int open_or_complain(int fd, const char *what, const char *name)
{
    if (fd < 0)
        fprintf(stderr, "kdstub: cannot open the %s %s: %s\n", what, name, strerror(errno));
    return fd;
}

int main(int argc, char **argv)
{
    static struct target target;
    struct options options;
    if (!parse_options(argc, argv, &options)) {
        fputs(USAGE, stderr);
        return 2;
    }
    int serial = open_or_complain(serial_open(options.serial), "serial line", options.serial);
    int carrier = open_or_complain(records_open(options.carrier), "carrier", options.carrier);
    int signals = open_signals();
    if (serial < 0 || carrier < 0 || signals < 0)
        return 1;
    // A print must not put its writer aside in the middle of it: the others would queue up at its lock.
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    target_init(&target, carrier, options.ack_timeout, options.tries, (unsigned)options.build, options.dump);
    target.is_machine = options.machine != 0;
    while (turn(&target, serial, signals))
        ;
    hosts_release(&target.hosts);
    return 0;
}
