/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defer_all.c - a campaign whose every recipient was tried once and waits,
 * without sending anything.
 *
 *	defer_all DATA_DIR CAMPAIGN SECONDS
 *
 * Writes what a queue role would have left of it: a deferral for each member
 * of its list, due in so many seconds, its domains finished, its tally.  The
 * daemon must be stopped, and nothing of the campaign ended.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "spool/campaign.h"
#include "spool/deferral.h"
#include "spool/progress.h"
#include "spool/secrets.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/writer.h"

#define ROWS	20000		/* of one commit */
#define MAP	(64ull << 30)

static int
finish_domain(struct txn *t, uint32_t campaign, uint32_t domain,
    struct err *e)
{
	const struct progress_key key = { campaign, domain, 0 };

	return progress_finish(t, &key, e);
}

struct work {
	struct txn	*s;		/* reads members */
	uint32_t	 campaign;
	struct member	 at;		/* the last one written */
	struct deferral	 d;
	uint64_t	 n;
	int		 more;
};

static int
defer(struct txn *t, struct work *w, const struct member *m, struct err *e)
{
	if (m->domain != w->at.domain &&
	    finish_domain(t, w->campaign, m->domain, e) == -1)
		return -1;
	w->at = *m;
	w->d.domain = m->domain;
	w->d.h8 = m->h8;
	w->d.subscriber = m->subscriber;
	w->d.join = m->join;
	w->n++;
	return deferral_put(t, &w->d, e);
}

/* One commit's worth. */
static int
apply(struct txn *t, void *arg, struct err *e)
{
	struct work *w = arg;
	struct tally v = { .deferred = 0 };
	struct campaign c;
	struct member m;

	if (campaign_get(t, w->campaign, &c, e) != 1)
		return -1;
	for (int i = 0; i < ROWS; i++) {
		w->more = subscriber_next(w->s, c.list, &w->at, &m, e);
		if (w->more != 1)
			break;
		if (defer(t, w, &m, e) == -1)
			return -1;
	}
	v.deferred = v.attempts = w->n;
	return w->more == -1 ? -1 : tally_put(t, w->campaign, &v, e);
}

static int
defer_all(struct store *st, struct work *w, struct err *e)
{
	const struct job job = { .apply = apply, .arg = w };

	if (txn_read(st, STORE_S, &w->s, e) == -1)
		return -1;
	do {
		if (writer_run(st, STORE_Q, &job, e) != JOB_DONE)
			return -1;
	} while (w->more == 1);
	txn_end(w->s);
	return 0;
}

int
main(int argc, char **argv)
{
	struct keyring *kr = keyring_new();
	struct store_params p = { .keys = kr, .map_size = MAP,
	    .map_size_queue = MAP, .write = true };
	struct err e = ERR_INIT;
	struct store *st = NULL;
	struct work w = { .d = { .attempts = 1, .code = 452,
	    .enhanced = { 4, 2, 2 } } };
	int64_t now = time(NULL);
	int ret = 1;

	if (argc != 4) {
		fputs("usage: defer_all DATA_DIR CAMPAIGN SECONDS\n", stderr);
		return 2;
	}
	p.dir = argv[1];
	w.campaign = w.d.campaign = (uint32_t)strtoul(argv[2], NULL, 10);
	w.d.first_ms = now * 1000;
	w.d.due_ms = (now + strtol(argv[3], NULL, 10)) * 1000;
	if (secrets_load(kr, argv[1], (1u << KEY_PURPOSES) - 1, &e) == 0 &&
	    (st = store_open(&p, &e)) != NULL && defer_all(st, &w, &e) == 0) {
		printf("%llu\n", (unsigned long long)w.n);
		ret = 0;
	} else
		fprintf(stderr, "defer_all: %s\n", e.text);
	if (ret == 0)
		store_close(st);
	keyring_free(kr);
	return ret;
}
