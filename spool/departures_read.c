/* SPDX-License-Identifier: Apache-2.0 */
/*
 * departures_read.c - what a journal of departures says.
 *
 * All records have one length, so one that is damaged is passed over and the
 * next is found.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

int
departures_read(const char *path, departure_fn *fn, void *arg,
    uint64_t *damaged_r, struct err *e)
{
	char name[PATH_OCTETS];
	struct stat sb;
	int rc = 1;

	*damaged_r = 0;
	if (stat(path, &sb) == -1) {
		err_set(e, errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM,
		    "%s: not there, or not to be read", path);
		return -1;
	}
	if (!S_ISDIR(sb.st_mode))
		return read_file(path, fn, arg, damaged_r, e) == -1 ? -1 : 0;
	for (unsigned n = 1; rc == 1; n++) {
		snprintf(name, sizeof(name), "%s/%08u.log", path, n);
		rc = read_file(name, fn, arg, damaged_r, e);
	}
	return rc;
}
