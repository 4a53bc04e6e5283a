/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_world.c - the control side over a store of its own.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/clock_watch.h"
#include "listd/posts.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/subscriber.h"
#include "tests/control_world.h"

#define START_MS	1764000000000	/* of the world's clock */
#define TURNS_MAX	5000		/* of the loop until an answer is due */

/* ---- what the queue role gives (queue_api.h) */

struct role_env *
queue_env(struct queue *q)
{
	return &q->env;
}

struct store *
queue_store(struct queue *q)
{
	return q->w->st;
}

struct content *
queue_content(struct queue *q)
{
	return q->content;
}

struct scheduler *
queue_scheduler(struct queue *q)
{
	return (struct scheduler *)q;
}

void
queue_commit(struct queue *q, enum store_env env, const struct job *job)
{
	if (q->njobs == CW_JOBS)
		fail_msg("too many jobs wait");
	q->jobs[q->njobs++] = (struct cw_job){ *job, env };
}

void
queue_chores_soon(struct queue *q)
{
	(void)q;	/* its own tests have the chores */
}

size_t
queue_backlog(struct queue *q, enum store_env env)
{
	(void)env;
	return q->njobs;
}

uint64_t
queue_commits(struct queue *q, enum store_env env)
{
	(void)q;
	return env == STORE_S ? 7 : 8;
}

const struct clock_watch *
queue_clock(struct queue *q)
{
	static const struct clock_watch clock = { true, true, 1500000 };

	(void)q;
	return &clock;
}

bool
queue_clock_unsure(struct queue *q)
{
	(void)q;
	return false;
}

bool
queue_is_held(struct queue *q)
{
	return q->departures_due;
}

void
queue_release(struct queue *q)
{
	q->departures_due = false;
}

int
queue_copy_begin(struct queue *q, bool backup, struct err *e)
{
	if (q->copy.runs) {
		err_set(e, ERR_EXISTS, "one is under way");
		return -1;
	}
	q->copy = (struct queue_copy_state){ .backup = backup, .runs = true,
		.begun_ms = q->now_ms };
	return 0;
}

void
queue_copy_look(struct queue *q, struct queue_copy_state *s_r)
{
	*s_r = q->copy;
}

void
queue_copy_go(struct queue *q)
{
	q->copies_gone_on++;
}

void
queue_copy_end(struct queue *q)
{
	q->copies_ended++;
	q->copy = (struct queue_copy_state){ .runs = false };
}

/* ---- what the scheduler does (scheduler.h) */

static struct queue *
queue_of(const struct scheduler *s)
{
	return (struct queue *)(uintptr_t)s;
}

void
scheduler_prepare(struct scheduler *s, uint32_t campaign,
    void (*done)(void *, const struct ipc_prepared *), void *arg)
{
	struct queue *q = queue_of(s);
	const char *f = q->findings != NULL ? q->findings : "[]";
	static const uint8_t print[] = { 0, 1, 0, 0, 0, 7 };
	struct ipc_prepared r = { .campaign = campaign, .ok = !q->refuse,
		.findings = SLICE(f, strlen(f)),
		.fingerprint = SLICE(print, sizeof(print)) };

	q->prepared++;
	if (q->hold_prepare) {
		q->held = done;
		q->held_arg = arg;
		q->held_campaign = campaign;
		return;
	}
	if (q->refuse)
		snprintf(r.text, sizeof(r.text), "a MUST finding");
	done(arg, q->no_deliver ? NULL : &r);
}

void
scheduler_mailbox_erased(struct scheduler *s, const uint8_t *mailbox)
{
	(void)mailbox;
	queue_of(s)->erased++;
}

uint32_t
scheduler_foresee(const struct scheduler *s, const struct post *x)
{
	(void)x;
	return queue_of(s)->excess;
}

void
scheduler_judge(struct scheduler *s, const struct post *x,
    uint64_t *similar_r, uint32_t *excess_r)
{
	*similar_r = x->count;
	*excess_r = queue_of(s)->excess;
}

void
scheduler_lookup_txt(struct scheduler *s, const char *name,
    void (*done)(void *, enum ipc_dns, const struct slice *, size_t),
    void *arg)
{
	struct queue *q = queue_of(s);
	struct org_domain d;
	struct slice text;
	struct txn *t;
	char own[64];

	q->looked_up++;
	if (q->txt == NULL) {
		done(arg, q->dns, NULL, 0);
		return;
	}
	text = SLICE(q->txt, strlen(q->txt));
	assert_memory_equal(name, "_listd.", 7);
	if (strcmp(q->txt, "TOKEN") == 0) {
		t = world_read(q->w, STORE_S);
		assert_int_equal(org_domain_get(t, 1, name + 7, &d, NULL), 1);
		txn_end(t);
		snprintf(own, sizeof(own), "listd-domain=%s", d.token);
		text = SLICE(own, strlen(own));
	}
	done(arg, IPC_DNS_OK, &text, 1);
}

void
scheduler_prove(struct scheduler *s, const char *domain,
    void (*done)(void *, enum ipc_proof, const char *), void *arg)
{
	(void)domain;
	done(arg, queue_of(s)->proof, "no key");
}

void
scheduler_test(struct scheduler *s, const struct scheduler_test *t)
{
	struct queue *q = queue_of(s);
	struct ipc_outcome o = { .result = q->test_result, .code = 250,
		.text = "2.0.0 taken" };

	q->tests++;
	t->done(t->arg, q->test_result == 0 ? NULL : &o, "no session");
}

void
scheduler_campaign_changed(struct scheduler *s, uint32_t campaign)
{
	queue_of(s)->changed++;
	queue_of(s)->changed_campaign = campaign;
}

void
scheduler_notices_changed(struct scheduler *s)
{
	queue_of(s)->notices++;
}

void
scheduler_holds_changed(struct scheduler *s)
{
	queue_of(s)->holds++;
}

void
scheduler_recall(struct scheduler *s, uint32_t campaign,
    const uint64_t *subscribers, size_t n,
    void (*done)(void *, const struct scheduler_recalled *), void *arg)
{
	const struct scheduler_recalled r = { 0, 0 };

	(void)subscribers;
	queue_of(s)->recalls++;
	queue_of(s)->recalled_campaign = campaign;
	queue_of(s)->recalled_members += n;
	done(arg, &r);
}

void
scheduler_summary(const struct scheduler *s, struct scheduler_summary *r)
{
	(void)s;
	*r = (struct scheduler_summary){ .open = 3, .waiting = 4 };
}

bool
scheduler_site_next(const struct scheduler *s, size_t *at,
    struct scheduler_site *r)
{
	(void)s;
	*r = (struct scheduler_site){ .host = "mx.example.net", .window = 2 };
	return (*at)++ < 3;
}

bool
scheduler_site_suspend(struct scheduler *s, const char *name,
    const char *reason)
{
	(void)s;
	assert_non_null(strstr(reason, "by "));
	return scheduler_site_resume(s, name);
}

void
scheduler_recall_site(struct scheduler *s, const char *name,
    void (*done)(void *, const struct scheduler_recalled *), void *arg)
{
	const struct scheduler_recalled r = { .dropped = 1 };

	assert_true(scheduler_site_resume(s, name));
	queue_of(s)->recalls++;
	done(arg, &r);
}

bool
scheduler_site_resume(struct scheduler *s, const char *name)
{
	(void)s;
	return strcmp(name, "mx.example.net") == 0 ||
	    strcmp(name, "01000000000000000000000000000000") == 0;
}

/* What steers is tested with the scheduler. */
bool
scheduler_action_next(const struct scheduler *s, size_t *at,
    const struct reaction_action **a_r)
{
	(void)s, (void)at, (void)a_r;
	return false;
}

bool
scheduler_action_cancel(struct scheduler *s, uint64_t id)
{
	(void)s;
	return id == 0x123456789abcdef0;
}

bool
scheduler_path_next(struct scheduler *s, const uint8_t key[static 16],
    size_t *at, struct scheduler_path *r)
{
	(void)s, (void)key, (void)at, (void)r;
	return false;
}

void
scheduler_explain(struct scheduler *s, const char *domain,
    void (*done)(void *, const struct scheduler_domain *, const struct err *),
    void *arg)
{
	const struct scheduler_domain r = { .known = strcmp(domain,
	    "example.net") == 0, .waiting = 6, .has_site = true,
	    .site = { .host = "mx.example.net" },
	    .bind = { "connections", "3 of the test" } };

	(void)s;
	done(arg, &r, NULL);
}

void
scheduler_when_durable(struct scheduler *s, void (*done)(void *, bool),
    void *arg)
{
	(void)s;
	done(arg, true);
}

void
scheduler_lookup_site(struct scheduler *s, const char *domain,
    void (*done)(void *, const struct scheduler_site *, enum ipc_dns,
    const char *), void *arg)
{
	const struct scheduler_site v = { .host = "mx.example.net",
	    .key = { 1 } };
	bool known = strcmp(domain, "example.net") == 0;

	(void)s;
	done(arg, known ? &v : NULL, known ? IPC_DNS_OK :
	    strcmp(domain, "starting.example") == 0 ? IPC_DNS_TEMPORARY :
	    IPC_DNS_NXDOMAIN, "no such domain");
}

bool
scheduler_progress(const struct scheduler *s, uint32_t campaign,
    struct scheduler_progress *r)
{
	(void)s, (void)campaign;
	*r = (struct scheduler_progress){ .running = true, .why = "",
	    .out = 5 };
	return true;
}

size_t
scheduler_shares(const struct scheduler *s, uint32_t campaign,
    struct scheduler_share *rows, size_t max)
{
	(void)s, (void)campaign;
	assert_true(max >= 2);
	rows[0] = (struct scheduler_share){ .host = "mx.example.net",
	    .left = 7, .delivered = 3, .per_minute = 3 };
	rows[1] = (struct scheduler_share){ .left = 1 };
	return 2;
}

/* ---- making and ending it */

static int64_t
cw_mono(const struct clock *c)
{
	const struct queue *q = (const struct queue *)(const void *)
	    ((const char *)c - offsetof(struct queue, clock));

	return q->mono_ms;
}

static int64_t
cw_utc(const struct clock *c)
{
	const struct queue *q = (const struct queue *)(const void *)
	    ((const char *)c - offsetof(struct queue, clock));

	return q->now_ms;
}

static void
cw_listen(struct queue *q)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(q->path, sizeof(q->path), "%s/control", q->w->dir);
	if (strlen(q->path) >= sizeof(sun.sun_path))
		fail_msg("%s: too long for a socket", q->path);
	strcpy(sun.sun_path, q->path);
	q->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(q->listen_fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(q->listen_fd, 128) == -1)
		fail_msg("%s: cannot listen", q->path);
}

static int
make_default_org(struct txn *t, void *arg, struct err *e)
{
	uint32_t id;
	struct org o;
	int rc = org_find(t, ORG_DEFAULT, &o, e);

	(void)arg;
	return rc == 0 ? org_create(t, ORG_DEFAULT, "init", START_MS, &id, e) :
	    rc == 1 ? 0 : -1;
}

int
control_world_setup(void **state)
{
	const struct log_params quiet = { .name = "test", .to_stderr = true,
		.level = LEVEL_ERROR };
	struct queue *q = xcalloc(1, sizeof(*q));
	void *w;

	log_open(&quiet);
	if (world_setup(&w) == -1)
		return -1;
	q->w = w;
	conf_init(&q->conf);
	snprintf(q->conf.hostname, sizeof(q->conf.hostname),
	    "lists.example.org");
	snprintf(q->conf.bounce_domain, sizeof(q->conf.bounce_domain),
	    "lists.example.org");
	snprintf(q->conf.url_base, sizeof(q->conf.url_base),
	    "https://lists.example.org");
	snprintf(q->conf.data_dir, sizeof(q->conf.data_dir), "%s",
	    q->w->dir);
	q->clock = (struct clock){ cw_mono, cw_utc, NULL };
	q->now_ms = START_MS;
	q->env.conf = &q->conf;
	q->env.base = event_base_new();
	q->env.clock = &q->clock;
	q->env.timers = timers_new(q->env.base, &q->clock, true);
	q->content = content_open(q->w->dir, true, &q->w->e);
	q->test_result = IPC_DELIVERED;
	q->dns = IPC_DNS_NXDOMAIN;
	cw_listen(q);
	world_must(q->w, STORE_S, make_default_org, NULL);
	q->control = control_start(q, q->listen_fd, &q->w->e);
	*state = q;
	return q->content != NULL && q->control != NULL ? 0 : -1;
}

static void
run_jobs(struct queue *q)
{
	struct cw_job jobs[CW_JOBS];
	size_t n = q->njobs;

	memcpy(jobs, q->jobs, n * sizeof(jobs[0]));
	q->njobs = 0;
	for (size_t i = 0; i < n; i++) {
		struct err e = ERR_INIT;
		enum job_result r = writer_run(q->w->st, jobs[i].env,
		    &jobs[i].job, &e);

		if (jobs[i].job.done != NULL)
			jobs[i].job.done(jobs[i].job.arg, r, &e);
	}
}

int
control_world_teardown(void **state)
{
	struct queue *q = *state;
	void *w = q->w;

	control_stop(q->control);
	while (q->njobs > 0)
		run_jobs(q);
	control_free(q->control);
	close(q->listen_fd);
	content_close(q->content);
	timers_free(q->env.timers);
	event_base_free(q->env.base);
	free(q);
	return world_teardown(&w);
}

void
cw_turn(struct queue *q)
{
	event_base_loop(q->env.base, EVLOOP_NONBLOCK);
	if (q->njobs == 0)
		usleep(200);	/* threads may be at work */
	run_jobs(q);
	q->mono_ms++;
}

/* ---- a client */

struct cw_client {
	struct queue	*q;
	struct channel	*channel;
	struct answer	*answer;
	bool		 over;
};

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct cw_client *cl = arg;
	struct unpack u;
	struct slice s;

	(void)ch;
	unpack_init(&u, f->data, f->len);
	if (f->type == IPC_OUTPUT) {
		s = unpack_bytes(&u);
		json_array_append_new(cl->answer->out, json_loadb(
		    (const char *)s.p, s.len, JSON_DECODE_ANY, NULL));
	} else if (f->type == IPC_DONE) {
		cl->answer->status = unpack_u8(&u);
		unpack_str(&u, cl->answer->text, sizeof(cl->answer->text));
		cl->over = true;
	} else {
		assert_int_equal(f->type, IPC_PROGRESS);
		unpack_bytes(&u);
	}
	assert_true(unpack_done(&u));
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct cw_client *cl = arg;

	(void)ch, (void)why;
	cl->answer->closed = true;
	cl->over = true;
}

static const struct channel_ops client_ops = {
	.frame = on_frame, .closed = on_closed,
};

struct cw_client *
cw_connect(struct queue *q)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct cw_client *cl = xcalloc(1, sizeof(*cl));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, q->path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		fail_msg("connect");
	cl->q = q;
	cl->channel = channel_new(q->env.base, fd, &client_ops, cl);
	cl->answer = xcalloc(1, sizeof(*cl->answer));
	cl->answer->out = json_array();
	return cl;
}

void
cw_send(struct cw_client *cl, uint16_t type, const void *p, size_t len)
{
	if (channel_send(cl->channel, type, p, len, &cl->q->w->e) == -1)
		fail_msg("%s", cl->q->w->e.text);
}

void
cw_send_json(struct cw_client *cl, const char *json)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	pack_str(&b, json);
	cl->over = false;
	cw_send(cl, IPC_CALL, b.s, b.len);
	strbuf_free(&b);
}

void
cw_wait(struct queue *q, struct cw_client *cl)
{
	for (int i = 0; i < TURNS_MAX && !cl->over; i++)
		cw_turn(q);
	if (!cl->over)
		fail_msg("no answer");
}

struct answer *
cw_answer(struct cw_client *cl)
{
	return cl->answer;
}

void
cw_disconnect(struct cw_client *cl)
{
	channel_free(cl->channel);
	answer_free(cl->answer);
	free(cl);
}

void
answer_free(struct answer *a)
{
	if (a == NULL)
		return;
	json_decref(a->out);
	free(a);
}

static int
file_of(const char *content)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fputs(content, f);
	fflush(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static struct cw_client *
begin_va(struct queue *q, const char *verb, va_list ap)
{
	json_t *args = json_object(), *options = json_object();
	json_t *files = json_array(), *o;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct cw_client *cl = cw_connect(q);
	const char *name, *value;
	int fd[CW_FILES];
	size_t nfd = 0;
	char *text;

	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (name[0] == '<') {
			json_array_append_new(files, json_string(name + 1));
			fd[nfd++] = file_of(value);
		} else if (strncmp(name, "--", 2) == 0)
			json_object_set_new(options, name + 2,
			    json_string(value));
		else
			json_object_set_new(args, name, json_string(value));
	}
	o = json_pack("{s:s, s:o, s:o, s:o}", "verb", verb, "args", args,
	    "options", options, "files", files);
	text = json_dumps(o, JSON_COMPACT);
	pack_str(&b, text);
	if (channel_send_fds(cl->channel, IPC_CALL, b.s, b.len, fd, nfd,
	    &q->w->e) == -1)
		fail_msg("%s", q->w->e.text);
	free(text);
	json_decref(o);
	strbuf_free(&b);
	return cl;
}

struct cw_client *
cw_begin(struct queue *q, const char *verb, ...)
{
	struct cw_client *cl;
	va_list ap;

	va_start(ap, verb);
	cl = begin_va(q, verb, ap);
	va_end(ap);
	return cl;
}

static struct answer *
call_va(struct queue *q, const char *verb, va_list ap)
{
	struct cw_client *cl = begin_va(q, verb, ap);
	struct answer *a;

	cw_wait(q, cl);
	a = cl->answer;
	cl->answer = NULL;
	cw_disconnect(cl);
	cw_turn(q);
	return a;
}

struct answer *
cw_call(struct queue *q, const char *verb, ...)
{
	struct answer *a;
	va_list ap;

	va_start(ap, verb);
	a = call_va(q, verb, ap);
	va_end(ap);
	return a;
}

json_t *
cw_must(struct queue *q, struct answer **a_r, const char *verb, ...)
{
	struct answer *a;
	va_list ap;

	va_start(ap, verb);
	a = call_va(q, verb, ap);
	va_end(ap);
	if (a->status != 0)
		fail_msg("%s: status %d: %s", verb, a->status, a->text);
	*a_r = a;
	return json_array_get(a->out, json_array_size(a->out) - 1);
}

const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	if (s == NULL)
		fail_msg("no %s in the answer", name);
	return s;
}

json_int_t
number_of(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v))
		fail_msg("no number %s in the answer", name);
	return json_integer_value(v);
}

json_t *
last_of(const struct answer *a)
{
	return json_array_get(a->out, json_array_size(a->out) - 1);
}

/* ---- what lies in the store before */

struct making {
	const char	*name, *address;
	uint32_t	 list;
	const struct keyring *keys;
	int64_t		 now_ms;
};

/* The domain may be the organization's own already. */
static int
ready_list(struct txn *t, void *arg, struct err *e)
{
	struct making *m = arg;
	struct list_new n = { .org = 1, .name = m->name,
		.from = "news@example.org", .postal = "1 Example Way" };
	struct org_domain d;

	if (org_domain_claim(t, 1, "example.org", "test", m->now_ms, &d,
	    e) == -1 || org_domain_checked(t, 1, "example.org",
	    ORG_PROOF_DNS, m->now_ms, e) == -1 ||
	    list_create(t, &n, "test", m->now_ms, &m->list, e) == -1)
		return -1;
	return list_owner_confirmed(t, m->list, m->now_ms, e);
}

uint32_t
cw_ready_list(struct queue *q, const char *name)
{
	struct making m = { .name = name, .now_ms = q->now_ms };

	world_must(q->w, STORE_S, ready_list, &m);
	return m.list;
}

static int
add_member(struct txn *t, void *arg, struct err *e)
{
	struct making *m = arg;
	struct identity who;
	struct member row;
	struct consent entry = { .kind = CONSENT_CONFIRMED,
		.when_ms = m->now_ms, .list = m->list, .org = 1 };
	struct subscriber_new n = { .list = m->list, .who = &who,
		.state = MEMBER_ACTIVE, .now_ms = m->now_ms };

	if (identity_parse(m->keys, m->address, strlen(m->address), 0, &who,
	    e) == -1)
		return -1;
	entry.hash = SLICE(who.hash, sizeof(who.hash));
	entry.address = consent_text(m->address);
	if (consent_append(t, &entry, &n.consent, e) == -1)
		return -1;
	return subscriber_add(t, &n, &row, e) == 1 ? 0 : -1;
}

void
cw_member(struct queue *q, uint32_t list, const char *address)
{
	struct making m = { .address = address, .list = list,
		.keys = q->w->keys, .now_ms = q->now_ms };

	world_must(q->w, STORE_S, add_member, &m);
}
