/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_import.c - a file of members, of any format: what is taken has an
 * address, attributes that are JSON, and an entry when it is vouched for.  The
 * first octet says format, status and evidence.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "listd/import_format.h"
#include "listd/import_reader.h"

#define ROWS	64	/* looked at in one go */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyring *
make_keys(void)
{
	struct keyring *kr = keyring_new();
	uint8_t octets[KEY_OCTETS];

	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		memset(octets, (int)p + 1, sizeof(octets));
		if (keyring_rotate(kr, p, octets, NULL, NULL) == -1)
			abort();
	}
	return kr;
}

static void
look_at(const struct import_row *row, bool vouched)
{
	json_t *j;

	if (row->verdict != IMPORT_TAKE)
		return;
	if (row->domain[0] == '\0' || row->local[0] == '\0' ||
	    (row->entry.len > 0) != (vouched && !row->unvouched))
		abort();
	if (row->attributes == NULL)
		return;
	j = json_loads(row->attributes, 0, NULL);
	if (!json_is_object(j))
		abort();
	json_decref(j);
}

static void
read_all(struct import_reader *r, bool vouched)
{
	struct import_run *run = import_run_new(IMPORT_RUN);
	struct import_row rows[ROWS];
	struct err e = ERR_INIT;
	size_t n;

	do {
		if (import_reader_next(r, run, &e) == -1)
			break;
		for (size_t at = 0; at < run->n; at += n) {
			n = import_run_rows(run, at, rows, ROWS);
			for (size_t i = 0; i < n; i++)
				look_at(&rows[i], vouched);
		}
		for (size_t i = 0; i < run->nbad; i++)
			if (run->bad[i].why == NULL)
				abort();
	} while (!run->end);
	import_run_free(run);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const _Atomic bool stop = false;
	static struct keyring *keys;
	struct import im = { .id = 1, .list = 1 };
	struct import_reader *r;
	int fd;

	if (size == 0)
		return 0;
	if (keys == NULL)
		keys = make_keys();
	im.format = data[0] % IMPORT_FORMATS;
	im.vouched = (enum evidence)(data[0] / 2 % EVIDENCES);
	im.status = data[0] / 8 % IMPORT_STATUSES;
	if ((fd = memfd_create("import", 0)) == -1 ||
	    write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
		abort();
	r = import_reader_new(fd, keys, &stop);
	import_reader_about(r, &im, 1, 1764000000000, true);
	read_all(r, im.vouched != EVIDENCE_NONE);
	import_reader_free(r);
	return 0;
}
