#include "link.h"

#include <string.h>

#include "bytes.h"

enum { BREAK_IN = 0x62, DATA_LEADER = 0x30, CONTROL_LEADER = 0x69, TRAILER = 0xAA };
/* Longest silence inside one packet; a host writes a packet in one go. */
enum { PACKET_GAP_MS = 250, NOISE_MS = 20 };

static const uint32_t INITIAL_ID = 0x80800000;
static const uint32_t SYNC_BIT = 0x00000800;

static void restart_streams(struct link *link, uint32_t sync)
{
    link->send_id = INITIAL_ID | sync;
    link->expected_id = INITIAL_ID;
}

void link_init(struct link *link, int timeout, int max_tries)
{
    memset(link, 0, sizeof *link);
    restart_streams(link, SYNC_BIT);
    link->present = true;
    link->timeout = timeout;
    link->max_tries = max_tries;
}

/* --- sending --- */

static void put_header(uint8_t *to, uint8_t leader, unsigned type, size_t length, uint32_t id, uint32_t checksum)
{
    memset(to, leader, 4);
    put_u16(to + 4, (uint16_t)type);
    put_u16(to + 6, (uint16_t)length);
    put_u32(to + 8, id);
    put_u32(to + 12, checksum);
}

static uint32_t checksum(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += bytes[i];
    return sum;
}

/* A packet that finds no room is lost like one that the wire lost: it will be sent again. */
static void queue(struct link *link, const uint8_t *bytes, size_t length)
{
    if (link->out_start == link->out_end)
        link->out_start = link->out_end = 0;
    if (length > sizeof link->out - link->out_end)
        return;
    memcpy(link->out + link->out_end, bytes, length);
    link->out_end += length;
}

static void queue_control(struct link *link, unsigned type, uint32_t id)
{
    uint8_t packet[PACKET_HEADER];
    put_header(packet, CONTROL_LEADER, type, 0, id, 0);
    queue(link, packet, sizeof packet);
}

static void transmit(struct link *link)
{
    put_u32(link->packet + 8, link->send_id);
    queue(link, link->packet, link->packet_length);
    link->deadline = 0;
}

void link_send(struct link *link, unsigned type, const uint8_t *payload, size_t length, bool droppable)
{
    put_header(link->packet, DATA_LEADER, type, length, 0, checksum(payload, length));
    memcpy(link->packet + PACKET_HEADER, payload, length);
    link->packet[PACKET_HEADER + length] = TRAILER;
    link->packet_length = PACKET_HEADER + length + 1;
    link->pending = true;
    link->pending_type = type;
    link->droppable = droppable;
    link->tries = 1;
    transmit(link);
}

const uint8_t *link_output(const struct link *link, size_t *length)
{
    *length = link->out_end - link->out_start;
    return link->out + link->out_start;
}

void link_sent(struct link *link, size_t length)
{
    link->out_start += length;
}

enum link_event link_tick(struct link *link, int64_t now, bool line_idle)
{
    if (!link->pending)
        return LINK_NOTHING;
    /* A host that is connected but does not read holds the line up; it is not absent. */
    if (!line_idle || link->deadline == 0) {
        link->deadline = now + link->timeout;
        return LINK_NOTHING;
    }
    if (now < link->deadline)
        return LINK_NOTHING;
    if (link->droppable && link->tries >= link->max_tries) {
        link->pending = false;
        link->present = false;
        restart_streams(link, SYNC_BIT);
        return LINK_LOST;
    }
    link->tries++;
    transmit(link);
    link->deadline = now + link->timeout;
    return LINK_NOTHING;
}

int64_t link_due(const struct link *link)
{
    int64_t due = link->pending ? link->deadline : -1;
    if (link->in_end > link->in_start) {
        int64_t gap = link->in_time + PACKET_GAP_MS;
        if (due < 0 || gap < due)
            due = gap;
    }
    return due;
}

/* --- receiving --- */

uint8_t *link_room(struct link *link, size_t *size)
{
    size_t held = link->in_end - link->in_start;
    if (link->in_start > 0) {
        memmove(link->in, link->in + link->in_start, held);
        link->in_start = 0;
        link->in_end = held;
    }
    *size = sizeof link->in - held;
    return link->in + held;
}

void link_feed(struct link *link, size_t length, int64_t now)
{
    link->in_end += length;
    link->in_time = now;
}

static void drop(struct link *link, size_t length)
{
    link->in_start += length;
    link->damaged -= link->damaged < length ? link->damaged : length;
}

/* Hunt on behind the first byte; what is left of the packet may look like break-ins. */
static void reject(struct link *link, size_t length, int64_t now)
{
    if (link->damaged < length)
        link->damaged = length;
    link->noise_until = now + NOISE_MS;
    drop(link, 1);
}

static enum link_event receive_control(struct link *link, unsigned type, uint32_t id)
{
    switch (type) {
    case PACKET_ACKNOWLEDGE:
        if (!link->pending || id != (link->send_id & ~SYNC_BIT))
            return LINK_NOTHING;
        link->pending = false;
        link->send_id = (link->send_id & ~SYNC_BIT) ^ 1;
        return LINK_ACKED;
    case PACKET_RESEND:
        if (link->pending)
            transmit(link);
        return LINK_NOTHING;
    case PACKET_RESET:
        restart_streams(link, 0);
        queue_control(link, PACKET_RESET, 0);
        /* Whoever asked for a reply has forgotten the question. */
        if (link->pending && link->pending_type == PACKET_STATE_MANIPULATE)
            link->pending = false;
        if (link->pending) {
            link->tries = 1;
            transmit(link);
        }
        return LINK_RESET;
    default:
        return LINK_NOTHING;
    }
}

static enum link_event receive_data(struct link *link, uint32_t id)
{
    queue_control(link, PACKET_ACKNOWLEDGE, id);
    if (id != link->expected_id)
        return LINK_NOTHING;
    link->expected_id ^= 1;
    /* A new request shows that the host has seen the stop or the reply before it. A print is different: a
     * host that speaks out of turn has not necessarily got it. */
    if (link->pending && !link->droppable) {
        link->pending = false;
        link->send_id = (link->send_id & ~SYNC_BIT) ^ 1;
    }
    return LINK_DATA;
}

static bool is_leader(uint8_t byte)
{
    return byte == DATA_LEADER || byte == CONTROL_LEADER;
}

/* What starts at the first byte: a whole packet's length, 0 for "more bytes needed", -1 for "no packet". */
static long frame(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < 4 && i < length; i++)
        if (!is_leader(bytes[i]) || bytes[i] != bytes[0])
            return -1;
    if (length < PACKET_HEADER)
        return 0;
    unsigned type = get_u16(bytes + 4);
    size_t count = get_u16(bytes + 6);
    if (bytes[0] == CONTROL_LEADER)
        return type >= PACKET_ACKNOWLEDGE && type <= PACKET_RESET && count == 0 ? PACKET_HEADER : -1;
    if (type == 0 || type > 11 || count > PACKET_MAX_PAYLOAD)
        return -1;
    return length < PACKET_HEADER + count + 1 ? 0 : (long)(PACKET_HEADER + count + 1);
}

static enum link_event receive(struct link *link, size_t length, int64_t now, struct link_data *data)
{
    const uint8_t *bytes = link->in + link->in_start;
    link->present = true;
    if (bytes[0] == CONTROL_LEADER) {
        drop(link, length);
        return receive_control(link, get_u16(bytes + 4), get_u32(bytes + 8));
    }
    data->type = get_u16(bytes + 4);
    data->payload = bytes + PACKET_HEADER;
    data->length = length - PACKET_HEADER - 1;
    if (bytes[length - 1] != TRAILER || checksum(data->payload, data->length) != get_u32(bytes + 12)) {
        queue_control(link, PACKET_RESEND, 0);
        reject(link, length, now);
        return LINK_NOTHING;
    }
    drop(link, length);
    return receive_data(link, get_u32(bytes + 8));
}

enum link_event link_next(struct link *link, int64_t now, struct link_data *data)
{
    while (link->in_start < link->in_end) {
        const uint8_t *bytes = link->in + link->in_start;
        size_t length = link->in_end - link->in_start;
        long whole = frame(bytes, length);
        if (whole > 0) {
            enum link_event event = receive(link, (size_t)whole, now, data);
            if (event != LINK_NOTHING)
                return event;
        } else if (whole == 0) {
            if (now - link->in_time < PACKET_GAP_MS)
                return LINK_NOTHING;
            if (length > PACKET_HEADER)
                queue_control(link, PACKET_RESEND, 0);
            reject(link, length, now);
        } else if (is_leader(bytes[0])) {
            reject(link, length < PACKET_HEADER ? length : PACKET_HEADER, now);
        } else {
            bool alone = link->damaged == 0 && now >= link->noise_until;
            uint8_t byte = bytes[0];
            drop(link, 1);
            if (byte == BREAK_IN && alone) {
                link->present = true;
                return LINK_BREAK_IN;
            }
        }
    }
    return LINK_NOTHING;
}
