/* The ceiling that a downloader is held against: one thread, epoll, one request in flight on each of
 * CONNS keep-alive connections, each body saved with openat, write, close. It checks the status and the
 * length, and nothing else; no names are made, no outcome is kept.
 *
 *   ceiling LIST PORT CONNS FOLDER
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 16 };

struct connection {
    int socket;
    char *path;
    size_t have;
    char bytes[ROOM + 1];
};

static FILE *list;
static int folder, open_requests;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Sends the request for the next line of the list, if there is one. */
static void ask(struct connection *c) {
    char *line = NULL;
    size_t room = 0;
    free(c->path);
    c->path = NULL;
    if (getline(&line, &room, list) <= 0) {
        free(line);
        return;
    }
    line[strcspn(line, "\n")] = 0;
    char *host = strstr(line, "://");
    char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path) {
        fprintf(stderr, "no URL: %s\n", line);
        exit(1);
    }
    char request[4096];
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %.*s\r\n\r\n", path,
                     (int)(path - host - 3), host + 3);
    if (n >= (int)sizeof request || write(c->socket, request, n) != n) fail("send");
    c->path = strdup(path);
    c->have = 0;
    open_requests++;
    free(line);
}

static void save(const char *path, const char *body, size_t length) {
    int file = openat(folder, strrchr(path, '/') + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || write(file, body, length) != (ssize_t)length) fail("save");
    close(file);
}

static void receive(struct connection *c) {
    ssize_t n = read(c->socket, c->bytes + c->have, ROOM - c->have);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) fail("receive");
    c->have += n;
    c->bytes[c->have] = 0;
    char *end = memmem(c->bytes, c->have, "\r\n\r\n", 4);
    if (!end) return;
    char *length = strcasestr(c->bytes, "content-length: ");
    if (strncmp(c->bytes, "HTTP/1.1 200", 12) || !length) fail("answer");
    size_t body = strtoul(length + 16, NULL, 10), head = end + 4 - c->bytes;
    if (head + body > ROOM) fail("too large");
    if (c->have < head + body) return;
    save(c->path, c->bytes + head, body);
    open_requests--;
    ask(c);
}

int main(int count, char **args) {
    if (count != 5 || !(list = fopen(args[1], "r"))) fail("usage: ceiling LIST PORT CONNS FOLDER");
    if ((folder = open(args[4], O_DIRECTORY | O_CLOEXEC)) < 0) fail(args[4]);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(args[2]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int poll = epoll_create1(0), conns = atoi(args[3]), one = 1;
    for (int i = 0; i < conns; i++) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c || (c->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) fail("socket");
        if (connect(c->socket, (struct sockaddr *)&to, sizeof to)) fail("connect");
        setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(c->socket, F_SETFL, O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, c->socket, &event)) fail("epoll");
        ask(c);
    }
    struct epoll_event events[256];
    while (open_requests) {
        int ready = epoll_wait(poll, events, 256, 10000);
        if (ready <= 0) fail("nothing came");
        for (int i = 0; i < ready; i++) receive(events[i].data.ptr);
    }
    return 0;
}
