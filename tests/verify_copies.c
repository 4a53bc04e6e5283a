/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_copies.c - judge every message of a sink's archive by libopendkim.
 *
 *	verify_copies KEYS STORE
 *
 * KEYS has a line "NAME RECORD" for each published key, as dkim_write prints
 * them; STORE is the folder a sink was given with --store.  A message is good
 * when one of its signatures passes and, if it has a List-Unsubscribe-Post
 * field, that signature covers List-Unsubscribe and List-Unsubscribe-Post,
 * which verifiers do not look at by themselves (RFC 8058 section 4, T9).
 *
 * Standard output gets a line for each message that is not good, "bad NUMBER
 * REASON", and at the end "messages N signed N one-click N covered N bad N".
 * Exit status 0 when none is bad and there is one at all, 1 otherwise.
 */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/dkim_verify.h"
#include "lib/err.h"
#include "lib/mailhead.h"
#include "lib/strbuf.h"

#define EXIT_USAGE	2
#define KEYS_MAX	64	/* lines of KEYS */
#define LINE_OCTETS	4096
#define BAD_SHOWN	20	/* lines of reasons */

struct published {
	char	*name;
	char	*record;
};

struct judge {
	struct published	 key[KEYS_MAX];
	size_t			 keys;
	struct dkim_verifier	*verifier;
	struct dkim_report	 report;
	const uint8_t		*text;		/* STORE/messages */
	size_t			 len;
	uint64_t		 messages, signed_, one_click, covered, bad;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "verify_copies: %s: %s\n", what, why);
	exit(EXIT_USAGE);
}

static void
read_keys(struct judge *j, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[LINE_OCTETS];

	if (f == NULL)
		die(path, "cannot be opened");
	while (fgets(line, sizeof(line), f) != NULL) {
		char *blank = strchr(line, ' ');

		line[strcspn(line, "\r\n")] = '\0';
		if (blank == NULL || j->keys == KEYS_MAX)
			die(path, "no list of keys");
		*blank = '\0';
		j->key[j->keys].name = strdup(line);
		j->key[j->keys].record = strdup(blank + 1);
		if (j->key[j->keys].name == NULL ||
		    j->key[j->keys].record == NULL)
			die(path, "no memory");
		j->keys++;
	}
	fclose(f);
}

static enum dkim_lookup
look_up(void *arg, const char *name, struct strbuf *txt)
{
	const struct judge *j = arg;

	for (size_t i = 0; i < j->keys; i++)
		if (strcasecmp(j->key[i].name, name) == 0) {
			strbuf_adds(txt, j->key[i].record);
			return DKIM_LOOKUP_FOUND;
		}
	return DKIM_LOOKUP_NONE;
}

static void
map_messages(struct judge *j, const char *folder)
{
	char path[LINE_OCTETS];
	struct stat st;
	void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/messages", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		die(path, "cannot be opened");
	j->len = (size_t)st.st_size;
	if (j->len > 0) {
		p = mmap(NULL, j->len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			die(path, "cannot be mapped");
		j->text = p;
	}
	close(fd);
}

/* NULL when the message is good, else why it is not. */
static const char *
judge_message(struct judge *j, struct slice message, bool one_click)
{
	struct err e = ERR_INIT;
	const char *reason = "not signed";

	if (dkim_verifier_run(j->verifier, message, (uint64_t)time(NULL),
	    look_up, j, &j->report, &e) == -1)
		return "cannot be read";
	for (size_t i = 0; i < j->report.n; i++) {
		if (j->report.sig[i].verdict == DKIM_VERDICT_PASS) {
			reason = NULL;
			break;
		}
		reason = j->report.sig[i].reason;
	}
	if (reason != NULL)
		return reason;
	j->signed_++;
	if (!one_click)
		return NULL;
	if (!dkim_verify_covers(&j->report, "list-unsubscribe") ||
	    !dkim_verify_covers(&j->report, "list-unsubscribe-post"))
		return "List-Unsubscribe or its Post is not signed";
	j->covered++;
	return NULL;
}

static void
take(struct judge *j, uint64_t number, uint64_t offset, uint64_t octets)
{
	struct slice message = { NULL, (size_t)octets };
	struct mailhead *head;
	const char *why;
	bool one_click;

	if (offset > j->len || octets > j->len - offset)
		die("index", "points outside the messages");
	message.p = j->text + offset;
	head = mailhead_parse(message.p, message.len, NULL);
	one_click = head != NULL && mailhead_count(head,
	    "List-Unsubscribe-Post") > 0;
	mailhead_free(head);
	j->messages++;
	j->one_click += one_click;
	if ((why = judge_message(j, message, one_click)) == NULL)
		return;
	if (++j->bad <= BAD_SHOWN)
		printf("bad %" PRIu64 " %s\n", number, why);
}

static void
read_index(struct judge *j, const char *folder)
{
	char path[LINE_OCTETS], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/index", folder);
	if ((f = fopen(path, "r")) == NULL)
		die(path, "cannot be opened");
	while (getline(&line, &room, f) != -1) {
		uint64_t v[3];
		char *at = line;

		for (int i = 0; i < 3; i++) {
			char *end;

			v[i] = strtoull(at, &end, 10);
			if (end == at || *end != '\t')
				die(path, "no index of a sink");
			at = end + 1;
		}
		take(j, v[0], v[1], v[2]);
	}
	free(line);
	fclose(f);
}

int
main(int argc, char **argv)
{
	static struct judge j;
	struct err e = ERR_INIT;

	if (argc != 3) {
		fputs("usage: verify_copies KEYS STORE\n", stderr);
		return EXIT_USAGE;
	}
	read_keys(&j, argv[1]);
	if ((j.verifier = dkim_verifier_new(&e)) == NULL)
		die("libopendkim", e.text);
	map_messages(&j, argv[2]);
	read_index(&j, argv[2]);
	printf("messages %" PRIu64 " signed %" PRIu64 " one-click %" PRIu64
	    " covered %" PRIu64 " bad %" PRIu64 "\n", j.messages, j.signed_,
	    j.one_click, j.covered, j.bad);
	dkim_verifier_free(j.verifier);
	for (size_t i = 0; i < j.keys; i++) {
		free(j.key[i].name);
		free(j.key[i].record);
	}
	if (j.text != NULL)
		munmap((void *)(uintptr_t)j.text, j.len);
	return j.bad == 0 && j.messages > 0 ? 0 : 1;
}
