/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_restore.c - restore: a backup becomes the store.
 *
 * It is made beside data_dir, checked against its manifest as it is copied,
 * marked as restored, and told who left since, as far as that is known; then
 * it takes data_dir's place, which is set aside and never deleted.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "listd/backup_tree.h"
#include "listd/layout.h"
#include "listd/listctl_local.h"
#include "listd/listctl_print.h"
#include "listd/listctl_replay.h"
#include "listd/listctl_store.h"
#include "listd/role.h"
#include "spool/departures.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE	(1 << 1)
#endif

#define PATH_OCTETS	(CONF_PATH_MAX + 64)
#define ASIDE_TRIES	9		/* names of one second */
#define KEY_FILE	"secrets/address.key"	/* what hashes are made by */

struct restoring {
	const struct listctl *lc;
	struct layout_users users;
	const char	*from;		/* the backup */
	struct conf	*conf;		/* with data_dir as it is made */
	char		 aside[PATH_OCTETS];
	int		 lock;		/* of the old data_dir, or -1 */
	bool		 has_old;
	bool		 same;		/* it hashes as the backup does */
	bool		 knows;		/* and it has a journal */
	char		 journal[PATH_OCTETS];
	struct backup_manifest m;
};

/* ---- before anything is made */

static int
read_manifest(struct restoring *r, struct err *e)
{
	struct strbuf text = STRBUF_INIT(BACKUP_MANIFEST_MAX);
	char path[PATH_OCTETS];
	int fd, ret = -1;

	snprintf(path, sizeof(path), "%.1024s/" BACKUP_MANIFEST, r->from);
	if ((fd = file_open_config(path, e)) == -1)
		return -1;
	if (file_read(fd, path, &text, e) == 0)
		ret = backup_manifest_parse(&r->m, text.s != NULL ? text.s :
		    "", text.len, e);
	close(fd);
	strbuf_free(&text);
	return ret;
}

/* No daemon may run on what is set aside. */
static int
lock_old(struct restoring *r, struct err *e)
{
	const char *dir = r->lc->conf.data_dir;
	char path[PATH_OCTETS];
	struct stat sb;

	r->has_old = lstat(dir, &sb) == 0;
	snprintf(path, sizeof(path), "%s/lock", dir);
	r->lock = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (r->lock == -1 && errno == ENOENT)
		return 0;
	if (r->lock == -1) {
		err_sys(e, "%s", path);
		return -1;
	}
	if (flock(r->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	err_set(e, ERR_EXISTS, "%s is in use: stop the daemon first", dir);
	return -1;
}

static bool
same_file(const char *a, const char *b)
{
	FILE *f = fopen(a, "rbe"), *g = fopen(b, "rbe");
	int x = 0, y = EOF;

	if (f != NULL && g != NULL)
		do {
			x = getc(f);
			y = getc(g);
		} while (x == y && x != EOF);
	if (f != NULL)
		fclose(f);
	if (g != NULL)
		fclose(g);
	return x == y;
}

/* Is there a journal, and does it hash as the backup does? */
static void
look_for_journal(struct restoring *r)
{
	char a[PATH_OCTETS], b[PATH_OCTETS];

	snprintf(a, sizeof(a), "%s/" KEY_FILE, r->lc->conf.data_dir);
	snprintf(b, sizeof(b), "%.1024s/" KEY_FILE, r->from);
	r->same = r->has_old && same_file(a, b);
	snprintf(r->journal, sizeof(r->journal), "%s/" DEPARTURES_DIR,
	    r->lc->conf.data_dir);
	r->knows = r->same && access(r->journal, R_OK) == 0;
}

/* ---- the new data_dir */

static bool
begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void
rules_of(const struct restoring *r, const char *path, struct backup_tree *t)
{
	const struct rights *queue = &r->users.of[ROLE_QUEUE];

	*t = (struct backup_tree){ r->from, r->conf->data_dir, 0600, 0700,
		(uid_t)-1, (gid_t)-1 };
	if (begins(path, "secrets/") || begins(path, "dkim/"))
		return;
	t->mode = 0640;
	t->dir_mode = 0750;
	if (r->users.root) {
		t->uid = queue->uid;
		t->gid = queue->gid;
	}
}

static int
take_out(const struct restoring *r, const struct backup_file *want,
    struct err *e)
{
	struct backup_file got = { .path = want->path };
	struct backup_tree t;
	int rc;

	rules_of(r, want->path, &t);
	if ((rc = backup_copy(&t, want->path, &got, e)) == -1)
		return -1;
	if (rc == 1 && got.size == want->size &&
	    memcmp(got.hash, want->hash, sizeof(got.hash)) == 0)
		return 0;
	err_set(e, ERR_DAMAGED, "%s/%s is %s", r->from, want->path, rc == 0 ?
	    "missing" : "not what the manifest says");
	return -1;
}

/* The old journal knows all that the backup's does, and more. */
static int
take_journal(const struct restoring *r, struct err *e)
{
	struct backup_manifest m = { .n = 0 };
	struct backup_tree t;
	int rc;

	rules_of(r, DEPARTURES_DIR, &t);
	t.from = r->lc->conf.data_dir;
	rc = backup_copy_all(&t, DEPARTURES_DIR, &m, e);
	backup_manifest_free(&m);
	return rc;
}

static int
make_new(struct restoring *r, struct err *e)
{
	const char *dir = r->conf->data_dir;

	if (mkdir(dir, 0750) == -1) {
		err_sys(e, "%s: mkdir", dir);
		return -1;
	}
	for (size_t i = 0; i < r->m.n; i++) {
		const char *path = r->m.v[i].path;

		/* The configuration is the administrator's to put back. */
		if (strchr(path, '/') == NULL ||
		    (r->knows && begins(path, DEPARTURES_DIR "/")))
			continue;
		if (take_out(r, &r->m.v[i], e) == -1)
			return -1;
	}
	return r->knows ? take_journal(r, e) : 0;
}

/* ---- it takes its place */

/*
 * Where names cannot be exchanged.  When the second rename fails the old one
 * is put back.
 */
static int
put_in_steps(const struct restoring *r, struct err *e)
{
	const char *dir = r->lc->conf.data_dir, *new = r->conf->data_dir;

	if (rename(dir, r->aside) == -1) {
		err_sys(e, "%s cannot be set aside; is it a mount point", dir);
		return -1;
	}
	if (rename(new, dir) == 0)
		return 0;
	err_sys(e, "%s: rename", new);
	if (rename(r->aside, dir) == -1)
		err_set(e, ERR_SYSTEM, "%s cannot be put in place; what was "
		    "there is %s", dir, r->aside);
	return -1;
}

/*
 * The new one takes the name of what is set aside first: then the exchange is
 * the last step, and neither of the two is ever found under a wrong name.
 */
static int
set_aside(const struct restoring *r, struct err *e)
{
	const char *dir = r->lc->conf.data_dir, *new = r->conf->data_dir;
	int number;

	if (rename(new, r->aside) == -1) {
		err_sys(e, "%s: rename", r->aside);
		return -1;
	}
	if (renameat2(AT_FDCWD, r->aside, AT_FDCWD, dir, RENAME_EXCHANGE) ==
	    0)
		return 0;
	number = errno;
	if (rename(r->aside, new) == -1) {
		err_sys(e, "%s, which is the new one: rename", r->aside);
		return -1;
	}
	if (number == EINVAL || number == ENOSYS)
		return put_in_steps(r, e);
	errno = number;
	err_sys(e, "%s cannot be set aside; is it a mount point", dir);
	return -1;
}

static int
put_in_place(const struct restoring *r, struct err *e)
{
	const char *dir = r->lc->conf.data_dir, *new = r->conf->data_dir;

	if (backup_sync(new, e) == -1)
		return -1;
	if (r->has_old) {
		if (set_aside(r, e) == -1)
			return -1;
	} else if (rename(new, dir) == -1) {
		err_sys(e, "%s: rename", dir);
		return -1;
	}
	if (backup_sync(dir, e) == 0)
		return 0;
	fprintf(stderr, "listctl: %s is restored but perhaps not on the disk "
	    "yet; what was there is %s\n", dir, r->has_old ? r->aside :
	    "nothing");
	return -1;
}

static void
tell(const struct restoring *r, const struct replay_result *said)
{
	json_t *o = json_pack("{s:s, s:I, s:b}", "restored", r->from,
	    "ledger", (json_int_t)r->m.ledger, "departures_due",
	    (int)!said->done);

	if (r->has_old)
		json_object_set_new(o, "set_aside", json_string(r->aside));
	listctl_replay_tell(o, said);
	listctl_print(stdout, o, r->lc->json, true);
	json_decref(o);
	if (!said->done && said->why.text[0] != '\0')
		fprintf(stderr, "listctl: %s\n", said->why.text);
	if (!said->done)
		fputs("listctl: nothing is sent until who left since the "
		    "backup is known: listctl restore --replay PATH, or "
		    "--waive NAME\n", stderr);
}

/* Mark the new store, and tell it what is known. */
static int
mark_and_replay(struct restoring *r, struct replay_result *said)
{
	const char *given = listctl_option(r->lc, "replay");
	struct replay_task k = { .lc = r->lc, .conf = r->conf,
		.users = &r->users, .begin = true, .backup_ms = r->m.when_ms,
		.path = given, .journal = r->knows ? r->journal : NULL,
		.old = r->same ? r->lc->conf.data_dir : NULL,
		.result = said };
	int ret = listctl_replay(&k);

	if (ret != STATUS_OK || (!r->knows && given == NULL))
		return ret;
	k.begin = false;
	return listctl_replay(&k);
}

static int
build(struct restoring *r, struct replay_result *said, struct err *e)
{
	struct layout l = { .data_fd = -1, .lock_fd = -1 };
	int ret;

	look_for_journal(r);
	if (make_new(r, e) == -1 ||
	    layout_open(r->conf, &r->users, &l, e) == -1) {
		layout_close(&l);
		return listctl_complain(r->lc, e, STATUS_NO);
	}
	ret = mark_and_replay(r, said);
	if (ret == STATUS_OK && put_in_place(r, e) == -1)
		ret = listctl_complain(r->lc, e, STATUS_AGAIN);
	layout_close(&l);
	return ret;
}

static bool
is_there(const char *path)
{
	struct stat sb;

	return lstat(path, &sb) == 0;
}

/* A free name for what is set aside, before anything is made. */
static bool
name_aside(struct restoring *r)
{
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];
	int n;

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	n = snprintf(r->aside, sizeof(r->aside), "%s.lost-%s",
	    r->lc->conf.data_dir, stamp);
	for (int i = 2; is_there(r->aside) && i <= ASIDE_TRIES; i++)
		snprintf(r->aside + n, sizeof(r->aside) - (size_t)n, "-%d",
		    i);
	if (!is_there(r->aside))
		return true;
	fprintf(stderr, "listctl: %s is there\n", r->aside);
	return false;
}

/* Names beside data_dir; false: they are too long, or one is there. */
static bool
name_beside(struct restoring *r)
{
	int n = snprintf(r->conf->data_dir, sizeof(r->conf->data_dir),
	    "%s.restoring", r->lc->conf.data_dir);

	if (n < 0 || (size_t)n >= sizeof(r->conf->data_dir)) {
		fputs("listctl: the name of data_dir is too long\n", stderr);
		return false;
	}
	if (!is_there(r->conf->data_dir))
		return name_aside(r);
	fprintf(stderr, "listctl: %s is there, the half-made store of a "
	    "restore that was cut short: remove it first\n",
	    r->conf->data_dir);
	return false;
}

static int
restore(const struct listctl *lc, struct conf *conf)
{
	struct restoring r = { .lc = lc, .from = lc->arg[0], .conf = conf,
		.lock = -1 };
	struct replay_result *said = listctl_replay_result();
	struct err e = ERR_INIT;
	int ret;

	*conf = lc->conf;
	if (said == NULL || layout_users_lookup(&lc->conf, &r.users, &e) ==
	    -1)
		return listctl_complain(lc, &e, STATUS_CONFIG);
	if (read_manifest(&r, &e) == -1 || lock_old(&r, &e) == -1)
		ret = listctl_complain(lc, &e, STATUS_NO);
	else if (!name_beside(&r))
		ret = STATUS_NO;
	else if ((ret = build(&r, said, &e)) == STATUS_OK)
		tell(&r, said);
	else
		backup_remove(conf->data_dir, NULL);
	if (r.lock != -1)
		close(r.lock);
	backup_manifest_free(&r.m);
	munmap(said, sizeof(*said));
	return ret;
}

int
listctl_restore(const struct listctl *lc)
{
	struct conf *conf;
	int ret;

	if (lc->arg[0] == NULL)
		return listctl_restore_rest(lc);
	if (listctl_option(lc, "waive") != NULL) {
		fputs("listctl: waive what the restored store lacks when it "
		    "is there\n", stderr);
		return STATUS_USAGE;
	}
	conf = calloc(1, sizeof(*conf));
	if (conf == NULL)
		return STATUS_AGAIN;
	ret = restore(lc, conf);
	free(conf);
	return ret;
}
