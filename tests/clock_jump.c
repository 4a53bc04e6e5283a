/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_jump.c - make and move the clock page of a daemon under test.
 *
 *	clock_jump FILE			make it, both offsets zero
 *	clock_jump FILE MS		time passes: both clocks go on by MS
 *	clock_jump FILE MS UTC_MS	monotonic by MS, wall clock by UTC_MS
 *
 * MS is not negative; UTC_MS may be: somebody sets the clock back.  The file
 * is written in one piece, so a daemon never sees half a page.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sys/realclock.h"

static int
usage(void)
{
	fputs("usage: clock_jump FILE [MS [UTC_MS]]\n", stderr);
	return 2;
}

static int
make(const char *path)
{
	struct clock_page page = { .magic = CLOCK_PAGE_MAGIC };
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd == -1 || write(fd, &page, sizeof(page)) != sizeof(page)) {
		perror(path);
		return 1;
	}
	close(fd);
	return 0;
}

static int
number(const char *s, int64_t *n_r)
{
	char *end;

	errno = 0;
	*n_r = strtoll(s, &end, 10);
	return errno == 0 && end != s && *end == '\0' ? 0 : -1;
}

static int
jump(const char *path, int64_t mono_ms, int64_t utc_ms)
{
	struct clock_page *page;
	int fd = open(path, O_RDWR);

	if (fd == -1) {
		perror(path);
		return 1;
	}
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (page == MAP_FAILED || page->magic != CLOCK_PAGE_MAGIC) {
		fprintf(stderr, "%s: not a clock page\n", path);
		return 1;
	}
	/* Records first: who is woken by the one reads the other. */
	__atomic_add_fetch(&page->utc_ms, utc_ms, __ATOMIC_ACQ_REL);
	__atomic_add_fetch(&page->mono_ms, mono_ms, __ATOMIC_ACQ_REL);
	return 0;
}

int
main(int argc, char **argv)
{
	int64_t mono_ms, utc_ms;

	if (argc == 2)
		return make(argv[1]);
	if (argc < 3 || argc > 4 || number(argv[2], &mono_ms) == -1 ||
	    mono_ms < 0)
		return usage();
	utc_ms = mono_ms;
	if (argc == 4 && number(argv[3], &utc_ms) == -1)
		return usage();
	return jump(argv[1], mono_ms, utc_ms);
}
