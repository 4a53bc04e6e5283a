/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_import.c - members from a file: subscriber import.
 *
 * The file is copied and hashed first: by its hash an import that was cut short
 * is known again.  Then a thread reads a run ahead while the writer takes the
 * run before it, in slices of the bulk lane.
 */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/control_intake.h"
#include "listd/control_json.h"
#include "listd/control_verbs.h"
#include "listd/import_format.h"
#include "listd/import_reader.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "spool/import.h"
#include "spool/import_dry.h"
#include "spool/list.h"
#include "spool/statement.h"
#include "spool/writer.h"

#define BAD_TOLD_MAX	1000	/* bad rows told one by one */
#define DAY_MS		(24ll * 3600 * 1000)	/* what zones may make of it */
#define CHUNK_ROWS	IMPORT_BATCH	/* given to the store at once */
#define DRY_ROWS	256	/* of one turn of a dry run */

struct importing {
	struct intake	 file, evidence;
	char		 data_dir[CONF_PATH_MAX];
	struct import	 given, begun;
	struct import_reader *reader;
	struct import_run *ahead;	/* filled by the thread */
	struct import_run *taken;	/* being written */
	struct import_row *rows;	/* CHUNK_ROWS of taken, unpacked */
	size_t		 at;		/* rows of taken that are behind us */
	size_t		 done;		/* by the last job */
	uint64_t	 skip;		/* rows of an earlier life */
	uint64_t	 told;		/* bad rows told */
	uint64_t	 run_first;	/* number of taken's first row */
	int64_t		 now_ms;
	bool		 reading, writing;
	struct import_dry *dry;		/* NULL: it is written */
	uint32_t	 org;
};

static void read_ahead(struct call *c, struct importing *s);
static void go_on(struct call *c, struct importing *s);

static void
importing_free(void *state)
{
	struct importing *s = state;

	intake_close(&s->file);
	intake_close(&s->evidence);
	import_reader_free(s->reader);
	import_run_free(s->ahead);
	import_run_free(s->taken);
	import_dry_free(s->dry);
	free(s->rows);
	/* Tens of MB that a role which lives for months would hold on to. */
	malloc_trim(0);
}

/* ---- the end */

static int
end_apply(struct txn *t, void *arg, struct err *e)
{
	struct importing *s = arg;

	if (import_end(t, s->begun.id, IMPORT_DONE, s->now_ms, e) == -1)
		return job_answer(-1, e);
	return import_get(t, s->begun.id, &s->begun, e) == 1 ? 0 : -1;
}

static void
ended(struct call *c, void *arg)
{
	const struct importing *s = arg;

	call_output(c, import_json(&s->begun));
	call_done(c);
}

static void
dry_end(struct call *c, const struct importing *s)
{
	json_t *o = json_pack("{s:b, s:o}", "dry_run", 1, "counts",
	    import_counts_json(import_dry_counts(s->dry)));

	if (!import_dry_exact(s->dry))
		json_object_set_new(o, "exact", json_false());
	call_output(c, o);
	call_done(c);
}

/* ---- writing a run */

/* As much of the run as the transaction has time for. */
static int
slice_apply(struct txn *t, void *arg, struct err *e)
{
	struct importing *s = arg;
	size_t did = 0, n;

	s->done = 0;
	do {
		struct import_slice slice = { .id = s->begun.id,
			.first = s->run_first + s->at + s->done,
			.before = s->done, .rows = s->rows,
			.now_ms = s->now_ms };

		n = slice.n = import_run_rows(s->taken, s->at + s->done,
		    s->rows, CHUNK_ROWS);
		if (import_rows(t, &slice, &did, e) == -1)
			return s->done == 0 ? job_answer(-1, e) : -1;
		s->done += did;
	} while (did == n && s->at + s->done < s->taken->n &&
	    !writer_slice_over(t));
	return 0;
}

static void
progress(struct call *c, const struct importing *s)
{
	call_progress(c, "%llu rows", (unsigned long long)(s->run_first +
	    s->at));
}

static void
slice_written(struct call *c, void *arg)
{
	struct importing *s = arg;

	s->writing = false;
	s->at += s->done;
	progress(c, s);
	go_on(c, s);
}

static void
write_slice(struct call *c, struct importing *s)
{
	s->writing = true;
	call_write(c, STORE_S, CALL_BULK, slice_apply, NULL, slice_written);
}

/* ---- a dry run asks the store and leaves it as it is */

static void
dry_slice(struct call *c)
{
	struct importing *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	size_t i = 0, n = import_run_rows(s->taken, s->at, s->rows,
	    DRY_ROWS);

	if (t == NULL)
		return;
	s->writing = false;
	while (i < n && import_dry_row(s->dry, t, &s->rows[i], &e) == 0)
		i++;
	s->at += i;
	txn_end(t);
	if (i < n) {
		call_error(c, &e);
		return;
	}
	progress(c, s);
	go_on(c, s);
}

/* ---- runs */

static void
tell_bad(struct call *c, struct importing *s, const struct import_run *run)
{
	for (size_t i = 0; i < run->nbad && s->told < BAD_TOLD_MAX; i++) {
		call_output(c, json_pack("{s:I, s:s}", "line",
		    (json_int_t)run->bad[i].line, run->bad[i].refused ?
		    "refused" : "bad", run->bad[i].why));
		s->told++;
	}
}

static int
read_work(void *arg, struct err *e)
{
	struct importing *s = arg;

	return import_reader_next(s->reader, s->ahead, e);
}

static void
run_read(struct call *c, void *arg)
{
	struct importing *s = arg;

	s->reading = false;
	go_on(c, s);
}

static void
read_ahead(struct call *c, struct importing *s)
{
	s->reading = true;
	call_work(c, read_work, NULL, run_read);
}

/* Rows that an earlier life wrote are passed over, also within a run. */
static void
take_run(struct call *c, struct importing *s)
{
	struct import_run *run = s->taken;

	s->run_first += run->n;
	s->taken = s->ahead;
	s->ahead = run;
	s->at = s->skip < s->taken->n ? (size_t)s->skip : s->taken->n;
	s->skip -= s->at;
	tell_bad(c, s, s->taken);
}

static void
finish(struct call *c, struct importing *s)
{
	s->now_ms = call_now(c);
	if (s->dry != NULL)
		dry_end(c, s);
	else
		call_write(c, STORE_S, CALL_URGENT, end_apply, NULL, ended);
}

/* Nobody waits any more: what was written stays, to be taken up again. */
static bool
given_up(struct call *c)
{
	if (!call_gone(c))
		return false;
	call_fail(c, STATUS_AGAIN, "the client went away");
	return true;
}

/* A step is over: write, take the next run, read ahead, or end. */
static void
go_on(struct call *c, struct importing *s)
{
	bool last = s->taken->end;

	if (s->writing || given_up(c))
		return;
	if (s->at == s->taken->n && !last && !s->reading) {
		take_run(c, s);
		if (!s->taken->end)
			read_ahead(c, s);
	}
	if (s->at < s->taken->n && s->dry != NULL) {
		s->writing = true;
		call_sleep(c, 0, dry_slice);
	} else if (s->at < s->taken->n)
		write_slice(c, s);
	else if (s->taken->end)
		finish(c, s);
}

static void
start_reading(struct call *c, struct importing *s, int fd)
{
	s->reader = import_reader_new(fd, store_keys(call_store(c)),
	    call_stopping(c));
	import_reader_about(s->reader, s->dry != NULL ? &s->given : &s->begun,
	    s->org, s->now_ms, s->dry == NULL);
	s->ahead = import_run_new(IMPORT_RUN_MAX);
	s->taken = import_run_new(IMPORT_RUN_MAX);
	s->rows = xcalloc(CHUNK_ROWS, sizeof(*s->rows));
	read_ahead(c, s);
}

/* ---- beginning */

static int
begin_apply(struct txn *t, void *arg, struct err *e)
{
	struct importing *s = arg;

	return job_answer(import_begin(t, &s->given, s->now_ms, &s->begun, e),
	    e);
}

static void
begun(struct call *c, void *arg)
{
	struct importing *s = arg;
	int fd = s->file.copy;

	s->file.copy = -1;
	s->skip = s->begun.counts.rows;
	s->begun.clock_unsure = queue_clock_unsure(call_queue(c));
	start_reading(c, s, fd);
}

static int
intake_work(void *arg, struct err *e)
{
	struct importing *s = arg;

	if (s->evidence.fd != -1 && intake_run(&s->evidence, e) == -1)
		return -1;
	return intake_run(&s->file, e);
}

/*
 * Whoever vouches for rows says that their people were told what the list
 * tells (S68).  False: the call was ended.
 */
static bool
state_what_was_told(struct call *c, struct importing *s)
{
	char hex[CONTENT_HEX];
	struct err e = ERR_INIT;

	if (s->given.vouched == EVIDENCE_NONE)
		return true;
	if (statement_keep(call_store(c), call_content(c),
	    call_arg(c, "LIST"), hex, &e) == -1) {
		call_error(c, &e);
		return false;
	}
	if (!content_unhex(hex, s->given.shown))
		memset(s->given.shown, 0, sizeof(s->given.shown));
	return true;
}

static void
taken_in(struct call *c, void *arg)
{
	struct importing *s = arg;

	memcpy(s->given.file, s->file.hash, sizeof(s->given.file));
	memcpy(s->given.evidence, s->evidence.hash,
	    sizeof(s->given.evidence));
	if (!state_what_was_told(c, s))
		return;
	/* In the bulk lane: an urgent job would shorten the first slices. */
	call_write(c, STORE_S, CALL_BULK, begin_apply, NULL, begun);
}

/* What its rows rest on.  False: the call was ended. */
static bool
read_evidence(struct call *c, struct importing *s)
{
	const char *name = call_option(c, "evidence");

	if (name == NULL)
		return true;
	s->given.vouched = evidence_find(name);
	if (s->given.vouched == EVIDENCE_NONE) {
		call_fail(c, STATUS_USAGE, "the evidence that can be vouched "
		    "for is: confirmed, customer");
	} else if (s->given.vouched != EVIDENCE_CUSTOMER) {
		return true;
	} else if (!call_conf(c)->import_existing_customers) {
		call_fail(c, STATUS_NO, "existing customers who asked for "
		    "nothing are not mailed here: import_existing_customers "
		    "is not set");
	} else if (s->evidence.fd == -1) {
		call_fail(c, STATUS_USAGE, "--evidence customer needs "
		    "--evidence-file: what told them, when they bought, that "
		    "mail would come and could be declined");
	} else
		return true;
	return false;
}

/* Who wrote the file, and of whom it is.  False: the call was ended. */
static bool
read_format(struct call *c, struct importing *s)
{
	const char *name = call_option(c, "format");
	const char *of = call_option(c, "status");
	const char *file = call_option(c, "file-name");
	enum import_format_id id = IMPORT_CSV;
	enum import_status status = IMPORT_ANY;

	if (name != NULL && !import_format_find(name, &id)) {
		call_fail(c, STATUS_USAGE, "the formats are: csv, mailchimp");
		return false;
	}
	if (of != NULL && !import_status_find(of, &status)) {
		call_fail(c, STATUS_USAGE, "--status is one of: subscribed, "
		    "unsubscribed, cleaned");
		return false;
	}
	if (of == NULL && import_format_of(id)->by_status)
		status = import_status_of(file != NULL ? file : "");
	if (status == IMPORT_ANY && import_format_of(id)->by_status) {
		call_fail(c, STATUS_USAGE, "the file's name begins neither "
		    "with subscribed_, unsubscribed_ nor cleaned_: say which "
		    "it is by --status");
		return false;
	}
	s->given.format = (uint8_t)id;
	s->given.status = (uint8_t)status;
	return true;
}

/* The words that say where the rows come from; false: the call was ended. */
static bool
read_words(struct call *c, struct importing *s)
{
	const char *source = call_option(c, "source");
	const char *basis = call_option(c, "basis");
	const char *date = call_option(c, "date");
	struct err e = ERR_INIT;

	if (basis == NULL)
		basis = "";
	if (!read_evidence(c, s) || !read_format(c, s))
		return false;
	if (import_check(source, basis, s->given.vouched, &e) == -1 ||
	    (date != NULL && date_parse(date, strlen(date),
	    &s->given.claimed_ms, &e) == -1)) {
		call_error(c, &e);
	} else if (strlen(source) > IMPORT_TEXT_MAX ||
	    strlen(basis) > IMPORT_TEXT_MAX) {
		call_fail(c, STATUS_USAGE, "source and basis have at most "
		    "%d octets", IMPORT_TEXT_MAX);
	} else if (s->given.claimed_ms > call_now(c) + DAY_MS) {
		call_fail(c, STATUS_USAGE, "--date: nobody confirmed on a day "
		    "that is still to come");
	} else {
		memcpy(s->given.source, source, strlen(source) + 1);
		memcpy(s->given.basis, basis, strlen(basis) + 1);
		memcpy(s->given.who, call_who(c), strlen(call_who(c)) + 1);
		return true;
	}
	return false;
}

static void
prepare_intake(struct call *c, struct intake *in, const char *file)
{
	in->fd = call_take_file(c, file);
	in->max = (uint64_t)call_conf(c)->import_max_size;
	in->stop = call_stopping(c);
}

static void
start(struct call *c, struct importing *s)
{
	struct err e = ERR_INIT;
	int fd;

	if (call_option(c, "dry-run") == NULL) {
		call_work(c, intake_work, NULL, taken_in);
		return;
	}
	if (intake_check(&s->file, &e) == -1) {
		call_error(c, &e);
		return;
	}
	s->dry = import_dry_new(&s->given, s->org);
	fd = s->file.fd;
	s->file.fd = -1;
	start_reading(c, s, fd);
}

static void
import_run(struct call *c)
{
	struct importing *s = call_state(c);
	struct list l;

	intake_init(&s->file);
	intake_init(&s->evidence);
	prepare_intake(c, &s->file, "FILE");
	prepare_intake(c, &s->evidence, "evidence-file");
	s->evidence.content = call_content(c);
	s->file.data_dir = s->data_dir;
	snprintf(s->data_dir, sizeof(s->data_dir), "%s",
	    call_conf(c)->data_dir);
	s->now_ms = call_now(c);
	if (!read_words(c, s) ||
	    !call_find_list(c, call_arg(c, "LIST"), &l))
		return;
	s->given.list = l.id;
	s->org = l.org;
	start(c, s);
}

const struct control_verb control_import_verbs[] = {
	{ "subscriber import", import_run, sizeof(struct importing),
	    importing_free },
	{ NULL, NULL, 0, NULL },
};
