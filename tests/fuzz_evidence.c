/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_evidence.c - whatever a file of evidence holds, checking it ends with a
 * verdict; and a file that is sound is so without the key given, too.
 *
 * What is fed is read as a file, and as the content of each part of one that
 * is signed all the same, so that what lies behind the signature is reached.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(struct slice file)
{
	static const struct note_key nobody = { .type = NOTE_ED25519 };
	struct evidence_verdict v;

	evidence_verify(file, NULL, 0, &v, NULL, NULL);
	if (v.sound != (v.where[0] == '\0'))
		abort();
	evidence_verify(file, &nobody, 1, &v, NULL, NULL);
	if (v.sound)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"README.txt", "report.txt", "report.html", "evidence.json",
		"checkpoint", "log.vkey", "entries/1.entry",
		"entries/1.tlog-proof",
	};
	static const uint8_t seed[NOTE_KEY_OCTETS] = { 1 };
	struct slice fed = { data + (size > 0), size - (size > 0) };
	struct evidence_writer w;
	struct strbuf vkey = STRBUF_INIT(NOTE_VKEY_MAX + 1);
	struct note_key key;

	judge((struct slice){ data, size });
	if (size == 0 || note_key_make(&key, NOTE_ED25519, "a.example", seed,
	    NULL) == -1)
		return 0;
	note_key_format(&key, &vkey);
	strbuf_addc(&vkey, '\n');
	evidence_begin(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slice content = data[0] % 8 == i ? fed : i == 5 ?
		    (struct slice){ (const uint8_t *)vkey.s, vkey.len } :
		    (struct slice){ NULL, 0 };

		if (evidence_add(&w, names[i], content, NULL) == -1)
			abort();
	}
	if (evidence_end(&w, &key, seed, NULL) == -1)
		abort();
	judge((struct slice){ (const uint8_t *)w.file.s, w.file.len });
	evidence_free(&w);
	strbuf_free(&vkey);
	return 0;
}
