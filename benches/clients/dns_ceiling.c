/* The ceiling that a prober is held against: one thread, one connected socket, sendmmsg and recvmmsg,
 * WINDOW queries of type A in flight, each sent again after 300 ms. An answer must bear the id and the
 * question of its query; nothing else of it is checked, and ids are not drawn but counted.
 *
 *   dns_ceiling LIST PORT WINDOW OUT        OUT gets `name address`, `name NX` or `name ?`
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, QUERY = 12 + 256 + 4, ANSWER = 1500, TRIES = 100 };
static const int64_t PATIENCE = 300 * 1000 * 1000; /* ns */

struct query {
    char name[256];
    uint8_t bytes[QUERY];
    int length, tries, busy;
    uint32_t serial;
};

struct wait {
    int64_t until;
    uint32_t id, serial;
};

static FILE *list, *out;
static struct query *queries;
static int udp, window, open_queries;

/* Who was sent when: all wait equally long, so the first in is the first due. */
static struct wait *waits;
static size_t first, last, room;

/* What goes out next. */
static uint32_t batch[BATCH];
static int batched;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void send_batch(void) {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    int64_t until = now() + PATIENCE;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < batched; i++) {
        struct query *q = &queries[batch[i]];
        parts[i] = (struct iovec){q->bytes, q->length};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        waits[last++ % room] = (struct wait){until, batch[i], q->serial};
    }
    for (int sent = 0; sent < batched;) {
        int n = sendmmsg(udp, messages + sent, batched - sent, 0);
        if (n < 0 && errno != EINTR && errno != ENOBUFS) fail("send");
        if (n > 0) sent += n;
    }
    batched = 0;
}

static void add(uint32_t id) {
    queries[id].tries++;
    queries[id].serial++;
    batch[batched++] = id;
    if (batched == BATCH) send_batch();
}

/* Asks for the next name of the list, if there is one. */
static void ask(uint32_t id) {
    struct query *q = &queries[id];
    q->busy = 0;
    if (!fgets(q->name, sizeof q->name, list)) return;
    q->name[strcspn(q->name, "\n")] = 0;
    static const uint8_t head[10] = {1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    q->bytes[0] = id >> 8;
    q->bytes[1] = id;
    memcpy(q->bytes + 2, head, sizeof head);
    uint8_t *at = q->bytes + 12;
    for (const char *label = q->name;;) {
        const char *end = strchrnul(label, '.');
        *at++ = end - label;
        memcpy(at, label, end - label);
        at += end - label;
        if (!*end) break;
        label = end + 1;
    }
    static const uint8_t tail[5] = {0, 0, 1, 0, 1};
    memcpy(at, tail, sizeof tail);
    q->length = at + sizeof tail - q->bytes;
    q->tries = 0;
    q->busy = 1;
    open_queries++;
    add(id);
}

static void settle(uint32_t id, const char *answer) {
    fprintf(out, "%s %s\n", queries[id].name, answer);
    open_queries--;
    ask(id);
}

static void receive(const uint8_t *bytes, int length) {
    if (length < 12) return;
    uint32_t id = bytes[0] << 8 | bytes[1];
    if (id >= (uint32_t)window || !queries[id].busy) return;
    struct query *q = &queries[id];
    if (length < q->length || memcmp(bytes + 12, q->bytes + 12, q->length - 12)) return;
    int code = bytes[3] & 15;
    if (code == 3) {
        settle(id, "NX");
    } else if (code == 0 && bytes[7] > 0 && length >= q->length + 16) {
        char text[INET_ADDRSTRLEN];
        const uint8_t *ip = bytes + q->length + 12;
        snprintf(text, sizeof text, "%d.%d.%d.%d", ip[0], ip[1], ip[2], ip[3]);
        settle(id, text);
    } else {
        settle(id, "?");
    }
}

/* Sends again what has waited in vain. */
static void resend(void) {
    int64_t time = now();
    for (; first < last && waits[first % room].until <= time; first++) {
        struct wait *wait = &waits[first % room];
        struct query *q = &queries[wait->id];
        if (!q->busy || q->serial != wait->serial) continue;
        if (q->tries < TRIES) {
            add(wait->id);
        } else {
            settle(wait->id, "?");
        }
    }
}

int main(int count, char **args) {
    if (count != 5 || !(list = fopen(args[1], "r"))) fail("usage: dns_ceiling LIST PORT WINDOW OUT");
    if (!(out = fopen(args[4], "w"))) fail(args[4]);
    window = atoi(args[3]);
    if (window < 1 || window > 65536) fail("WINDOW is 1 to 65536");
    queries = calloc(window, sizeof *queries);
    /* Stale ones stand there too; at a million answers a second these are 300,000. */
    room = 1 << 22;
    waits = malloc(room * sizeof *waits);
    if (!queries || !waits) fail("memory");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(args[2]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int size = 4 << 20;
    if ((udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0) fail("socket");
    if (setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) {
        setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (connect(udp, (struct sockaddr *)&to, sizeof to)) fail("connect");

    static uint8_t bytes[BATCH][ANSWER];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){bytes[i], ANSWER};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (int id = 0; id < window; id++) ask(id);
    while (open_queries) {
        if (batched) send_batch();
        int n = recvmmsg(udp, messages, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) fail("receive");
        if (n <= 0) {
            struct pollfd ready = {udp, POLLIN, 0};
            poll(&ready, 1, 5);
        }
        for (int i = 0; i < n; i++) receive(bytes[i], messages[i].msg_len);
        resend();
    }
    if (fclose(out)) fail(args[4]);
    return 0;
}
