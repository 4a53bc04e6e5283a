/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h - which page a request is for.
 *
 *	/			about this host
 *	/robots.txt		nothing here is for robots
 *	/favicon.ico		there is none
 *	/health			for the one who watches the daemon
 *	/metrics		for Prometheus
 *	/abuse			how to report abuse
 *	/data			ask what is held of an address, and its post
 *	/help/LIST, /lists/LIST	a list: what it is, how to join and leave
 *	/join/LIST		the form, and its post
 *	/c/TOKEN		confirm: a page with a button, and its post
 *	/data/TOKEN		what is held, behind a button; and its posts
 *	/u/TOKEN		leave: the same, and the post of RFC 8058
 *	/ledger/checkpoint	the ledger's last checkpoint
 *	/ledger/key		the keys it is signed by
 *	/ledger/tile/...	its tree and entries (lib/tlog_tile.h)
 *	/ledger/cosignature	the last checkpoint that a witness signed, and
 *				the post of a witness
 *	/ledger/rN/...		the same of the ledger as it is called since a
 *				restore (spool/restored.h)
 *
 * A slash at the end means nothing, and is never answered with a redirect,
 * which a one-click client would not follow (T13).
 */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_ARGUMENT_MAX	128	/* octets; a token has 66 */
#define ROUTE_LOG_MAX		24	/* octets of a restored log's name */

enum web_route {
	ROUTE_NONE,			/* 404 */
	ROUTE_HOME, ROUTE_ROBOTS, ROUTE_FAVICON, ROUTE_HEALTH, ROUTE_METRICS,
	ROUTE_ABUSE, ROUTE_DATA, ROUTE_CHECKPOINT, ROUTE_LEDGER_KEY,
	ROUTE_COSIGNATURE,
	/* From here on with an argument. */
	ROUTE_LIST, ROUTE_JOIN, ROUTE_CONFIRM, ROUTE_LEAVE, ROUTE_MINE,
	ROUTE_TILE,
	ROUTES
};

enum web_method {
	METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OPTIONS, METHOD_OTHER,
};

struct route {
	enum web_route	route;
	/*
	 * LIST or TOKEN, percent-decoded; of a tile its path, "tile/...", as
	 * tlog_tile_parse() takes it; "" where the route has none.
	 */
	char		argument[ROUTE_ARGUMENT_MAX + 1];
	/* Of the ledger: "" or "rN", as its origin ends. */
	char		log[ROUTE_LOG_MAX + 1];
};

/*
 * Read the path of a request, still percent-encoded and without its query.
 * prefix is the path of url_base ("" or "/lists"), which a proxy may pass on
 * or cut off: a path that begins with it is read behind it.
 *
 * An argument that is too long, wrongly encoded, or holds anything but
 * printable ASCII is a ROUTE_NONE.
 */
void route_parse(const char *path, const char *prefix, struct route *r_r);

/* GET, HEAD, POST, OPTIONS; methods are case-sensitive (RFC 9110 9.1). */
enum web_method web_method_parse(const char *name);

/* True when the route knows the method. */
bool route_allows(enum web_route route, enum web_method method);
/* The Allow field of a route. */
const char *route_allow(enum web_route route);
/* A word for logs and metrics; no part of it comes from the request. */
const char *route_name(enum web_route route);

#endif
