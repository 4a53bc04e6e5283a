/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - which page a request is for.
 */
#include "config.h"

#include <string.h>

#include "lib/hex.h"
#include "lib/tlog_tile.h"
#include "web/route.h"

static const struct {
	const char	*path;		/* with a slash: an argument follows */
	enum web_route	 route;
} paths[] = {
	{ "/", ROUTE_HOME },
	{ "/robots.txt", ROUTE_ROBOTS },
	{ "/favicon.ico", ROUTE_FAVICON },
	{ "/health", ROUTE_HEALTH },
	{ "/metrics", ROUTE_METRICS },
	{ "/abuse", ROUTE_ABUSE },
	{ "/data", ROUTE_DATA },
	{ "/help/", ROUTE_LIST },
	{ "/lists/", ROUTE_LIST },
	{ "/join/", ROUTE_JOIN },
	{ "/c/", ROUTE_CONFIRM },
	{ "/u/", ROUTE_LEAVE },
	{ "/data/", ROUTE_MINE },
};

static const struct {
	const char	*path;		/* below the ledger's own */
	enum web_route	 route;
} ledger_paths[] = {
	{ "checkpoint", ROUTE_CHECKPOINT },
	{ "key", ROUTE_LEDGER_KEY },
	{ "cosignature", ROUTE_COSIGNATURE },
};

static const struct {
	const char	*name;
	bool		 post;
} routes[ROUTES] = {
	[ROUTE_NONE] = { "none", false },
	[ROUTE_HOME] = { "home", false },
	[ROUTE_ROBOTS] = { "robots", false },
	[ROUTE_FAVICON] = { "favicon", false },
	[ROUTE_HEALTH] = { "health", false },
	[ROUTE_METRICS] = { "metrics", false },
	[ROUTE_ABUSE] = { "abuse", false },
	[ROUTE_DATA] = { "data", true },
	[ROUTE_LIST] = { "list", false },
	[ROUTE_JOIN] = { "join", true },
	[ROUTE_CONFIRM] = { "confirm", true },
	[ROUTE_LEAVE] = { "leave", true },
	[ROUTE_MINE] = { "mine", true },
	[ROUTE_CHECKPOINT] = { "checkpoint", false },
	[ROUTE_LEDGER_KEY] = { "ledger-key", false },
	[ROUTE_COSIGNATURE] = { "cosignature", true },
	[ROUTE_TILE] = { "tile", false },
};

/* Decode p[len] into out; false for what no argument of ours can be. */
static bool
decode(const char *p, size_t len, char out[static ROUTE_ARGUMENT_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)p[i];

		if (c == '%') {
			if (len - i < 3 || hex_digit(p[i + 1]) == -1 ||
			    hex_digit(p[i + 2]) == -1)
				return false;
			c = hex_digit(p[i + 1]) << 4 | hex_digit(p[i + 2]);
			i += 2;
		}
		if (c <= ' ' || c > '~' || c == '/' ||
		    n == ROUTE_ARGUMENT_MAX)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return n > 0;
}

/* Compare with one row, path[len] without a slash at its end. */
static bool
match(size_t i, const char *path, size_t len, struct route *r_r)
{
	size_t n = strlen(paths[i].path);

	if (n > 1 && paths[i].path[n - 1] == '/') {
		if (len <= n || memcmp(path, paths[i].path, n) != 0 ||
		    !decode(path + n, len - n, r_r->argument))
			return false;
	} else if (len != n || memcmp(path, paths[i].path, n) != 0) {
		return false;
	}
	r_r->route = paths[i].route;
	return true;
}

#define LEDGER	"/ledger/"

/* Octets of "rN/" at the beginning; 0 without one. */
static size_t
match_log(const char *path, size_t len, struct route *r_r)
{
	size_t n = 1;

	if (len == 0 || path[0] != 'r')
		return 0;
	while (n < len && n < ROUTE_LOG_MAX && path[n] >= '0' &&
	    path[n] <= '9')
		n++;
	if (n < 2 || n == len || path[n] != '/' || path[1] == '0')
		return 0;
	memcpy(r_r->log, path, n);
	r_r->log[n] = '\0';
	return n + 1;
}

/* A tile's path has slashes of its own, and one spelling. */
static void
match_ledger(const char *path, size_t len, struct route *r_r)
{
	size_t n = sizeof(LEDGER) - 1;
	struct tlog_tile t;

	if (len <= n || memcmp(path, LEDGER, n) != 0)
		return;
	n += match_log(path + n, len - n, r_r);
	path += n;
	len -= n;
	for (size_t i = 0; i < sizeof(ledger_paths) / sizeof(ledger_paths[0]);
	    i++)
		if (len == strlen(ledger_paths[i].path) &&
		    memcmp(path, ledger_paths[i].path, len) == 0)
			r_r->route = ledger_paths[i].route;
	if (len > ROUTE_ARGUMENT_MAX || !tlog_tile_parse(&t, path, len))
		return;
	memcpy(r_r->argument, path, len);
	r_r->argument[len] = '\0';
	r_r->route = ROUTE_TILE;
}

void
route_parse(const char *path, const char *prefix, struct route *r_r)
{
	size_t skip = strlen(prefix), len;

	r_r->route = ROUTE_NONE;
	r_r->log[0] = '\0';
	if (skip > 0 && strncmp(path, prefix, skip) == 0 &&
	    (path[skip] == '/' || path[skip] == '\0'))
		path += skip;
	len = strlen(path);
	if (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 && skip > 0) {
		path = "/";
		len = 1;
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (match(i, path, len, r_r))
			break;
	if (r_r->route == ROUTE_NONE)
		match_ledger(path, len, r_r);
	if (r_r->route < ROUTE_LIST)
		r_r->argument[0] = '\0';
}

enum web_method
web_method_parse(const char *name)
{
	static const char *const names[] = {
		[METHOD_GET] = "GET", [METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST", [METHOD_OPTIONS] = "OPTIONS",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum web_method)i;
	return METHOD_OTHER;
}

bool
route_allows(enum web_route route, enum web_method method)
{
	return method != METHOD_OTHER &&
	    (method != METHOD_POST || routes[route].post);
}

const char *
route_allow(enum web_route route)
{
	return routes[route].post ? "GET, HEAD, OPTIONS, POST" :
	    "GET, HEAD, OPTIONS";
}

const char *
route_name(enum web_route route)
{
	return routes[route].name;
}
