/* The stub fed from standard input, for sanitizers: pieces for the line and for the carrier, and time.
 * Each piece: kind (0 line, 1 carrier, 2 time), length (two bytes), that many bytes; time is the length alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim.c"

enum { MAX_TURN = 65536 };

int main(void)
{
    static uint8_t bytes[65536], out[MAX_TURN];
    int carrier[2];
    int64_t now = 1000;
    if (pipe2(carrier, O_NONBLOCK) != 0)
        return 1;
    struct target *target = shim_new(carrier[0], 500, 20);
    int kind, low, high;
    while ((kind = getchar()) != EOF && (low = getchar()) != EOF && (high = getchar()) != EOF) {
        size_t length = (size_t)low | (size_t)high << 8;
        if (kind % 3 == 2) {
            now += (int64_t)length;
        } else {
            length = fread(bytes, 1, length, stdin);
            if (kind % 3 == 0)
                shim_receive(target, bytes, length, now);
            else if (write(carrier[1], bytes, length) < 0)
                continue;
        }
        size_t said = 0;
        for (int turns = 0; turns < 100 && (turns == 0 || said); turns++)
            said = shim_turn(target, out, sizeof out, now);
    }
    shim_free(target);
    return 0;
}
