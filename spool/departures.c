/* SPDX-License-Identifier: Apache-2.0 */
/*
 * departures.c - a journal of who left, beside the store.
 *
 * The writer of S appends with one write(2) a commit and waits for no disk;
 * the thread that syncs holds a descriptor of its own.
 */
#include "config.h"

#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/departures.h"
#include "spool/departures_private.h"
#include "spool/store_private.h"

#define RECORD_VERSION	1
#define PENDING_MAX	(64u << 20)	/* octets of one transaction */

struct departures {
	int		 dir;
	unsigned	 number;	/* of the file at hand */
	int		 fd;
	off_t		 len;		/* of whole records in it */
	pthread_t	 thread;
	pthread_mutex_t	 lock;		/* of all below, fd and number */
	pthread_cond_t	 wake;
	bool		 dirty, stop, trouble;
	struct err	 why;
};

/* Of one transaction: before its commit, and behind it. */
struct pending {
	struct txn_cache cache;
	struct departures *d;
	struct strbuf	 before, behind;
};

/* ---- records */

static void
put(struct strbuf *b, const struct departure *d)
{
	size_t from = b->len;

	pack_u8(b, RECORD_VERSION);
	pack_u64(b, d->number);
	pack_u8(b, (uint8_t)d->kind);
	pack_i64(b, d->when_ms);
	pack_u8(b, (uint8_t)d->scope);
	pack_u32(b, d->id);
	pack_u8(b, (uint8_t)d->reason);
	pack_u8(b, (uint8_t)d->setter);
	pack_raw(b, d->hash, sizeof(d->hash));
	pack_u64(b, d->consent);
	record_end_from(b, from);
	assert(b->overflow || b->len - from == DEPARTURE_OCTETS);
}

bool
departure_get(const uint8_t *p, struct departure *d)
{
	struct unpack u;
	uint8_t version;

	if (!record_open(&u, p, DEPARTURE_OCTETS, &version) ||
	    version != RECORD_VERSION)
		return false;
	d->number = unpack_u64(&u);
	d->kind = unpack_u8(&u);
	d->when_ms = unpack_i64(&u);
	d->scope = unpack_u8(&u);
	d->id = unpack_u32(&u);
	d->reason = unpack_u8(&u);
	d->setter = unpack_u8(&u);
	unpack_raw(&u, d->hash, sizeof(d->hash));
	d->consent = unpack_u64(&u);
	if (!unpack_done(&u) || d->kind == 0 || d->kind >= DEPARTURE_KINDS)
		return false;
	if (d->kind == DEPARTURE_ENDED || d->kind == DEPARTURE_ERASED ||
	    d->kind == DEPARTURE_INVITED)
		return true;
	return d->scope >= SUPPRESSION_LIST && d->scope <= SUPPRESSION_HOST &&
	    (d->kind != DEPARTURE_SET || (d->reason != 0 &&
	    d->reason < SUPPRESSION_REASONS &&
	    d->setter >= SUPPRESSION_BY_PERSON &&
	    d->setter <= SUPPRESSION_BY_SYSTEM));
}

/* ---- the thread that syncs */

static void *
sync_main(void *arg)
{
	const struct timespec pause = { 0, DEPARTURES_SYNC_MS * 1000000 };
	struct departures *d = arg;
	int fd;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		while (!d->dirty && !d->stop)
			pthread_cond_wait(&d->wake, &d->lock);
		if (d->stop)
			break;
		pthread_mutex_unlock(&d->lock);
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&d->lock);
		d->dirty = false;
		fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
		pthread_mutex_unlock(&d->lock);
		if (fd == -1 || fdatasync(fd) == -1)
			departures_complain(d, "sync");
		if (fd != -1)
			close(fd);
		pthread_mutex_lock(&d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

void
departures_complain(struct departures *d, const char *what)
{
	int saved = errno;

	pthread_mutex_lock(&d->lock);
	errno = saved;
	err_sys(&d->why, DEPARTURES_DIR ": %s", what);
	d->trouble = true;
	pthread_mutex_unlock(&d->lock);
}

int
departures_trouble(struct departures *d, struct err *e)
{
	bool trouble;

	pthread_mutex_lock(&d->lock);
	trouble = d->trouble;
	d->trouble = false;
	if (trouble)
		*e = d->why;
	pthread_mutex_unlock(&d->lock);
	return trouble;
}

/* ---- files */

/* Open the file of this number, cut to whole records. */
static int
open_file(struct departures *d, unsigned number)
{
	struct stat sb;
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "%08u.log", number);
	fd = openat(d->dir, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC, 0640);
	if (fd == -1)
		return -1;
	if (fstat(fd, &sb) == -1 || ftruncate(fd, sb.st_size -
	    sb.st_size % DEPARTURE_OCTETS) == -1 || fsync(d->dir) == -1) {
		close(fd);
		return -1;
	}
	pthread_mutex_lock(&d->lock);
	if (d->fd != -1) {
		fdatasync(d->fd);
		close(d->fd);
	}
	d->fd = fd;
	d->number = number;
	d->len = sb.st_size - sb.st_size % DEPARTURE_OCTETS;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static void
append(struct departures *d, const struct strbuf *b)
{
	ssize_t n;

	if (b->len == 0)
		return;
	if (d->len + (off_t)b->len > DEPARTURES_FILE_MAX && d->len > 0 &&
	    open_file(d, d->number + 1) == -1)
		departures_complain(d, "a new file");
	do {
		n = write(d->fd, b->s, b->len);
	} while (n == -1 && errno == EINTR);
	if (n != (ssize_t)b->len) {
		if (n >= 0)
			errno = ENOSPC;
		departures_complain(d, "write");
		/* The next one must begin where a record does. */
		if (ftruncate(d->fd, d->len) == -1)
			departures_complain(d, "truncate");
		return;
	}
	d->len += n;
	pthread_mutex_lock(&d->lock);
	d->dirty = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

/* ---- life */

static unsigned
last_file(int dir)
{
	unsigned n = 0;
	struct stat sb;
	char name[32];

	do {
		snprintf(name, sizeof(name), "%08u.log", ++n);
	} while (fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == 0);
	return n > 1 ? n - 1 : 1;
}

struct departures *
departures_open(const char *dir, struct err *e)
{
	struct departures *d = xcalloc(1, sizeof(*d));
	sigset_t all, old;

	d->fd = d->dir = -1;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->wake, NULL);
	if (mkdir(dir, 0750) == -1 && errno != EEXIST) {
		err_sys(e, "%s: mkdir", dir);
		goto fail;
	}
	d->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir == -1 || open_file(d, last_file(d->dir)) == -1) {
		err_sys(e, "%s", dir);
		goto fail;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	errno = pthread_create(&d->thread, NULL, sync_main, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (errno == 0)
		return d;
	err_sys(e, "%s: a thread", dir);
fail:
	if (d->fd != -1)
		close(d->fd);
	if (d->dir != -1)
		close(d->dir);
	free(d);
	return NULL;
}

void
departures_close(struct departures *d)
{
	if (d == NULL)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	fdatasync(d->fd);
	close(d->fd);
	close(d->dir);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->wake);
	free(d);
}

void
departures_use(struct store *st, struct departures *d)
{
	store_set_departures(st, d);
}

/* ---- of a transaction */

static int
pending_flush(struct txn *t, struct txn_cache *c, struct err *e)
{
	struct pending *p = (struct pending *)c;

	(void)t;
	if (p->before.overflow || p->behind.overflow) {
		err_set(e, ERR_LIMIT, "too many departures at once");
		return -1;
	}
	append(p->d, &p->before);
	return 0;
}

static void
pending_done(struct txn_cache *c)
{
	struct pending *p = (struct pending *)c;

	append(p->d, &p->behind);
}

static void
pending_drop(struct txn_cache *c)
{
	struct pending *p = (struct pending *)c;

	strbuf_free(&p->before);
	strbuf_free(&p->behind);
	free(p);
}

static struct pending *
pending_of(struct txn *t, struct departures *d)
{
	struct pending *p = (struct pending *)txn_cache(t, TXN_DEPARTURES);

	if (p != NULL)
		return p;
	p = xcalloc(1, sizeof(*p));
	p->cache = (struct txn_cache){ .flush = pending_flush,
		.done = pending_done, .drop = pending_drop };
	p->d = d;
	p->before = (struct strbuf)STRBUF_INIT(PENDING_MAX);
	p->behind = (struct strbuf)STRBUF_INIT(PENDING_MAX);
	txn_set_cache(t, TXN_DEPARTURES, &p->cache);
	return p;
}

int
departure_note(struct txn *t, const struct departure *given, struct err *e)
{
	struct departures *journal = store_departures(txn_store(t));
	struct departure d = *given;
	struct timespec now;
	struct pending *p;

	if (journal == NULL)
		return 0;
	if (txn_counter_next(t, COUNTER_DEPARTURE, &d.number, e) == -1 ||
	    txn_counter(t, COUNTER_CONSENT, &d.consent, e) == -1)
		return -1;
	if (d.when_ms == 0) {
		clock_gettime(CLOCK_REALTIME, &now);
		d.when_ms = now.tv_sec * 1000ll + now.tv_nsec / 1000000;
	}
	p = pending_of(t, journal);
	put(d.kind == DEPARTURE_LIFTED ? &p->behind : &p->before, &d);
	return 0;
}

int
departure_ended(struct txn *t, uint32_t list,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct departure d = { .kind = DEPARTURE_ENDED, .id = list };

	memcpy(d.hash, hash, sizeof(d.hash));
	return departure_note(t, &d, e);
}

int
departure_invited(struct txn *t, uint32_t list,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct departure d = { .kind = DEPARTURE_INVITED, .id = list };

	memcpy(d.hash, hash, sizeof(d.hash));
	return departure_note(t, &d, e);
}

int
departure_erased(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct departure d = { .kind = DEPARTURE_ERASED };

	memcpy(d.hash, hash, sizeof(d.hash));
	return departure_note(t, &d, e);
}
