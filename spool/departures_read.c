/* SPDX-License-Identifier: Apache-2.0 */
/*
 * departures_read.c - what a journal of departures says.
 *
 * All records have one length, so one that is damaged is passed over and the
 * next is found.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/departures_private.h"

#define READ_RECORDS	1024
#define PATH_OCTETS	4096

static int
read_records(FILE *f, departure_fn *fn, void *arg, uint64_t *damaged_r,
    struct err *e)
{
	uint8_t (*buf)[DEPARTURE_OCTETS] = xcalloc(READ_RECORDS,
	    sizeof(*buf));
	struct departure d;
	size_t n, rc = 0;

	/* What a crash left behind the last whole one is none. */
	while (rc == 0 && (n = fread(buf, sizeof(*buf), READ_RECORDS, f)) > 0)
		for (size_t i = 0; i < n && rc == 0; i++) {
			if (!departure_get(buf[i], &d))
				++*damaged_r;
			else if (fn(arg, &d, e) == -1)
				rc = 1;
		}
	if (rc == 0 && ferror(f)) {
		err_sys(e, DEPARTURES_DIR);
		rc = 1;
	}
	free(buf);
	return rc == 0 ? 0 : -1;
}

/* 1 read, 0 there is none, -1. */
static int
read_file(const char *path, departure_fn *fn, void *arg, uint64_t *damaged_r,
    struct err *e)
{
	FILE *f = fopen(path, "rbe");
	int rc;

	if (f == NULL && errno == ENOENT)
		return 0;
	if (f == NULL) {
		err_sys(e, "%s", path);
		return -1;
	}
	rc = read_records(f, fn, arg, damaged_r, e);
	fclose(f);
	return rc == -1 ? -1 : 1;
}

/* The highest number of a file in the folder, 0: there is none. */
static unsigned
last_file(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n, last = 0;
	struct dirent *f;
	int end;

	if (dir == NULL)
		return 0;
	while ((f = readdir(dir)) != NULL) {
		end = 0;
		if (sscanf(f->d_name, "%8u.log%n", &n, &end) == 1 &&
		    end == 12 && f->d_name[end] == '\0' && n > last)
			last = n;
	}
	closedir(dir);
	return last;
}

/* One that is missing does not hide those behind it. */
int
departures_read(const char *path, departure_fn *fn, void *arg,
    uint64_t *damaged_r, struct err *e)
{
	char name[PATH_OCTETS];
	unsigned last;
	struct stat sb;

	*damaged_r = 0;
	if (stat(path, &sb) == -1) {
		err_set(e, errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM,
		    "%s: not there, or not to be read", path);
		return -1;
	}
	if (!S_ISDIR(sb.st_mode))
		return read_file(path, fn, arg, damaged_r, e) == -1 ? -1 : 0;
	last = last_file(path);
	for (unsigned n = 1; n <= last; n++) {
		snprintf(name, sizeof(name), "%s/%08u.log", path, n);
		if (read_file(name, fn, arg, damaged_r, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- is it whole */

struct run {
	uint64_t	from, to;
};

struct joining {
	uint64_t	 after;
	struct departure known;		/* what own has of it, or number 0 */
	bool		 same;
	struct run	*v;		/* numbers from it on, as they come */
	size_t		 n, cap;
};

static int
find_known(void *arg, const struct departure *d, struct err *e)
{
	struct joining *j = arg;

	(void)e;
	if (d->number == j->after)
		j->known = *d;
	return 0;
}

static int
join_record(void *arg, const struct departure *d, struct err *e)
{
	struct joining *j = arg;
	struct run *last = j->n > 0 ? &j->v[j->n - 1] : NULL;

	(void)e;
	if (d->number == j->after)
		j->same |= j->known.number == 0 || (d->kind == j->known.kind &&
		    d->id == j->known.id && memcmp(d->hash, j->known.hash,
		    sizeof(d->hash)) == 0);
	if (d->number < j->after || d->number == 0)
		return 0;
	if (last != NULL && d->number - 1 == last->to) {
		last->to = d->number;
		return 0;
	}
	if (j->n == j->cap) {
		j->cap = j->cap != 0 ? j->cap * 2 : 64;
		j->v = xreallocarray(j->v, j->cap, sizeof(*j->v));
	}
	j->v[j->n++] = (struct run){ d->number, d->number };
	return 0;
}

static int
by_first(const void *x, const void *y)
{
	const struct run *a = x, *b = y;

	return (a->from > b->from) - (a->from < b->from);
}

static int
judge(struct joining *j, const char *path, uint64_t damaged,
    uint64_t *last_r, struct err *e)
{
	uint64_t have = j->after > 0 ? j->after - 1 : 0;

	if (j->n == 0 || (j->after > 0 && !j->same)) {
		err_set(e, ERR_REFUSED, "%s does not go on from the backup: "
		    "departure %llu is not in it", path, (unsigned long long)
		    (j->after > 0 ? j->after : 1));
		return -1;
	}
	qsort(j->v, j->n, sizeof(*j->v), by_first);
	for (size_t i = 0; i < j->n; i++) {
		if (j->v[i].from > have && j->v[i].from - have > 1) {
			err_set(e, ERR_DAMAGED, "%s lacks departures %llu to "
			    "%llu", path, (unsigned long long)have + 1,
			    (unsigned long long)j->v[i].from - 1);
			return 0;
		}
		if (j->v[i].to > have)
			have = j->v[i].to;
	}
	*last_r = have;
	if (damaged == 0)
		return 1;
	err_set(e, ERR_DAMAGED, "%s has %llu damaged records", path,
	    (unsigned long long)damaged);
	return 0;
}

int
departures_join(const char *path, const char *own, uint64_t after,
    uint64_t *last_r, struct err *e)
{
	struct joining j = { .after = after };
	struct err ignored = ERR_INIT;
	uint64_t damaged;
	int rc = -1;

	*last_r = 0;
	if (after > 0)
		departures_read(own, find_known, &j, &damaged, &ignored);
	if (departures_read(path, join_record, &j, &damaged, e) == 0)
		rc = judge(&j, path, damaged, last_r, e);
	free(j.v);
	return rc;
}

/* ---- the mark */

int
departures_set_due(const char *dir, bool due, struct err *e)
{
	char name[PATH_OCTETS];
	int fd;

	snprintf(name, sizeof(name), "%s/" DEPARTURES_DUE, dir);
	if (!due && (unlink(name) == 0 || errno == ENOENT))
		return 0;
	if (due && (fd = open(name, O_WRONLY | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC, 0640)) != -1) {
		close(fd);
		return 0;
	}
	err_sys(e, "%s", name);
	return -1;
}

bool
departures_are_due(const char *dir)
{
	char name[PATH_OCTETS];
	struct stat sb;

	snprintf(name, sizeof(name), "%s/" DEPARTURES_DUE, dir);
	return lstat(name, &sb) == 0;
}
