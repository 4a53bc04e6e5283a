/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_compact.c - compact: the store written anew, without the octets of
 * what was deleted.
 *
 * Of a stopped store it is done here: a child with the rights of the queue
 * role copies, and who holds the lock swaps.  A running daemon is asked.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/sys/rights.h"
#include "listd/layout.h"
#include "listd/listctl_copy.h"
#include "listd/listctl_local.h"
#include "listd/listctl_print.h"
#include "listd/listctl_store.h"
#include "listd/role.h"
#include "spool/content.h"
#include "spool/secrets.h"
#include "spool/store_copy.h"
#include "spool/store_swap.h"
#include "spool/sweep.h"

#define ASK_NS		200000000	/* between two looks */
#define ASK_TIMES	3000
#define AWAY_TIMES	25
#define SHOW_ROWS	100000	/* between two lines of progress */

struct compacting {
	const struct listctl *lc;
	const struct layout_users *users;
	bool		 backup;
};

static int64_t
now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static void
show(const struct store_copy *c, uint64_t *shown)
{
	uint64_t rows, of;

	store_copy_progress(c, &rows, &of);
	if (!isatty(STDERR_FILENO) || rows < *shown + SHOW_ROWS)
		return;
	*shown = rows;
	fprintf(stderr, "\r\033[K%llu of %llu rows", (unsigned long long)rows,
	    (unsigned long long)of);
}

/* Files that nothing names; nobody is about to name one now. */
static int
sweep_content(struct store *st, const struct conf *conf, struct err *e)
{
	struct content *content = content_open(conf->data_dir, false, e);
	struct sweep *s;
	int rc;

	if (content == NULL)
		return -1;
	s = sweep_new(st, content, conf->keep_content, now_ms());
	sweep_young(s, -1000);
	while ((rc = sweep_step(s, e)) == 1)
		;
	sweep_free(s);
	content_close(content);
	return rc;
}

static int
copy_all(struct store *st, const char *dir, bool backup, struct err *e)
{
	struct store_copy *c = store_copy_begin(st, dir, now_ms(), e);
	uint64_t shown = 0;
	int rc;

	if (c == NULL)
		return -1;
	while ((rc = store_copy_step(c, e)) == 1)
		show(c, &shown);
	if (rc == 0)
		rc = store_copy_finish(c, !backup, now_ms(), NULL, e);
	if (shown > 0)
		fputs("\r\033[K", stderr);
	store_copy_free(c);
	return rc;
}

/* In the child, as the user whose files these are. */
static int
copy_store(void *arg)
{
	const struct compacting *k = arg;
	const char *data_dir = k->lc->conf.data_dir;
	struct keyring *keys = keyring_new();
	char dir[CONF_PATH_MAX + 32];
	struct store *st = NULL;
	struct err e = ERR_INIT;
	int ret = STATUS_OK;

	snprintf(dir, sizeof(dir), "%s/%s", data_dir, k->backup ?
	    STORE_BACKUP_DIR : STORE_COMPACT_DIR);
	if (secrets_load(keys, data_dir, SECRETS_ALL, &e) == -1 ||
	    rights_limit(&e) == -1 || (k->users->root &&
	    rights_drop(&k->users->of[ROLE_QUEUE], &e) == -1) ||
	    (st = listctl_open_store(k->lc, keys, true, false, &e)) == NULL ||
	    (!k->backup && sweep_content(st, &k->lc->conf, &e) == -1) ||
	    copy_all(st, dir, k->backup, &e) == -1)
		ret = listctl_complain(k->lc, &e, e.code == ERR_SYSTEM ?
		    STATUS_AGAIN : STATUS_CONFIG);
	store_close(st);
	keyring_free(keys);
	return ret;
}

int
listctl_copy_store(const struct listctl *lc, const struct layout_users *users,
    bool backup)
{
	struct compacting k = { lc, users, backup };
	struct err e = ERR_INIT;
	int killed = 0, ret = listctl_in_child(copy_store, &k, &killed);

	if (ret != -1)
		return ret;
	err_set(&e, ERR_DAMAGED, "the copy was ended by signal %d; see "
	    "listctl check", killed);
	return listctl_complain(lc, &e, STATUS_CONFIG);
}

static int
swap_store(const struct listctl *lc)
{
	const char *data_dir = lc->conf.data_dir;
	struct store_copy_info info;
	char dir[CONF_PATH_MAX + 32];
	struct err e = ERR_INIT;
	uint64_t rows = 0;
	json_t *o;

	snprintf(dir, sizeof(dir), "%s/%s", data_dir, STORE_COMPACT_DIR);
	if (store_swap(data_dir, &info, &e) != 1) {
		if (e.code == ERR_NONE)
			err_set(&e, ERR_STORE, "the copy is not whole");
		return listctl_complain(lc, &e, STATUS_CONFIG);
	}
	if (store_copy_remove(dir, &e) == -1)
		return listctl_complain(lc, &e, STATUS_CONFIG);
	for (size_t i = 0; i < TABLE_LAST; i++)
		rows += info.rows[i];
	o = json_pack("{s:I, s:I, s:I}", "rows", (json_int_t)rows, "before",
	    (json_int_t)(info.before[0] + info.before[1]), "after",
	    (json_int_t)(info.after[0] + info.after[1]));
	listctl_print(stdout, o, lc->json, true);
	json_decref(o);
	return STATUS_OK;
}

/* ---- a running daemon */

/* STATUS_OK it was compacted since, STATUS_AGAIN not yet, or STATUS_NO. */
static int
look_at_stats(json_t *stats, int64_t since)
{
	json_int_t last = 0;
	int copying = 1;

	if (json_unpack(stats, "{s:{s:I, s:b}}", "compaction", "last", &last,
	    "copying", &copying) == 0 && last >= since)
		return STATUS_OK;
	return copying ? STATUS_AGAIN : STATUS_NO;
}

/* Its roles restart; who asks then waits until they are there. */
static int
wait_for_swap(const struct listctl *lc, int64_t since)
{
	json_t *stats;
	int ret = STATUS_AGAIN, away = 0;

	/* The socket stays; a daemon that is away for long is gone. */
	for (int i = 0; i < ASK_TIMES && away < AWAY_TIMES &&
	    ret == STATUS_AGAIN; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = ASK_NS }, NULL);
		away++;
		if (listctl_ask(lc, "stats", NULL, false, &stats) ==
		    STATUS_OK) {
			ret = look_at_stats(stats, since);
			away = 0;
		}
		if (ret == STATUS_OK)
			listctl_print(stdout, json_object_get(stats,
			    "compaction"), lc->json, true);
		json_decref(stats);
	}
	if (ret != STATUS_OK)
		fputs("listctl: the daemon did not finish it; its log says "
		    "why\n", stderr);
	return ret;
}

static int
ask_daemon(const struct listctl *lc)
{
	json_t *out;
	json_int_t since;
	int ret = listctl_ask(lc, "compact", NULL, true, &out);

	if (ret == STATUS_OK)
		ret = json_unpack(out, "{s:I}", "since", &since) == 0 ?
		    wait_for_swap(lc, since) : STATUS_UNAVAILABLE;
	json_decref(out);
	return ret;
}

int
listctl_compact(const struct listctl *lc)
{
	struct layout_users users;
	struct layout l = { .data_fd = -1, .lock_fd = -1 };
	struct err e = ERR_INIT;
	int ret;

	if (!listctl_has_store(lc))
		return STATUS_CONFIG;
	if (layout_users_lookup(&lc->conf, &users, &e) == -1)
		return listctl_complain(lc, &e, STATUS_CONFIG);
	if (layout_open(&lc->conf, &users, &l, &e) == -1) {
		layout_close(&l);
		return e.code == ERR_EXISTS ? ask_daemon(lc) :
		    listctl_complain(lc, &e, STATUS_CONFIG);
	}
	ret = listctl_copy_store(lc, &users, false);
	if (ret == STATUS_OK)
		ret = swap_store(lc);
	layout_close(&l);
	return ret;
}
