/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bdat.c - which hosts are sent to by BDAT (RFC 3030), and which by DATA.
 *
 * A table of fixed size: of two hosts that fall on one place the later has it.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/ascii.h"
#include "lib/xmalloc.h"
#include "listd/bdat.h"

struct host {
	uint64_t	key;		/* 0: nobody */
	uint32_t	rcpts, refused;
	bool		off;		/* it refuses too many */
	int64_t		broken_until;	/* monotonic ms */
};

struct bdat_hosts {
	struct host	host[BDAT_HOSTS];
};

struct bdat_hosts *
bdat_hosts_new(void)
{
	return xcalloc(1, sizeof(struct bdat_hosts));
}

void
bdat_hosts_free(struct bdat_hosts *h)
{
	free(h);
}

/* FNV-1a of the name in lower case; never 0. */
static uint64_t
key_of(const char *name)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++) {
		key ^= (unsigned char)ascii_lower(*name);
		key *= UINT64_C(0x100000001b3);
	}
	/* Every octet has to matter for the place of short names too. */
	key ^= key >> 33;
	key *= UINT64_C(0xff51afd7ed558ccd);
	return key | 1;
}

/* Its place, taken over from another host if need be. */
static struct host *
host_take(struct bdat_hosts *h, const char *name)
{
	uint64_t key = key_of(name);
	struct host *host = &h->host[(key >> 32) % BDAT_HOSTS];

	if (host->key != key)
		*host = (struct host){ .key = key };
	return host;
}

bool
bdat_may(const struct bdat_hosts *h, const char *name, int64_t now_ms)
{
	uint64_t key = key_of(name);
	const struct host *host = &h->host[(key >> 32) % BDAT_HOSTS];

	return host->key != key ||
	    (!host->off && now_ms >= host->broken_until);
}

void
bdat_rcpt(struct bdat_hosts *h, const char *name, bool refused)
{
	struct host *host = host_take(h, name);
	uint32_t of;

	host->rcpts++;
	host->refused += refused;
	of = host->rcpts > BDAT_SAMPLE ? host->rcpts : BDAT_SAMPLE;
	if (host->refused * 100 > BDAT_REFUSED_MAX * of)
		host->off = true;
	else if (host->refused * 100 <= BDAT_REFUSED_BACK * of)
		host->off = false;
	if (host->rcpts >= BDAT_HALVE) {
		host->rcpts /= 2;
		host->refused /= 2;
	}
}

void
bdat_broken(struct bdat_hosts *h, const char *name, int64_t now_ms)
{
	host_take(h, name)->broken_until = now_ms + BDAT_BROKEN_MS;
}
