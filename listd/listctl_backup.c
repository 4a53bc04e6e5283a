/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_backup.c - backup: a copy of the store and of all that goes with it.
 *
 * S and Q are copied by the daemon, or by a child where none runs; from then
 * on the other files may only have more than those two know.  It all goes to
 * DIR.tmp, which becomes DIR when it is whole and synced.
 */
#include "config.h"

#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/backup_tree.h"
#include "listd/layout.h"
#include "listd/listctl_copy.h"
#include "listd/listctl_local.h"
#include "listd/listctl_print.h"
#include "listd/listctl_store.h"
#include "listd/role.h"
#include "spool/departures.h"
#include "spool/ledger.h"
#include "spool/store_copy.h"
#include "spool/store_swap.h"

#define PATH_OCTETS	(CONF_PATH_MAX + 64)

struct backing {
	const struct listctl *lc;
	char		 tmp[PATH_OCTETS];
	char		 copy[PATH_OCTETS];	/* S and Q, in data_dir */
	struct backup_manifest m;
};

/* What the copy says of itself. */
static int
read_copy(struct backing *b, struct err *e)
{
	const struct store_params p = {
		.dir = b->copy, .map_size = (uint64_t)b->lc->conf.map_size,
		.map_size_queue = (uint64_t)b->lc->conf.map_size_queue,
	};
	struct store_copy_info info;
	struct ledger_head head;
	struct store *st;
	struct txn *t;
	int rc = store_copy_read_mark(b->copy, &info, e);

	if (rc == 0)
		err_set(e, ERR_STORE, "the copy of the store is not whole");
	if (rc != 1 || (st = store_open(&p, e)) == NULL)
		return -1;
	rc = -1;
	if (txn_read(st, STORE_S, &t, e) == 0) {
		rc = ledger_head(t, &head, e);
		txn_end(t);
	}
	store_close(st);
	if (rc == -1)
		return -1;
	b->m.when_ms = info.begun_ms;
	b->m.ledger = head.size;
	memcpy(b->m.root, head.root, sizeof(b->m.root));
	return 0;
}

static int
copy_one(struct backing *b, const char *from, const char *path,
    struct err *e)
{
	const struct backup_tree t = { from, b->tmp, 0600, 0700,
		(uid_t)-1, (gid_t)-1 };
	int rc = backup_copy(&t, path, backup_manifest_add(&b->m, path), e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "%s/%s is missing", from, path);
	return rc == 1 ? 0 : -1;
}

/* Under its own name, which is mostly listd.conf. */
static int
copy_conf(struct backing *b, struct err *e)
{
	char real[PATH_MAX];
	char *base;

	if (realpath(b->lc->conf_file, real) == NULL ||
	    (base = strrchr(real, '/')) == NULL) {
		err_sys(e, "%s", b->lc->conf_file);
		return -1;
	}
	*base++ = '\0';
	if (!backup_path_ok(base)) {
		err_set(e, ERR_INPUT, "%s: a backup has no such name", base);
		return -1;
	}
	return copy_one(b, real[0] != '\0' ? real : "/", base, e);
}

static int
collect(struct backing *b, struct err *e)
{
	static const char *const folders[] = {
		"content", "outcomes", DEPARTURES_DIR, "secrets", "dkim",
	};
	const struct backup_tree t = { b->lc->conf.data_dir, b->tmp, 0600,
		0700, (uid_t)-1, (gid_t)-1 };

	if (mkdir(b->tmp, 0700) == -1) {
		err_sys(e, "%s", b->tmp);
		return -1;
	}
	if (read_copy(b, e) == -1 ||
	    copy_one(b, b->copy, "subscribers/data.mdb", e) == -1 ||
	    copy_one(b, b->copy, "queue/data.mdb", e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (backup_copy_all(&t, folders[i], &b->m, e) == -1)
			return -1;
	return copy_conf(b, e);
}

static int
write_manifest(struct backing *b, struct err *e)
{
	struct strbuf text = STRBUF_INIT(BACKUP_MANIFEST_MAX);
	char path[PATH_OCTETS + 16];
	FILE *f;
	int ret = -1;

	backup_manifest_write(&b->m, &text);
	snprintf(path, sizeof(path), "%s/" BACKUP_MANIFEST, b->tmp);
	f = fopen(path, "wxe");
	if (text.overflow)
		err_set(e, ERR_LIMIT, "more files than a manifest holds");
	else if (f == NULL || fwrite(text.s, 1, text.len, f) != text.len ||
	    fflush(f) != 0)
		err_sys(e, "%s", path);
	else
		ret = 0;
	if (f != NULL)
		fclose(f);
	strbuf_free(&text);
	return ret;
}

static int
finish(struct backing *b, const char *dir, struct err *e)
{
	if (collect(b, e) == -1 || write_manifest(b, e) == -1 ||
	    backup_sync(b->tmp, e) == -1)
		return -1;
	if (rename(b->tmp, dir) == -1) {
		err_sys(e, "%s", dir);
		return -1;
	}
	return backup_sync(dir, e);
}

/* The copy is there: make the backup of it. */
static int
make(const struct listctl *lc, const char *dir)
{
	struct backing b = { .lc = lc };
	struct err e = ERR_INIT;
	struct stat sb;
	uint64_t octets = 0;
	json_t *o;
	int ret = STATUS_OK;

	snprintf(b.tmp, sizeof(b.tmp), "%s.tmp", dir);
	snprintf(b.copy, sizeof(b.copy), "%s/%s", lc->conf.data_dir,
	    STORE_BACKUP_DIR);
	if (lstat(b.tmp, &sb) == 0) {
		fprintf(stderr, "listctl: %s is there, of a backup that was "
		    "cut short: remove it first\n", b.tmp);
		return STATUS_NO;
	}
	if (finish(&b, dir, &e) == -1) {
		backup_remove(b.tmp, NULL);
		ret = listctl_complain(lc, &e, STATUS_AGAIN);
	} else {
		for (size_t i = 0; i < b.m.n; i++)
			octets += b.m.v[i].size;
		o = json_pack("{s:s, s:I, s:I, s:I}", "backup", dir, "files",
		    (json_int_t)b.m.n, "octets", (json_int_t)octets, "ledger",
		    (json_int_t)b.m.ledger);
		listctl_print(stdout, o, lc->json, true);
		json_decref(o);
	}
	backup_manifest_free(&b.m);
	return ret;
}

/* ---- who copies S and Q */

static int
by_daemon(const struct listctl *lc, const char *dir)
{
	json_t *out;
	int ret = listctl_ask(lc, "backup", NULL, true, &out);

	json_decref(out);
	if (ret != STATUS_OK)
		return ret;
	ret = make(lc, dir);
	listctl_ask(lc, "backup end", NULL, false, &out);
	json_decref(out);
	return ret;
}

static int
of_stopped(const struct listctl *lc, const struct layout_users *users,
    const char *dir)
{
	char copy[PATH_OCTETS];
	struct err e = ERR_INIT;
	int ret = listctl_copy_store(lc, users, true);

	if (ret == STATUS_OK)
		ret = make(lc, dir);
	snprintf(copy, sizeof(copy), "%s/%s", lc->conf.data_dir,
	    STORE_BACKUP_DIR);
	if (store_copy_remove(copy, &e) == -1)
		listctl_complain(lc, &e, STATUS_AGAIN);
	return ret;
}

int
listctl_backup(const struct listctl *lc)
{
	struct layout l = { .data_fd = -1, .lock_fd = -1 };
	const char *dir = lc->arg[0];
	struct layout_users users;
	struct err e = ERR_INIT;
	struct stat sb;
	int ret;

	if (strlen(dir) > CONF_PATH_MAX || lstat(dir, &sb) == 0) {
		fprintf(stderr, "listctl: %s is there already\n", dir);
		return STATUS_NO;
	}
	if (!listctl_has_store(lc))
		return STATUS_CONFIG;
	if (layout_users_lookup(&lc->conf, &users, &e) == -1)
		return listctl_complain(lc, &e, STATUS_CONFIG);
	if (layout_open(&lc->conf, &users, &l, &e) == 0)
		ret = of_stopped(lc, &users, dir);
	else
		ret = e.code == ERR_EXISTS ? by_daemon(lc, dir) :
		    listctl_complain(lc, &e, STATUS_CONFIG);
	layout_close(&l);
	return ret;
}
