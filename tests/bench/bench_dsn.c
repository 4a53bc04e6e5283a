/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_dsn.c - how many bounces a second one core reads and scores.
 *
 *	bench_dsn FILE...
 *
 * Each file is parsed, its recipients classified and its verdict taken, over
 * and over in turn.  Time is CPU time of the one thread; BENCH_BOUNCES
 * (default 20000) is how many messages in all.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/dsn.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define FILE_MAX	(1u << 20)

static void
read_file(const char *path, struct strbuf *out)
{
	FILE *f = fopen(path, "rb");
	char buf[4096];
	size_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
	if (out->overflow) {
		fprintf(stderr, "%s: too large\n", path);
		exit(1);
	}
}

static double
cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Octets of recipients, so that nothing of the work can be left out. */
static unsigned
read_one(const struct strbuf *text, const char *path)
{
	struct err e = ERR_INIT;
	struct dsn_report *r = dsn_parse(text->s, text->len, true, &e);
	unsigned n, which = 0;

	if (r == NULL) {
		fprintf(stderr, "%s: %s\n", path, e.text);
		exit(1);
	}
	n = (unsigned)dsn_report_verdict(r, &which) + r->recipients;
	dsn_report_free(r);
	return n;
}

int
main(int argc, char **argv)
{
	const char *env = getenv("BENCH_BOUNCES");
	unsigned long want = env != NULL ? strtoul(env, NULL, 10) : 20000;
	unsigned long done = 0, told = 0;
	size_t n = (size_t)argc - 1;
	struct strbuf *file;
	double began;

	if (argc < 2 || (file = calloc(n, sizeof(*file))) == NULL) {
		fputs("usage: bench_dsn FILE...\n", stderr);
		return 2;
	}
	dsn_setup();
	for (size_t i = 0; i < n; i++) {
		strbuf_init(&file[i], FILE_MAX);
		read_file(argv[i + 1], &file[i]);
		told += read_one(&file[i], argv[i + 1]);
	}
	if (told == 0) {
		fputs("bench_dsn: not one of these is a report\n", stderr);
		return 1;
	}
	for (began = cpu_s(); done < want; done++)
		told += read_one(&file[done % n], argv[done % n + 1]);
	printf("bench bounces_per_s %.0f /s\n",
	    (double)done / (cpu_s() - began));
	for (size_t i = 0; i < n; i++)
		strbuf_free(&file[i]);
	free(file);
	return 0;
}
