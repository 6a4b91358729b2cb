#define _GNU_SOURCE
#include "serial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "descriptor.h"

static int make_raw(int fd)
{
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0)
        return -1;
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= ~(tcflag_t)(CRTSCTS | HUPCL);
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    cfsetspeed(&settings, B115200);
    return tcsetattr(fd, TCSANOW, &settings);
}

int serial_open(const char *name)
{
    int fd = descriptor_open(name, O_RDWR | O_NOCTTY);
    if (fd < 0)
        return -1;
    if (isatty(fd) && make_raw(fd) != 0)
        return -1;
    return fd;
}

long serial_read(int fd, uint8_t *to, size_t size)
{
    ssize_t length = read(fd, to, size);
    if (length > 0)
        return length;
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return -1;
}

long serial_write(int fd, const uint8_t *from, size_t length)
{
    ssize_t written = write(fd, from, length);
    if (written >= 0)
        return written;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

bool serial_is_idle(int fd)
{
    int unsent = 0;
    return ioctl(fd, TIOCOUTQ, &unsent) != 0 || unsent == 0;
}
