/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_import.c - members from a file: subscriber import, import undo.
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
#include "listd/import_reader.h"
#include "listd/role.h"
#include "spool/import.h"
#include "spool/list.h"
#include "spool/subscriber.h"
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
	bool		 reading, writing, dry;
	struct import_counts counts;	/* of a dry run */
	uint8_t		 last[ADDRESS_HASH_OCTETS];	/* its row before */
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
	const struct import_counts *n = &s->counts;

	call_output(c, json_pack("{s:b, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
	    "s:I}}", "dry_run", 1, "counts", "rows", (json_int_t)n->rows,
	    "added", (json_int_t)n->added, "confirmed",
	    (json_int_t)n->confirmed, "updated", (json_int_t)n->updated,
	    "duplicate", (json_int_t)n->duplicate, "suppressed",
	    (json_int_t)n->suppressed, "role", (json_int_t)n->role, "bad",
	    (json_int_t)n->bad));
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

/* As spool/import_rows.c counts who is a member already. */
static void
dry_known(struct importing *s, const struct import_row *row,
    enum member_state state)
{
	if (s->given.vouched && state == MEMBER_UNCONFIRMED)
		s->counts.confirmed++;
	else if (row->attributes != NULL)
		s->counts.updated++;
	else
		s->counts.duplicate++;
}

/*
 * 0, or -1 when the call was ended.  Rows of one address lie together in a
 * run; in different runs, of large files, each of them is told as added.
 */
static int
dry_row(struct call *c, struct txn *t, struct importing *s,
    const struct import_row *row)
{
	struct suppression block;
	struct err e = ERR_INIT;
	struct member m;
	int rc = 0;

	s->counts.rows++;
	if (row->verdict == IMPORT_BAD)
		s->counts.bad++;
	else if (row->verdict == IMPORT_ROLE)
		s->counts.role++;
	else if ((rc = suppression_blocks(t, row->hash, s->given.list, s->org,
	    0, &block, &e)) == 1)
		s->counts.suppressed++;
	else if (rc == 0 && memcmp(row->hash, s->last, sizeof(s->last)) == 0)
		dry_known(s, row, MEMBER_ACTIVE);
	else if (rc == 0 && (rc = subscriber_find(t, s->given.list, row->hash,
	    &m, &e)) == 1)
		dry_known(s, row, m.state);
	else if (rc == 0)
		s->counts.added++;
	if (row->verdict == IMPORT_TAKE)
		memcpy(s->last, row->hash, sizeof(s->last));
	if (rc != -1)
		return 0;
	call_error(c, &e);
	return -1;
}

static void
dry_slice(struct call *c)
{
	struct importing *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	size_t i = 0, n = import_run_rows(s->taken, s->at, s->rows,
	    DRY_ROWS);

	if (t == NULL)
		return;
	s->writing = false;
	while (i < n && dry_row(c, t, s, &s->rows[i]) == 0)
		i++;
	s->at += i;
	txn_end(t);
	progress(c, s);
	go_on(c, s);
}

/* ---- runs */

static void
tell_bad(struct call *c, struct importing *s, const struct import_run *run)
{
	for (size_t i = 0; i < run->nbad && s->told < BAD_TOLD_MAX; i++) {
		call_output(c, json_pack("{s:I, s:s}", "line",
		    (json_int_t)run->bad[i].line, "bad", run->bad[i].why));
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
	if (s->dry)
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
	if (s->at < s->taken->n && s->dry) {
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
	if (!s->dry)
		import_reader_vouch(s->reader, &s->begun, s->org, s->now_ms);
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

static void
taken_in(struct call *c, void *arg)
{
	struct importing *s = arg;

	memcpy(s->given.file, s->file.hash, sizeof(s->given.file));
	memcpy(s->given.evidence, s->evidence.hash,
	    sizeof(s->given.evidence));
	/* In the bulk lane: an urgent job would shorten the first slices. */
	call_write(c, STORE_S, CALL_BULK, begin_apply, NULL, begun);
}

/* The words that say where the rows come from; false: the call was ended. */
static bool
read_words(struct call *c, struct importing *s)
{
	const char *source = call_option(c, "source");
	const char *basis = call_option(c, "basis");
	const char *date = call_option(c, "date");
	const char *evidence = call_option(c, "evidence");
	struct err e = ERR_INIT;

	if (import_source_check(source, &e) == -1 || (date != NULL &&
	    date_parse(date, strlen(date), &s->given.claimed_ms, &e) == -1)) {
		call_error(c, &e);
	} else if (strlen(source) > IMPORT_TEXT_MAX ||
	    (basis != NULL && strlen(basis) > IMPORT_TEXT_MAX)) {
		call_fail(c, STATUS_USAGE, "source and basis have at most "
		    "%d octets", IMPORT_TEXT_MAX);
	} else if (evidence != NULL && strcmp(evidence, "confirmed") != 0) {
		call_fail(c, STATUS_USAGE, "the evidence that can be vouched "
		    "for is: confirmed");
	} else if (s->given.claimed_ms > call_now(c) + DAY_MS) {
		call_fail(c, STATUS_USAGE, "--date: nobody confirmed on a day "
		    "that is still to come");
	} else {
		memcpy(s->given.source, source, strlen(source) + 1);
		if (basis != NULL)
			memcpy(s->given.basis, basis, strlen(basis) + 1);
		memcpy(s->given.who, call_who(c), strlen(call_who(c)) + 1);
		s->given.vouched = evidence != NULL;
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

	prepare_intake(c, &s->file, "FILE");
	prepare_intake(c, &s->evidence, "evidence-file");
	s->evidence.content = call_content(c);
	s->file.data_dir = s->data_dir;
	snprintf(s->data_dir, sizeof(s->data_dir), "%s",
	    call_conf(c)->data_dir);
	s->dry = call_option(c, "dry-run") != NULL;
	if (!s->dry) {
		call_work(c, intake_work, NULL, taken_in);
		return;
	}
	if (intake_check(&s->file, &e) == -1) {
		call_error(c, &e);
		return;
	}
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
	s->now_ms = call_now(c);
	if (!read_words(c, s) ||
	    !call_find_list(c, call_arg(c, "LIST"), &l))
		return;
	s->given.list = l.id;
	s->org = l.org;
	start(c, s);
}

/* ---- subscriber import undo */

struct undoing {
	uint32_t	 id;
	struct member	 at, next;	/* from where, and where it came to */
	uint64_t	 removed, last;
	bool		 more;
	const char	*who;
	int64_t		 now_ms;
};

#define UNDO_ROWS	1024	/* rows looked at in one transaction */

static int
undo_apply(struct txn *t, void *arg, struct err *e)
{
	struct undoing *s = arg;
	int rc;

	s->last = 0;
	s->next = s->at;
	rc = import_undo(t, s->id, s->who, &s->next, UNDO_ROWS, s->now_ms,
	    &s->last, e);
	s->more = rc == 1;
	return rc == -1 ? -1 : 0;
}

static void
undone(struct call *c, void *arg)
{
	struct undoing *s = arg;

	s->removed += s->last;
	s->at = s->next;
	call_progress(c, "%llu removed", (unsigned long long)s->removed);
	if (s->more) {
		call_write(c, STORE_S, CALL_BULK, undo_apply, NULL, undone);
		return;
	}
	call_output(c, json_pack("{s:I, s:s, s:I}", "id", (json_int_t)s->id,
	    "state", import_state_name(IMPORT_UNDONE), "removed",
	    (json_int_t)s->removed));
	call_done(c);
}

static void
undo_run(struct call *c)
{
	struct undoing *s = call_state(c);

	if ((s->id = call_number(c, "ID")) == 0)
		return;
	s->who = call_who(c);
	s->now_ms = call_now(c);
	call_write(c, STORE_S, CALL_BULK, undo_apply, NULL, undone);
}

const struct control_verb control_import_verbs[] = {
	{ "subscriber import", import_run, sizeof(struct importing),
	    importing_free },
	{ "subscriber import undo", undo_run, sizeof(struct undoing), NULL },
	{ NULL, NULL, 0, NULL },
};
