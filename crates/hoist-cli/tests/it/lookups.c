/* Counts what a program asks of the C library's resolver: one byte a call in the file LOOKUPS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <unistd.h>

static void note(char which)
{
	const char *path = getenv("LOOKUPS");
	int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
	if (file < 0 || write(file, &which, 1) != 1)
		abort();
	close(file);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	note('a');
	real = (__typeof__(real))dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, list);
}

/* Nothing of ours calls the others: they are noted, and fail. */
#undef res_query
#undef res_search
#undef res_nquery
#undef res_nsearch
#undef res_querydomain
#undef res_send
#define NOTED(which, type, name, ...) \
	type name(__VA_ARGS__) { note(which); return (type)-1; }
#define NONE(which, name, ...) \
	struct hostent *name(__VA_ARGS__) { note(which); return 0; }

NONE('h', gethostbyname, const char *name)
NONE('h', gethostbyname2, const char *name, int family)
NOTED('h', int, gethostbyname_r, const char *name, struct hostent *host, char *buffer,
      size_t size, struct hostent **result, int *error)
NOTED('h', int, gethostbyname2_r, const char *name, int family, struct hostent *host,
      char *buffer, size_t size, struct hostent **result, int *error)
NOTED('r', int, res_query, const char *name, int class, int type, unsigned char *answer, int size)
NOTED('r', int, res_search, const char *name, int class, int type, unsigned char *answer, int size)
NOTED('r', int, res_querydomain, const char *name, const char *domain, int class, int type,
      unsigned char *answer, int size)
NOTED('r', int, res_send, const unsigned char *query, int length, unsigned char *answer, int size)
NOTED('r', int, res_nquery, res_state state, const char *name, int class, int type,
      unsigned char *answer, int size)
NOTED('r', int, res_nsearch, res_state state, const char *name, int class, int type,
      unsigned char *answer, int size)
