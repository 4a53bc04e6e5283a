/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_driver.c - run a fuzz target without libFuzzer.
 *
 * Every file named on the command line, or lying in a folder named there, goes
 * to the target once, then FUZZ_MUTATIONS times (environment, default 200)
 * with bytes changed, cut, doubled or joined by a generator of fixed seed: the
 * same inputs on every run.  Built with sanitizers this is the short fuzz
 * profile of `make check`; `make fuzz` is the long one.
 */
#include "config.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX	(1 << 20)

static unsigned long runs;

static uint32_t
next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

/* The target gets its own exact-size copy, so that reads past it are seen. */
static void
run_one(const char *data, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	if (copy == NULL)
		exit(1);
	if (len != 0)
		memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	runs++;
}

static void
mutate(struct strbuf *b, uint64_t *x)
{
	static const char spice[] = "\0\n\r\t \"<>()@.;:,=%{}\\/-\377\200\1";
	unsigned n = 1 + next_random(x) % 8;

	while (n-- > 0 && b->len > 0) {
		size_t at = next_random(x) % b->len;

		switch (next_random(x) % 5) {
		case 0:
			b->s[at] = (char)next_random(x);
			break;
		case 1:
			b->s[at] = spice[next_random(x) % (sizeof(spice) - 1)];
			break;
		case 2:
			b->s[at] ^= (char)(1 << next_random(x) % 8);
			break;
		case 3:
			strbuf_truncate(b, at);
			break;
		case 4:
			if (b->len < INPUT_MAX / 2) {
				size_t len = next_random(x) % (b->len - at);
				char *tmp = malloc(len + 1);

				if (tmp == NULL)
					exit(1);
				memcpy(tmp, b->s + at, len);
				strbuf_add(b, tmp, len);
				free(tmp);
			}
			break;
		}
	}
}

static void
run_file(const char *path, unsigned long mutations)
{
	struct strbuf whole = STRBUF_INIT(INPUT_MAX);
	struct strbuf b = STRBUF_INIT(INPUT_MAX);
	uint64_t x = 88172645463325252u;
	FILE *f = fopen(path, "rb");
	char buf[65536];
	size_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(&whole, buf, n);
	fclose(f);
	run_one(whole.s, whole.len);
	for (unsigned long i = 0; i < mutations; i++) {
		strbuf_reset(&b);
		strbuf_add(&b, whole.s, whole.len);
		mutate(&b, &x);
		run_one(b.s, b.len);
	}
	strbuf_free(&b);
	strbuf_free(&whole);
}

static void
run_path(const char *path, unsigned long mutations)
{
	struct stat st;
	struct dirent **names;
	int n;

	if (stat(path, &st) == -1) {
		perror(path);
		exit(1);
	}
	if (!S_ISDIR(st.st_mode)) {
		run_file(path, mutations);
		return;
	}
	if ((n = scandir(path, &names, NULL, alphasort)) == -1) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		struct strbuf file = STRBUF_INIT(4096);

		strbuf_addf(&file, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			run_file(file.s, mutations);
		strbuf_free(&file);
		free(names[i]);
	}
	free(names);
}

int
main(int argc, char **argv)
{
	const char *env = getenv("FUZZ_MUTATIONS");
	unsigned long mutations = env != NULL ? strtoul(env, NULL, 10) : 200;

	run_one("", 0);
	for (int i = 1; i < argc; i++)
		run_path(argv[i], mutations);
	printf("%lu runs\n", runs);
	return 0;
}
