/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_ledger.c - ledger checkpoint, ledger verify: on the store itself,
 * beside a running daemon or without one.
 *
 * Both read in a child with no more rights than the role whose files these
 * are, for a page that is garbage can kill who reads it.  Checkpoints from
 * outside are read before the rights go and looked at after.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/date.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/mailhead.h"
#include "lib/strbuf.h"
#include "lib/sys/rights.h"
#include "lib/witness.h"
#include "lib/xmalloc.h"
#include "listd/layout.h"
#include "listd/listctl_local.h"
#include "listd/listctl_print.h"
#include "listd/listctl_store.h"
#include "listd/role.h"
#include "spool/ledger_sign.h"
#include "spool/ledger_verify.h"
#include "spool/secrets.h"
#include "spool/store.h"

#define STILL_SECONDS	120	/* of silence: it goes round in circles */
#define OUTSIDE_MAX	10000	/* files of --against */
#define OUTSIDE_OCTETS	(256u << 10)	/* read of each: a mail's header */

/* What somebody holds, as it was read. */
struct outside {
	char		*name;
	struct strbuf	text;
};

struct looking {
	const struct listctl *lc;
	struct layout_users users;
	int		(*look)(struct looking *k, struct store *st,
			    struct err *e);
	const char	*against;	/* or NULL */
	bool		still;		/* no daemon runs */
	struct outside	*outside;
	size_t		 n;
	bool		folder;		/* these are all of one */
	uint64_t	skipped;	/* of them: hold no checkpoint */

	/* In memory that the parent sees too. */
	struct {
		uint64_t	done;
		uint64_t	findings;
		bool		begun;
	} *shared;
};

/* ---- checkpoints from outside */

static int
read_one(struct looking *k, const char *path, struct err *e)
{
	struct outside *o;
	char buf[16384];
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1) {
		err_sys(e, "%s", path);
		return -1;
	}
	k->outside = xreallocarray(k->outside, k->n + 1, sizeof(*o));
	o = &k->outside[k->n++];
	o->name = xstrdup(path);
	strbuf_init(&o->text, OUTSIDE_OCTETS);
	while (o->text.len + sizeof(buf) <= OUTSIDE_OCTETS &&
	    (n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(&o->text, buf, (size_t)n);
	if (n == -1)
		err_sys(e, "%s", path);
	close(fd);
	return n == -1 ? -1 : 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct outside *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* All plain files of a folder. */
static int
read_folder(struct looking *k, DIR *dir, const char *path, struct err *e)
{
	char name[4096];
	struct dirent *d;
	struct stat sb;

	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.' || (size_t)snprintf(name,
		    sizeof(name), "%s/%s", path, d->d_name) >= sizeof(name) ||
		    stat(name, &sb) == -1 || !S_ISREG(sb.st_mode))
			continue;
		if (k->n == OUTSIDE_MAX) {
			err_set(e, ERR_LIMIT, "%s: more than %d files", path,
			    OUTSIDE_MAX);
			return -1;
		}
		if (read_one(k, name, e) == -1)
			return -1;
	}
	if (k->n == 0) {
		err_set(e, ERR_NOTFOUND, "%s: no file in it", path);
		return -1;
	}
	qsort(k->outside, k->n, sizeof(*k->outside), by_name);
	return 0;
}

static int
read_outside(struct looking *k, struct err *e)
{
	DIR *dir = opendir(k->against);
	int ret;

	if (dir == NULL)
		return read_one(k, k->against, e);
	k->folder = true;
	ret = read_folder(k, dir, k->against, e);
	closedir(dir);
	return ret;
}

/*
 * Of the header of a mail: somebody on its way may have put a field before
 * ours, so each is tried.  1, 0 there is no such field, -1 none is ours.
 */
static int
read_fields(const struct outside *o, struct ledger_claim *c,
    const struct note_key *keys, size_t n, struct err *e)
{
	struct mailhead *h = mailhead_parse(o->text.s, o->text.len, NULL);
	unsigned fields = h != NULL ? mailhead_count(h, WITNESS_FIELD) : 0;
	int ret = fields == 0 ? 0 : -1;

	for (unsigned i = 0; i < fields && ret == -1; i++) {
		struct strbuf note = STRBUF_INIT(WITNESS_NOTE_MAX);
		const char *value = mailhead_get(h, WITNESS_FIELD, i);

		if (witness_read(&note, value, strlen(value), e) == 0 &&
		    ledger_claim_read(c, note.s, note.len, keys, n, e) == 0)
			ret = 1;
		strbuf_free(&note);
	}
	mailhead_free(h);
	return ret;
}

/* A note, or one in the header of a mail.  1, 0 it is neither, -1. */
static int
read_claim(const struct outside *o, struct ledger_claim *c,
    const struct note_key *keys, size_t n, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	c->name = o->name;
	if (ledger_claim_read(c, o->text.s, o->text.len, keys, n, &why) == 0)
		return 1;
	rc = read_fields(o, c, keys, n, e);
	if (rc == 0)
		*e = why;
	return rc == 0 && why.code != ERR_INPUT ? -1 : rc;
}

static void
outside_free(struct looking *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->outside[i].name);
		strbuf_free(&k->outside[i].text);
	}
	free(k->outside);
}

/* ---- the child */

static int
run(void *arg)
{
	struct looking *k = arg;
	const char *data_dir = k->lc->conf.data_dir;
	struct keyring *keys = keyring_new();
	struct store *st = NULL;
	struct err e = ERR_INIT;
	int ret;

	alarm(STILL_SECONDS);
	if (k->against != NULL && read_outside(k, &e) == -1) {
		fprintf(stderr, "listctl: %s\n", e.text);
		ret = STATUS_USAGE;
	} else if (secrets_load(keys, data_dir, SECRETS_ALL, &e) == -1 ||
	    rights_limit(&e) == -1 || (k->users.root &&
	    rights_drop(&k->users.of[ROLE_QUEUE], &e) == -1) ||
	    (st = listctl_open_store(k->lc, keys, false, false, &e)) ==
	    NULL) {
		ret = listctl_complain(k->lc, &e, STATUS_CONFIG);
	} else {
		k->shared->begun = true;
		if ((ret = k->look(k, st, &e)) == -1)
			ret = listctl_complain(k->lc, &e, STATUS_CONFIG);
	}
	store_close(st);
	keyring_free(keys);
	outside_free(k);
	return ret;
}

static int
in_child(struct looking *k)
{
	struct err e = ERR_INIT;
	int ret, killed = 0;

	k->shared = mmap(NULL, sizeof(*k->shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->shared == MAP_FAILED) {
		fprintf(stderr, "listctl: mmap: %s\n", strerror(errno));
		return STATUS_AGAIN;
	}
	if (layout_users_lookup(&k->lc->conf, &k->users, &e) == -1)
		ret = listctl_complain(k->lc, &e, STATUS_CONFIG);
	else if ((ret = listctl_in_child(run, k, &killed)) == -1) {
		fprintf(stderr, "listctl: %s: after entry %llu what reads the "
		    "store was ended by SIG%s\n", k->lc->conf.data_dir,
		    (unsigned long long)k->shared->done,
		    sigabbrev_np(killed));
		ret = k->shared->begun ? STATUS_NO : STATUS_CONFIG;
	}
	munmap(k->shared, sizeof(*k->shared));
	return ret;
}

/* ---- verify */

static void
clear_line(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* Numbers of JSON are signed here: one that is too large is its digits. */
static json_t *
number(uint64_t n)
{
	return n <= INT64_MAX ? json_integer((json_int_t)n) :
	    json_sprintf("%llu", (unsigned long long)n);
}

static void
tell(void *arg, uint64_t index, const char *text)
{
	struct looking *k = arg;
	json_t *o = json_pack("{s:s}", "text", text);

	if (index != 0)
		json_object_set_new(o, "entry", number(index));
	k->shared->findings++;
	clear_line();
	listctl_print(stdout, o, k->lc->json, false);
	json_decref(o);
	fflush(stdout);
}

static void
tell_progress(void *arg, uint64_t done, uint64_t of)
{
	struct looking *k = arg;

	k->shared->done = done;
	alarm(STILL_SECONDS);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%llu of %llu entries",
		    (unsigned long long)done, (unsigned long long)of);
}

/* The checkpoints that were given; what is none of ours is told.  How many. */
static size_t
find_claims(struct looking *k, struct store *st, struct ledger_claim *claim)
{
	struct note_key *keys = NULL;
	char text[512];
	struct err e = ERR_INIT;
	size_t n = 0, found = 0;
	struct txn *t;

	if (k->n > 0 && txn_read(st, STORE_S, &t, &e) == 0) {
		n = ledger_keys_ever(t, &keys, &e);
		txn_end(t);
	}
	for (size_t i = 0; i < k->n; i++) {
		int rc = read_claim(&k->outside[i], &claim[found], keys, n,
		    &e);

		if (rc == 1)
			found++;
		if (rc == 1)
			continue;
		/* Whatever else lies in a folder is no witness. */
		if (rc == 0 && k->folder) {
			k->skipped++;
			fprintf(stderr, "listctl: %s: no checkpoint in it\n",
			    k->outside[i].name);
			continue;
		}
		snprintf(text, sizeof(text), "%.200s: %.250s",
		    k->outside[i].name, e.text);
		tell(k, 0, text);
	}
	if (k->skipped > 0 && k->skipped == k->n)
		tell(k, 0, "no file of the folder has a checkpoint in it");
	free(keys);
	return found;
}

static void
print_verdict(const struct looking *k, const struct ledger_verdict *v)
{
	char root[2 * LEDGER_HASH + 1];
	json_t *o;

	for (size_t i = 0; i < LEDGER_HASH; i++)
		snprintf(root + 2 * i, 3, "%02x", v->root[i]);
	o = json_pack("{s:I, s:I, s:s, s:I, s:I}", "entries",
	    (json_int_t)v->size, "erased", (json_int_t)v->erased, "root",
	    root, "signed", (json_int_t)v->signed_size, "findings",
	    (json_int_t)k->shared->findings);
	if (k->skipped != 0)
		json_object_set_new(o, "skipped",
		    json_integer((json_int_t)k->skipped));
	if (v->unvouched != 0)
		json_object_set_new(o, "unvouched",
		    json_integer((json_int_t)v->unvouched));
	if (v->first != 0)
		json_object_set_new(o, "first_wrong", number(v->first));
	if (k->against != NULL)
		json_object_set_new(o, "holds",
		    json_integer((json_int_t)v->holds));
	if (v->fails != 0)
		json_object_set_new(o, "fails",
		    json_integer((json_int_t)v->fails));
	listctl_print(stdout, o, k->lc->json, false);
	json_decref(o);
}

static int
verify(struct looking *k, struct store *st, struct err *e)
{
	struct ledger_claim *claim = xcalloc(k->n + 1, sizeof(*claim));
	const struct conf_witnesses *witnesses = &k->lc->conf.ledger_witness;
	struct ledger_verifying p = { .st = st, .claim = claim,
		.witness = witnesses->v, .witnesses = witnesses->n,
		.still = k->still, .finding = tell,
		.progress = tell_progress, .arg = k };
	struct ledger_verdict v;
	uint64_t told;
	int rc;

	p.claims = find_claims(k, st, claim);
	told = k->shared->findings;
	rc = ledger_verify(&p, &v, e);
	clear_line();
	free(claim);
	if (rc == -1)
		return -1;
	k->shared->findings = told + v.findings;	/* untold ones too */
	print_verdict(k, &v);
	return k->shared->findings == 0 ? STATUS_OK : STATUS_NO;
}

/* A running daemon holds its lock. */
static bool
is_still(const struct listctl *lc)
{
	char path[2 * CONF_PATH_MAX];
	bool held = false;
	int fd;

	snprintf(path, sizeof(path), "%s/lock", lc->conf.data_dir);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return true;
	held = flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
	close(fd);
	return !held;
}

int
listctl_ledger_verify(const struct listctl *lc)
{
	struct looking k = { .lc = lc, .look = verify,
		.still = is_still(lc),
		.against = listctl_option(lc, "against") };

	return in_child(&k);
}

/* ---- checkpoint */

static int
print_keys(const struct listctl *lc, struct slice lines)
{
	json_t *keys = json_array(), *o;

	if (!lc->json) {
		fwrite(lines.p, 1, lines.len, stdout);
		json_decref(keys);
		return STATUS_OK;
	}
	for (size_t at = 0; at < lines.len;) {
		const char *p = (const char *)lines.p + at;
		const char *end = memchr(p, '\n', lines.len - at);
		size_t len = end != NULL ? (size_t)(end - p) : lines.len - at;

		json_array_append_new(keys, json_stringn(p, len));
		at += len + 1;
	}
	o = json_pack("{s:o}", "keys", keys);
	listctl_print(stdout, o, true, false);
	json_decref(o);
	return STATUS_OK;
}

static int
print_checkpoint(const struct listctl *lc, const struct ledger_checkpoint *c)
{
	char when[DATE_RFC3339_LEN + 1];
	json_t *o;

	if (!lc->json) {
		fwrite(c->text, 1, c->len, stdout);
		return STATUS_OK;
	}
	date_rfc3339(c->when_ms, when);
	o = json_pack("{s:I, s:s, s:b, s:s}", "entries", (json_int_t)c->size,
	    "time", when, "clock_unsure", c->clock_unsure, "checkpoint",
	    c->text);
	listctl_print(stdout, o, true, false);
	json_decref(o);
	return STATUS_OK;
}

static int
checkpoint(struct looking *k, struct store *st, struct err *e)
{
	bool key = listctl_option(k->lc, "key") != NULL;
	struct strbuf lines = STRBUF_INIT(SIZE_MAX);
	struct ledger_checkpoint c;
	struct txn *t;
	int rc, ret = -1;

	if (txn_read(st, STORE_S, &t, e) == -1)
		return -1;
	rc = key ? ledger_vkeys_ever(t, &lines, e) :
	    ledger_checkpoint(t, &c, e);
	if (rc == 1)
		ret = key ? print_keys(k->lc, SLICE(lines.s, lines.len)) :
		    print_checkpoint(k->lc, &c);
	strbuf_free(&lines);
	txn_end(t);
	if (rc != 0)
		return ret;
	fprintf(stderr, "listctl: nothing was signed yet: listd does it when "
	    "it starts\n");
	return STATUS_NO;
}

int
listctl_ledger_checkpoint(const struct listctl *lc)
{
	struct looking k = { .lc = lc, .look = checkpoint };

	return in_child(&k);
}
