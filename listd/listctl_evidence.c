/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_evidence.c - evidence verify: check a file without store and daemon.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/evidence.h"
#include "lib/strbuf.h"
#include "listd/listctl_local.h"
#include "listd/listctl_print.h"
#include "listd/role.h"

/* Up to max octets; what is longer is read so far. */
static int
read_file(const char *path, struct strbuf *b, size_t max)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) :
	    open(path, O_RDONLY | O_CLOEXEC);
	char buf[65536];
	ssize_t n = -1;

	if (fd != -1)
		while ((n = read(fd, buf, max - b->len < sizeof(buf) ?
		    max - b->len : sizeof(buf))) > 0)
			strbuf_add(b, buf, (size_t)n);
	if (n == -1 || b->overflow)
		fprintf(stderr, "listctl: %s: %s\n", path, n == -1 ?
		    strerror(errno) : "no memory");
	if (fd != -1)
		close(fd);
	return n == -1 || b->overflow ? -1 : 0;
}

/* The keys of text, a line each: how many, or 0 with e set. */
static size_t
parse_keys(const struct strbuf *b, struct note_key *keys, struct err *e)
{
	size_t n = 0, at = 0, len;
	const char *end;

	if (b->len == 0 || b->len > EVIDENCE_KEY_FILE_MAX)
		err_set(e, ERR_INPUT, b->len == 0 ? "no key in it" :
		    "too long for keys");
	for (; at < b->len && e->code == ERR_NONE; at += len + 1) {
		end = memchr(b->s + at, '\n', b->len - at);
		len = end != NULL ? (size_t)(end - b->s) - at : b->len - at;
		if (n == EVIDENCE_KEYS_MAX)
			err_set(e, ERR_LIMIT, "more than %d keys",
			    EVIDENCE_KEYS_MAX);
		else if (note_key_parse(&keys[n], b->s + at, len, e) == 0 &&
		    keys[n++].type != NOTE_ED25519)
			err_set(e, ERR_INPUT, "a witness's key, and not the "
			    "ledger's");
	}
	return e->code == ERR_NONE ? n : 0;
}

/* As `listctl ledger checkpoint --key` prints them.  How many, or 0. */
static size_t
read_keys(const char *path, struct note_key *keys)
{
	struct strbuf b = STRBUF_INIT(EVIDENCE_KEY_FILE_MAX + 1);
	struct err e = ERR_INIT;
	size_t n = 0;

	if (read_file(path, &b, EVIDENCE_KEY_FILE_MAX + 1) == 0 &&
	    (n = parse_keys(&b, keys, &e)) == 0)
		fprintf(stderr, "listctl: %s: %s\n", path, e.text);
	strbuf_free(&b);
	return n;
}

/*
 * What was proved, from the entry itself: one line an entry.  The octets of
 * request and mail are left out; they lie in the file.
 */
static void
list_entry(void *arg, uint64_t index, struct slice entry)
{
	json_t *list = arg, *o, *words = evidence_words(entry);

	json_object_del(words, "request");
	json_object_del(words, "mail");
	o = json_pack("{s:I}", "entry", (json_int_t)index);
	json_object_update(o, words);
	json_decref(words);
	json_array_append_new(list, o);
}

static json_t *
hex(const uint8_t *p, size_t len)
{
	struct strbuf b = STRBUF_INIT(128);
	json_t *j;

	for (size_t i = 0; i < len; i++)
		strbuf_addf(&b, "%02x", p[i]);
	j = json_string(b.s);
	strbuf_free(&b);
	return j;
}

static json_t *
verdict_json(const struct evidence_verdict *v, bool vouched)
{
	uint8_t print[32] = { 0 };
	json_t *o = json_pack("{s:b, s:s, s:s}", "sound", (int)(v->sound &&
	    vouched), "where", v->sound && !vouched ? "log.vkey" : v->where,
	    "why", v->sound && !vouched ? "it fits together, but only its own "
	    "key says so: give the ledger's with --key" : v->why);

	if (!v->sound || o == NULL)
		return o;
	EVP_Digest(v->key.pub, sizeof(v->key.pub), print, NULL, EVP_sha256(),
	    NULL);
	json_object_set_new(o, "origin", json_string(v->key.name));
	json_object_set_new(o, "size",
	    json_integer((json_int_t)v->checkpoint.size));
	json_object_set_new(o, "key_id", hex(v->key.id,
	    sizeof(v->key.id)));
	json_object_set_new(o, "fingerprint", hex(print,
	    sizeof(print)));
	json_object_set_new(o, "entries", json_integer((json_int_t)v->entries));
	json_object_set_new(o, "texts", json_integer((json_int_t)v->texts));
	json_object_set_new(o, "mails", json_integer((json_int_t)v->mails));
	return o;
}

int
listctl_evidence_verify(const struct listctl *lc)
{
	struct strbuf file = STRBUF_INIT(EVIDENCE_FILE_MAX + 1);
	const char *path = listctl_option(lc, "key");
	json_t *list = json_array(), *o, *entry;
	struct evidence_verdict v;
	struct note_key keys[EVIDENCE_KEYS_MAX];
	size_t i, n = 0;

	if ((path != NULL && (n = read_keys(path, keys)) == 0) ||
	    read_file(lc->arg[0], &file, EVIDENCE_FILE_MAX + 1) == -1) {
		strbuf_free(&file);
		json_decref(list);
		return STATUS_USAGE;
	}
	evidence_verify((struct slice){ (const uint8_t *)file.s, file.len },
	    keys, n, &v, list_entry, list);
	strbuf_free(&file);
	o = verdict_json(&v, path != NULL);
	if (v.sound && lc->json)
		json_object_set(o, "proved", list);
	json_array_foreach(list, i, entry)
		if (v.sound && !lc->json)
			listctl_print(stdout, entry, false, false);
	listctl_print(stdout, o, lc->json, true);
	json_decref(list);
	json_decref(o);
	return v.sound && path != NULL ? STATUS_OK : STATUS_NO;
}
