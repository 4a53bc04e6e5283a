/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bdat.h - which hosts are sent to by BDAT (RFC 3030), and which by DATA.
 *
 * With CHUNKING and PIPELINING a whole message goes in one flight: MAIL, RCPT,
 * BDAT and its content.  A refused RCPT then has cost the content, so a host
 * that refuses many is sent to by DATA until it refuses few.  A host whose BDAT
 * does not work gets DATA for a day; so does one that hangs up between messages
 * without a word, for a content that is on its way then may have arrived.
 * Copies for which that is more than a repetition never go so (by_data of
 * struct ipc_delivery).
 *
 * A deliver role keeps what it has seen of the last BDAT_HOSTS hosts.  Nothing
 * depends on it: a host that is forgotten is learned anew.
 */
#ifndef LISTD_BDAT_H
#define LISTD_BDAT_H

#include <stdbool.h>
#include <stdint.h>

#define BDAT_HOSTS		1024
#define BDAT_REFUSED_MAX	3	/* per cent of RCPT; above it DATA */
#define BDAT_REFUSED_BACK	1	/* per cent; at most: BDAT again */
#define BDAT_SAMPLE		64	/* least RCPT to take the share of */
#define BDAT_HALVE		1024	/* RCPT after which counts halve */
#define BDAT_BROKEN_MS		(INT64_C(24) * 3600 * 1000)

struct bdat_hosts;

struct bdat_hosts *bdat_hosts_new(void);
void bdat_hosts_free(struct bdat_hosts *h);	/* NULL is fine */

/*
 * May BDAT be used with this host now?  host as the route names it; now_ms is
 * monotonic here and below.
 */
bool bdat_may(const struct bdat_hosts *h, const char *host, int64_t now_ms);
/* It answered an RCPT, whichever way the content goes. */
void bdat_rcpt(struct bdat_hosts *h, const char *host, bool refused);
/* DATA serves it better. */
void bdat_broken(struct bdat_hosts *h, const char *host, int64_t now_ms);

#endif
