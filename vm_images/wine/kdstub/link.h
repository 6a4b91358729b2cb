/* The link layer of KDCOM, target's side: packet ids, acknowledgements, retransmission.
 *
 * A state machine without I/O. The owner feeds received bytes (link_room, link_feed), pulls events
 * (link_next), takes bytes to send (link_output, link_sent) and lets time pass (link_tick). Times are
 * milliseconds of a monotonic clock. At most one data packet is on its way at any time. */
#ifndef KDSTUB_LINK_H
#define KDSTUB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACKET_HEADER = 16,
    PACKET_MAX_PAYLOAD = 4000,
    PACKET_MAX = PACKET_HEADER + PACKET_MAX_PAYLOAD + 1,
};

enum packet_type {
    PACKET_STATE_MANIPULATE = 2,
    PACKET_DEBUG_IO = 3,
    PACKET_ACKNOWLEDGE = 4,
    PACKET_RESEND = 5,
    PACKET_RESET = 6,
    PACKET_STATE_CHANGE64 = 7,
};

enum link_event {
    LINK_NOTHING,  /* all input is used up */
    LINK_ACKED,    /* our data packet has arrived */
    LINK_DATA,     /* the host sent a data packet: `data` says what */
    LINK_BREAK_IN, /* the host sent the break-in byte */
    LINK_RESET,    /* both id streams were restarted and the host was told so */
    LINK_LOST,     /* nobody acknowledged a droppable packet: it was dropped, no host is attached */
};

struct link_data {
    unsigned type;
    const uint8_t *payload; /* valid until the next call of link_next */
    size_t length;
};

struct link {
    uint32_t send_id;     /* carries SYNC_BIT until the first packet of a stream is acknowledged */
    uint32_t expected_id; /* of the host's next data packet */
    bool present;         /* a host has answered, or nobody has yet failed to */
    int timeout;          /* milliseconds to wait for an acknowledgement */
    int max_tries;

    bool pending; /* `packet` is not acknowledged yet */
    bool droppable;
    unsigned pending_type;
    int tries;
    int64_t deadline; /* 0: the line has not swallowed the packet yet */
    uint8_t packet[PACKET_MAX];
    size_t packet_length;

    uint8_t in[2 * PACKET_MAX];
    size_t in_start, in_end;
    int64_t in_time;      /* when the latest byte came */
    size_t damaged;       /* so many leading bytes of `in` belong to a broken packet */
    int64_t noise_until;  /* the rest of a broken packet may arrive until then */

    uint8_t out[4 * PACKET_MAX];
    size_t out_start, out_end;
};

void link_init(struct link *link, int timeout, int max_tries);

/* Where received bytes go, and how many fit; then how many were put there, and when. */
uint8_t *link_room(struct link *link, size_t *size);
void link_feed(struct link *link, size_t length, int64_t now);
enum link_event link_next(struct link *link, int64_t now, struct link_data *data);

/* Starts the only data packet: not allowed while `pending`. */
void link_send(struct link *link, unsigned type, const uint8_t *payload, size_t length, bool droppable);

const uint8_t *link_output(const struct link *link, size_t *length);
void link_sent(struct link *link, size_t length);

/* `line_idle`: everything handed out was really transmitted. Returns LINK_LOST or LINK_NOTHING. */
enum link_event link_tick(struct link *link, int64_t now, bool line_idle);
/* When link_tick should be called next, or -1 for "no need". */
int64_t link_due(const struct link *link);

#endif
