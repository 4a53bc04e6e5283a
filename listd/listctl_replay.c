/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_replay.c - a store that came from a backup is marked, and told who
 * left since.
 *
 * All of it in children with the rights of the queue role.  The lost store is
 * asked too; it may be what kills who reads it, and then the journal has to
 * do.
 */
#include "config.h"

#include <sys/mman.h>

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/sys/rights.h"
#include "listd/layout.h"
#include "listd/listctl_local.h"
#include "listd/listctl_print.h"
#include "listd/listctl_replay.h"
#include "listd/listctl_store.h"
#include "listd/role.h"
#include "spool/act.h"
#include "spool/departures.h"
#include "spool/ledger_sign.h"
#include "spool/ledger.h"
#include "spool/secrets.h"
#include "spool/writer.h"

#define REPLAY_ROWS	1000	/* of one transaction */

/* In the child. */
struct doing {
	const struct replay_task *k;
	struct store	*st;
	struct replay	*replay;
	char		 who[ACT_WHO_MAX + 1];
	bool		 whole;		/* all who left since are known */
	uint64_t	 last;		/* that the journal knows */
	int64_t		 now_ms;
	int		 more;
};

struct replay_result *
listctl_replay_result(void)
{
	void *p = mmap(NULL, sizeof(struct replay_result), PROT_READ |
	    PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static struct store *
open_at(const struct replay_task *k, const char *dir,
    const struct keyring *keys, bool write, struct err *e)
{
	const struct store_params p = { .dir = dir, .keys = keys,
		.map_size = (uint64_t)k->conf->map_size,
		.map_size_queue = (uint64_t)k->conf->map_size_queue,
		.write = write };

	return store_open(&p, e);
}

static int
run(struct doing *d, int (*fn)(struct txn *, void *, struct err *),
    struct err *e)
{
	const struct job job = { .apply = fn, .arg = d,
		.lane = WRITER_URGENT, .reserve = true };

	return writer_run(d->st, STORE_S, &job, e) == JOB_DONE ? 0 : -1;
}

/* ---- the marks */

static int
begin_apply(struct txn *t, void *arg, struct err *e)
{
	struct doing *d = arg;
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct restored r;

	ledger_origin_of(d->k->conf->url_base, store_instance(d->st), origin);
	if (restored_begin(t, d->k->backup_ms, origin, d->who, d->now_ms,
	    e) == -1 || restored_get(t, &r, e) == -1)
		return -1;
	d->k->result->departure = r.departure;
	return 0;
}

static int
end_apply(struct txn *t, void *arg, struct err *e)
{
	struct doing *d = arg;
	const struct replay_counts *n = &d->k->result->counts;

	return job_answer(restored_end(t, d->k->waive != NULL ?
	    RESTORED_WAIVED : RESTORED_DONE, n->suppressed + n->removed +
	    n->erased,
	    d->who, d->now_ms, e), e);
}

static int
rows_apply(struct txn *t, void *arg, struct err *e)
{
	struct doing *d = arg;

	d->more = replay_apply(t, d->replay, REPLAY_ROWS, d->now_ms, e);
	return d->more == -1 ? -1 : 0;
}

/* ---- the replay */

/* Does the lost store know of more than the journal, or of less? */
static void
weigh_old(struct doing *d, struct txn *t)
{
	struct err *why = &d->k->result->why;
	struct err e = ERR_INIT;
	struct restored was;
	uint64_t last;

	if (d->k->path != NULL || restored_get(t, &was, &e) == -1 ||
	    txn_counter(t, COUNTER_DEPARTURE, &last, &e) == -1)
		return;
	if (was.state == RESTORED_DUE) {
		d->whole = false;
		err_set(why, ERR_REFUSED, "what is set aside did not know "
		    "who left either");
	} else if (last == d->k->result->departure) {
		d->whole = true;
	} else if (d->whole && last > d->last) {
		d->whole = false;
		err_set(why, ERR_DAMAGED, "the journal ends at departure %llu "
		    "of %llu", (unsigned long long)d->last,
		    (unsigned long long)last);
	}
}

/* The lost store is not to be trusted to be one. */
static void
ask_old(struct doing *d, const struct keyring *keys)
{
	struct err e = ERR_INIT;
	struct store *old;
	struct txn *t;

	if (d->k->old == NULL ||
	    (old = open_at(d->k, d->k->old, keys, false, &e)) == NULL)
		return;
	if (txn_read(old, STORE_S, &t, &e) == 0) {
		weigh_old(d, t);
		d->k->result->asked_old = replay_add_store(d->replay, t,
		    &e) == 0;
		txn_end(t);
	}
	store_close(old);
}

static int
replay_all(struct doing *d, struct err *e)
{
	d->more = 1;
	while (d->more == 1) {
		if (run(d, rows_apply, e) == -1)
			return -1;
		replay_commit(d->replay);
	}
	d->k->result->counts = *replay_counts(d->replay);
	return d->whole ? run(d, end_apply, e) : 0;
}

/*
 * A journal that is not whole is applied as far as it goes, and the rest stays
 * due; one that is none of this store is refused when it was named.
 */
static int
look_if_whole(struct doing *d, const char *own, struct err *e)
{
	const char *path = d->k->path != NULL ? d->k->path : d->k->journal;
	struct err *why = &d->k->result->why;
	int rc = departures_join(path, own, d->k->result->departure, &d->last,
	    why);

	d->whole = rc == 1 && !departures_are_due(path);
	if (rc == 1 && !d->whole)
		err_set(why, ERR_REFUSED, "%s is of a store that did not know "
		    "who left either", path);
	if (rc != -1 || d->k->path == NULL)
		return 0;
	*e = *why;
	e->code = ERR_REFUSED;
	return -1;
}

/* What the operator names is read with the operator's rights. */
static int
read_journals(struct doing *d, struct err *e)
{
	char own[CONF_PATH_MAX + 32];

	d->replay = replay_new(d->k->result->departure);
	snprintf(own, sizeof(own), "%s/" DEPARTURES_DIR,
	    d->k->conf->data_dir);
	if (look_if_whole(d, own, e) == -1)
		return -1;
	return (d->k->path != NULL &&
	    replay_add(d->replay, d->k->path, e) == -1) ||
	    (d->k->journal != NULL &&
	    replay_add(d->replay, d->k->journal, e) == -1) ? -1 : 0;
}

static int
work(struct doing *d, const struct keyring *keys, struct err *e)
{
	char own[CONF_PATH_MAX + 32];
	struct departures *journal;
	int rc;

	snprintf(own, sizeof(own), "%s/" DEPARTURES_DIR,
	    d->k->conf->data_dir);
	d->st = open_at(d->k, d->k->conf->data_dir, keys, true, e);
	if (d->st == NULL || (journal = departures_open(own, e)) == NULL)
		return -1;
	departures_use(d->st, journal);
	if (d->k->begin) {
		rc = run(d, begin_apply, e);
	} else if (d->k->waive != NULL) {
		rc = run(d, end_apply, e);
	} else {
		ask_old(d, keys);
		rc = replay_all(d, e);
	}
	departures_use(d->st, NULL);
	departures_close(journal);
	d->k->result->done = rc == 0 && !d->k->begin &&
	    (d->k->waive != NULL || d->whole);
	return rc == 0 ? departures_set_due(own, !d->k->result->done, e) : rc;
}

static int
child(void *arg)
{
	const struct replay_task *k = arg;
	const struct passwd *pw = getpwuid(getuid());
	struct doing d = { .k = k, .now_ms = (int64_t)time(NULL) * 1000 };
	struct keyring *keys = keyring_new();
	struct err e = ERR_INIT;
	int ret = STATUS_OK;

	snprintf(d.who, sizeof(d.who), k->waive != NULL ? "%.64s (%.32s)" :
	    "%s%.32s", k->waive != NULL ? k->waive : "",
	    pw != NULL ? pw->pw_name : "listctl");
	if (secrets_load(keys, k->conf->data_dir, SECRETS_ALL, &e) == -1 ||
	    rights_limit(&e) == -1 ||
	    (!k->begin && k->waive == NULL && read_journals(&d, &e) == -1) ||
	    (k->users->root &&
	    rights_drop(&k->users->of[ROLE_QUEUE], &e) == -1) ||
	    work(&d, keys, &e) == -1)
		ret = listctl_complain(k->lc, &e, e.code == ERR_REFUSED ?
		    STATUS_NO : STATUS_CONFIG);
	replay_free(d.replay);
	store_close(d.st);
	keyring_free(keys);
	return ret;
}

int
listctl_replay(struct replay_task *k)
{
	struct err e = ERR_INIT;
	int killed = 0, ret = listctl_in_child(child, k, &killed);

	if (ret == -1 && !k->begin && k->old != NULL) {
		fputs("listctl: the lost store cannot be read; the journal "
		    "of departures alone is replayed\n", stderr);
		k->old = NULL;
		ret = listctl_in_child(child, k, &killed);
	}
	if (ret != -1)
		return ret;
	err_set(&e, ERR_DAMAGED, "ended by signal %d", killed);
	return listctl_complain(k->lc, &e, STATUS_CONFIG);
}

void
listctl_replay_tell(json_t *o, const struct replay_result *r)
{
	const struct replay_counts *n = &r->counts;

	json_object_set_new(o, "departures", json_pack(
	    "{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "read",
	    (json_int_t)n->read, "suppressed", (json_int_t)n->suppressed,
	    "removed", (json_int_t)n->removed, "erased",
	    (json_int_t)n->erased, "lifted", (json_int_t)n->lifted,
	    "damaged", (json_int_t)n->damaged, "asked_lost_store",
	    (int)r->asked_old));
}

/* ---- on the store that is in its place */

static int
departure_of(const struct listctl *lc, struct replay_result *r,
    struct err *e)
{
	struct store *st = listctl_open_store(lc, NULL, false, false, e);
	struct restored was;
	struct txn *t;
	int rc = -1;

	if (st == NULL)
		return -1;
	if (txn_read(st, STORE_S, &t, e) == 0) {
		rc = restored_get(t, &was, e);
		txn_end(t);
	}
	store_close(st);
	r->departure = was.departure;
	return rc;
}

static int
on_stopped(const struct listctl *lc, const struct layout_users *users)
{
	struct replay_task k = { .lc = lc, .conf = &lc->conf, .users = users,
		.path = listctl_option(lc, "replay"),
		.waive = listctl_option(lc, "waive"),
		.result = listctl_replay_result() };
	struct err e = ERR_INIT;
	json_t *o;
	int ret;

	if (k.result == NULL)
		return STATUS_AGAIN;
	if (departure_of(lc, k.result, &e) == -1)
		ret = listctl_complain(lc, &e, STATUS_CONFIG);
	else
		ret = listctl_replay(&k);
	if (ret == STATUS_OK) {
		o = json_pack("{s:b}", "departures_due", !k.result->done);
		listctl_replay_tell(o, k.result);
		listctl_print(stdout, o, lc->json, true);
		json_decref(o);
	}
	if (ret == STATUS_OK && !k.result->done) {
		fprintf(stderr, "listctl: %s; the rest is due until it is "
		    "replayed, or waived: listctl restore --waive NAME\n",
		    k.result->why.text);
		ret = STATUS_NO;
	}
	munmap(k.result, sizeof(*k.result));
	return ret;
}

int
listctl_restore_rest(const struct listctl *lc)
{
	bool replay = listctl_option(lc, "replay") != NULL;
	struct layout l = { .data_fd = -1, .lock_fd = -1 };
	struct layout_users users;
	struct err e = ERR_INIT;
	int ret;

	if (replay == (listctl_option(lc, "waive") != NULL)) {
		fputs("listctl: restore takes DIR, or --replay PATH, or "
		    "--waive NAME\n", stderr);
		return STATUS_USAGE;
	}
	if (!replay && !restored_is_name(listctl_option(lc, "waive"))) {
		fputs("listctl: waived by whom?\n", stderr);
		return STATUS_NO;
	}
	if (!listctl_has_store(lc))
		return STATUS_CONFIG;
	if (layout_users_lookup(&lc->conf, &users, &e) == -1)
		return listctl_complain(lc, &e, STATUS_CONFIG);
	if (layout_open(&lc->conf, &users, &l, &e) == 0)
		ret = on_stopped(lc, &users);
	else if (e.code != ERR_EXISTS)
		ret = listctl_complain(lc, &e, STATUS_CONFIG);
	else if (!replay)
		ret = listctl_call(lc);
	else {
		fputs("listctl: stop the daemon before a replay\n", stderr);
		ret = STATUS_NO;
	}
	layout_close(&l);
	return ret;
}
