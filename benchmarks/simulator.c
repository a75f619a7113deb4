/* Plays the far end of a lab's link for a plain world: ICMP and UDP, nothing lost or balanced.
 *
 *     simulator WORLD TRUTH CONTROL READY
 *
 * WORLD is written by plainworld.py, TRUTH (a `struct record` for each probe) read by simulator.py.
 * CONTROL is the path of a Unix socket (SOCK_SEQPACKET) for the commands `ping`, `settle` and
 * `stop` of tests/lab/control.py; SIGTERM stops as well. READY is a descriptor that is told when
 * all is set up.
 *
 * One thread. A probe's answer is made when it is read, and leaves when the kernel's receive stamp
 * and the delay of its hop say so. Times are nanoseconds of the wall clock, as the stamps are.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum { PACKET = 2048, BATCH = 64, PENDING = 1 << 16 };
enum { RECEIVE_BUFFER = 256 << 20, LOG_BUFFER = 1 << 20 };
enum { ICMP = 1, UDP = 17, ICMPV6 = 58 };
enum { ANSWERED, UNKNOWN, SILENT, UNSENT, FAILED };

/* Even where packets never end, commands are looked for after so many turns. */
static const unsigned PATIENCE = 64;
/* An answer due so soon (ns) is waited for in a loop: a sleep ends tens of microseconds late. */
static const int64_t SPIN = 60000;
static const uint8_t NEAR_MAC[6] = {2, 0, 0, 0, 0, 1};
static const uint32_t MAGIC = 0x31525446, NOBODY = UINT32_MAX;
static const uint8_t AS_MANY = 255;
static const char OK[] = "\"ok\": true";
static const char REFUSED[] = "\"ok\": false, \"error\": \"the compiled simulator cannot do that\"";

struct head { uint32_t magic, steps, nodes, targets; };
struct step { int64_t delay; uint32_t node, unused; };
struct node { uint8_t address[2][16], initial_ttl, back, families, unused; };
struct target { uint32_t first, count; };

struct record {
    int64_t received, sent, sent_after;
    uint32_t target;
    uint16_t first, second, size;
    uint8_t ttl, position, version, protocol, fate, unused;
};
struct answer { struct record record; uint32_t length; uint8_t packet[PACKET]; };
struct due { int64_t at; uint32_t slot; };

static const struct step *steps;
static const struct node *nodes;
static const struct target *targets;
static uint32_t *table, table_mask;

static struct answer answers[PENDING];
static uint32_t free_slots[PENDING], free_count;
static struct due heap[PENDING];
static uint32_t pending;

static int link_socket, listener, client = -1, settling;
static struct sockaddr_ll near[2];
static FILE *truth;
static uint64_t probes, dropped;
static volatile sig_atomic_t running = 1;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static unsigned get16(const uint8_t *at) { return at[0] << 8 | at[1]; }
static void put16(uint8_t *at, unsigned value) { at[0] = value >> 8; at[1] = value; }

/* The internet checksum (RFC 1071) of bytes after a start value. */
static unsigned checksum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (; length > 1; bytes += 2, length -= 2) sum += get16(bytes);
    if (length) sum += bytes[0] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* ---- The world ---- */

static size_t address_size(int version) { return version == 4 ? 4 : 16; }
static int has(const struct node *node, int version) { return node->families >> (version > 4) & 1; }

static uint32_t hash(const uint8_t *address, int version)
{
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < address_size(version); i++) value = (value ^ address[i]) * 16777619u;
    return value ^ value >> 15;
}

static const struct node *end_of(uint32_t target)
{
    return &nodes[steps[targets[target].first + targets[target].count - 1].node];
}

static int is_at(const struct node *node, const uint8_t *address, int version)
{
    size_t size = address_size(version);
    return has(node, version) && !memcmp(node->address[version == 6], address, size);
}

/* The place in the hash table where the target with this address is, or would be. */
static uint32_t *place(const uint8_t *address, int version)
{
    uint32_t at = hash(address, version) & table_mask;
    while (table[at] != NOBODY && !is_at(end_of(table[at]), address, version))
        at = (at + 1) & table_mask;
    return &table[at];
}

static void load_world(const char *path)
{
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status)) fail(path);
    const char *bytes = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (bytes == MAP_FAILED) fail(path);
    const struct head *head = (const void *)bytes;
    steps = (const void *)(head + 1);
    nodes = (const void *)(steps + head->steps);
    targets = (const void *)(nodes + head->nodes);
    errno = EINVAL;
    if (head->magic != MAGIC || (const char *)(targets + head->targets) != bytes + status.st_size)
        fail(path);
    for (table_mask = 1; table_mask < head->targets * 4; table_mask *= 2) {}
    table = malloc(table_mask * sizeof *table);
    if (!table) fail("hash table");
    memset(table, 0xff, table_mask-- * sizeof *table);
    for (uint32_t target = 0; target < head->targets; target++) {
        const struct node *end = end_of(target);
        if (has(end, 4)) *place(end->address[0], 4) = target;
        if (has(end, 6)) *place(end->address[1], 6) = target;
    }
}

/* ---- Answers ---- */

/* Put the IP header in front of an ICMP message, and both checksums in; gives the whole length. */
static size_t finish(uint8_t *out, int version, const uint8_t *from, const uint8_t *to, int ttl,
                     size_t length)
{
    size_t header = version == 4 ? 20 : 40;
    uint8_t *message = out + header;
    uint32_t sum = 0;
    memset(out, 0, header);
    put16(message + 2, 0);
    if (version == 4) {
        out[0] = 0x45;
        put16(out + 2, header + length);
        out[8] = ttl;
        out[9] = ICMP;
        memcpy(out + 12, from, 4);
        memcpy(out + 16, to, 4);
        put16(out + 10, checksum(out, 20, 0));
    } else {
        out[0] = 0x60;
        put16(out + 4, length);
        out[6] = ICMPV6;
        out[7] = ttl;
        memcpy(out + 8, from, 16);
        memcpy(out + 24, to, 16);
        sum = ~checksum(out + 8, 32, length + ICMPV6) & 0xffff;
    }
    put16(message + 2, checksum(message, length, sum));
    return header + length;
}

/* Write the message that answers a probe at the last hop or before it; gives its length. */
static size_t message(uint8_t *out, const uint8_t *packet, const struct record *record, int last)
{
    int four = record->version == 4;
    size_t size = record->size;
    size_t header = four ? (packet[0] & 15) * 4u : 40;
    if (last && record->protocol != UDP) {
        memcpy(out, packet + header, size - header);
        out[0] = four ? 0 : 129;
        return size - header;
    }
    size_t room = four ? 576 - 28 : 1280 - 48;
    if (size > room) size = room;
    memset(out, 0, 8);
    out[0] = four ? (last ? 3 : 11) : (last ? 1 : 3);
    out[1] = last ? (four ? 3 : 4) : 0;
    uint8_t *quote = memcpy(out + 8, packet, size);
    quote[four ? 8 : 7] -= record->position - 1;
    if (four) {
        put16(quote + 10, 0);
        put16(quote + 10, checksum(quote, header, 0));
    }
    return 8 + size;
}

static void log_record(const struct record *record)
{
    if (fwrite(record, sizeof *record, 1, truth) != 1) fail("truth");
}

static void push(struct due due)
{
    uint32_t at = pending++;
    for (; at && due.at < heap[(at - 1) / 2].at; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = due;
}

static uint32_t pop(void)
{
    uint32_t slot = heap[0].slot, at = 0;
    struct due moved = heap[--pending];
    for (uint32_t child; (child = 2 * at + 1) < pending; at = child) {
        if (child + 1 < pending && heap[child + 1].at < heap[child].at) child++;
        if (heap[child].at >= moved.at) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
    return slot;
}

/* Read what there is to know of a packet; whether it is a probe. */
static int parse(const uint8_t *packet, size_t size, struct record *record, const uint8_t **to)
{
    if (size < 28) return 0;
    int version = packet[0] >> 4, four = version == 4;
    size_t header = four ? (packet[0] & 15) * 4u : 40;
    if ((!four && version != 6) || header < 20 || size < header + 8) return 0;
    *to = packet + (four ? 16 : 24);
    if ((four && get16(packet + 6) & 0x1fff) || (*to)[0] >= (four ? 0xe0 : 0xff)) return 0;
    const uint8_t *rest = packet + header;
    record->version = version;
    record->protocol = packet[four ? 9 : 6];
    record->ttl = packet[four ? 8 : 7];
    record->size = size;
    int udp = record->protocol == UDP;
    int echo = record->protocol == (four ? ICMP : ICMPV6) && rest[0] == (four ? 8 : 128);
    record->first = get16(rest + (udp ? 0 : 4));
    record->second = get16(rest + (udp ? 2 : 6));
    return record->ttl && (udp || echo);
}

static void handle(const uint8_t *packet, size_t size, int64_t received)
{
    struct record record = {.received = received, .target = NOBODY, .fate = UNKNOWN};
    const uint8_t *to;
    if (!parse(packet, size, &record, &to)) return;
    probes++;
    record.target = *place(to, record.version);
    if (record.target == NOBODY) {
        log_record(&record);
        return;
    }
    const struct target *target = &targets[record.target];
    record.position = record.ttl < target->count ? record.ttl : target->count;
    const struct step *step = &steps[target->first + record.position - 1];
    const struct node *node = &nodes[step->node];
    record.fate = SILENT;
    if (!has(node, record.version) || !free_count) {
        dropped += !free_count;
        log_record(&record);
        return;
    }
    uint32_t slot = free_slots[--free_count];
    struct answer *answer = &answers[slot];
    int last = record.position == target->count, six = record.version == 6;
    int ttl = node->initial_ttl - (node->back == AS_MANY ? record.position - 1 : node->back);
    size_t length = message(answer->packet + (six ? 40 : 20), packet, &record, last);
    const uint8_t *from = node->address[six], *host = packet + (six ? 8 : 12);
    answer->length = finish(answer->packet, record.version, from, host, ttl < 1 ? 1 : ttl, length);
    answer->record = record;
    push((struct due){received + step->delay, slot});
}

static void send_due(void)
{
    int64_t time = now();
    while (pending && heap[0].at <= time) {
        uint32_t slot = pop();
        struct answer *answer = &answers[slot];
        const void *to = &near[answer->record.version == 6];
        answer->record.sent = now();
        ssize_t sent = sendto(link_socket, answer->packet, answer->length, 0, to, sizeof near[0]);
        answer->record.sent_after = time = now();
        answer->record.fate = sent < 0 ? FAILED : ANSWERED;
        log_record(&answer->record);
        free_slots[free_count++] = slot;
    }
}

/* ---- The link ---- */

/* Read up to a batch of packets; how many there were. */
static int receive(void)
{
    static uint8_t bytes[BATCH][PACKET], controls[BATCH][64];
    static struct iovec vectors[BATCH];
    static struct mmsghdr messages[BATCH];
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){bytes[i], PACKET};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
        messages[i].msg_hdr.msg_control = controls[i];
        messages[i].msg_hdr.msg_controllen = sizeof controls[i];
    }
    int count = recvmmsg(link_socket, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        int64_t received = now();
        struct cmsghdr *control = CMSG_FIRSTHDR(&messages[i].msg_hdr);
        if (control && control->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
            received = stamp.tv_sec * 1000000000LL + stamp.tv_nsec;
        }
        handle(bytes[i], messages[i].msg_len, received);
    }
    return count > 0 ? count : 0;
}

static void open_link(void)
{
    int one = 1, size = RECEIVE_BUFFER, index = if_nametoindex("lab1");
    struct sockaddr_ll far = {.sll_family = AF_PACKET, .sll_ifindex = index};
    far.sll_protocol = htons(ETH_P_ALL);
    link_socket = socket(AF_PACKET, SOCK_DGRAM, 0);
    if (!index || link_socket < 0) fail("lab1");
    if (setsockopt(link_socket, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) ||
        setsockopt(link_socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one))
        fail("options of the packet socket");
    if (setsockopt(link_socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(link_socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(link_socket, (void *)&far, sizeof far)) fail("bind to lab1");
    for (int six = 0; six < 2; six++) {
        near[six] = far;
        near[six].sll_protocol = htons(six ? ETH_P_IPV6 : ETH_P_IP);
        near[six].sll_halen = sizeof NEAR_MAC;
        memcpy(near[six].sll_addr, NEAR_MAC, sizeof NEAR_MAC);
    }
}

/* ---- Commands ---- */

static void flush(void)
{
    while (receive()) send_due();
    if (fflush(truth)) fail("truth");
}

static void reply(const char *result)
{
    struct tpacket_stats statistics = {0};
    socklen_t length = sizeof statistics;
    char text[256];
    if (getsockopt(link_socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &length))
        fail("PACKET_STATISTICS");
    dropped += statistics.tp_drops;
    int size = snprintf(text, sizeof text,
                        "{%s, \"pending\": %u, \"probes\": %" PRIu64 ", \"dropped\": %" PRIu64 "}",
                        result, pending, probes, dropped);
    if (send(client, text, size, MSG_NOSIGNAL) < 0) perror("reply");
}

static void serve(void)
{
    char text[65536];
    ssize_t size = recv(client, text, sizeof text - 1, 0);
    if (size <= 0) {
        close(client);
        client = -1;
        settling = 0;
        return;
    }
    text[size] = 0;
    flush();
    const char *result = OK;
    if (!strncmp(text, "{\"settle\"", 9)) settling = 1;
    else if (!strncmp(text, "{\"stop\"", 7)) running = 0;
    else if (strncmp(text, "{\"ping\"", 7)) result = REFUSED;
    if (!settling) reply(result);
}

/* Sleep until a packet, a command, a signal, or shortly before the next answer is due. */
static void wait_for_work(int idle)
{
    struct timespec limit = {0, 0}, *patience = &limit;
    if (idle && pending) {
        int64_t left = heap[0].at - now() - SPIN;
        if (left <= 0) return;
        limit = (struct timespec){left / 1000000000, left % 1000000000};
    } else if (idle) {
        patience = NULL;
    }
    struct pollfd files[] = {{link_socket, POLLIN, 0}, {client < 0 ? listener : client, POLLIN, 0}};
    sigset_t none;
    sigemptyset(&none);
    if (ppoll(files, 2, patience, &none) <= 0 || !files[1].revents) return;
    if (client < 0) client = accept(listener, NULL, NULL);
    else serve();
}

static void stop(int signal) { running = signal < 0; }

static void set_up(char **arguments)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sigset_t stopping;
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTERM);
    sigprocmask(SIG_BLOCK, &stopping, NULL);
    signal(SIGTERM, stop);
    signal(SIGINT, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    load_world(arguments[0]);
    truth = fopen(arguments[1], "wb");
    if (!truth || setvbuf(truth, NULL, _IOFBF, LOG_BUFFER)) fail(arguments[1]);
    for (; free_count < PENDING; free_count++) free_slots[free_count] = PENDING - 1 - free_count;
    open_link();
    strncpy(address.sun_path, arguments[2], sizeof address.sun_path - 1);
    listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (listener < 0 || bind(listener, (void *)&address, sizeof address) || listen(listener, 1))
        fail(arguments[2]);
    if (write(atoi(arguments[3]), "1", 1) != 1) fail("ready");
    close(atoi(arguments[3]));
}

int main(int count, char **arguments)
{
    if (count != 5) {
        fprintf(stderr, "usage: %s WORLD TRUTH CONTROL READY\n", arguments[0]);
        return 2;
    }
    set_up(arguments + 1);
    for (unsigned turn = 0; running; turn++) {
        send_due();
        int received = receive();
        if (settling && !received && !pending) {
            settling = 0;
            fflush(truth);
            reply(OK);
        }
        if (!received || turn % PATIENCE == 0) wait_for_work(!received);
    }
    flush();
    while (pending) {
        struct answer *answer = &answers[pop()];
        answer->record.fate = UNSENT;
        log_record(&answer->record);
    }
    return fclose(truth) != 0;
}
