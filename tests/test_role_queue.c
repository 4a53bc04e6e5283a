/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_role_queue.c - the queue role as a whole: a real store with people in
 * it, its loop, its channels, and at their other ends a deliver role and a web
 * role that follow a script.
 *
 * The functions of role.h that the process would bring are defined here.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/conf.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/realclock.h"
#include "lib/sys/timers.h"
#include "listd/control.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/campaign.h"
#include "spool/consent.h"
#include "spool/ledger.h"
#include "spool/list.h"
#include "spool/outcome.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

#define PEOPLE		30
#define OUT_MAX		256
#define TIME_LIMIT_S	20	/* of one run of the role; then it fails */

/* What the script is, and what has happened. */
static struct {
	struct world	*w;
	struct role_env	*env;
	struct queue	*q;
	struct channel	*deliver, *web;
	uint64_t	epoch;
	bool		ready, drained, refused;
	struct err	why;
	int		secret[KEY_PURPOSES];
	uint32_t	campaign;

	/* deliver */
	bool		hold;		/* answer no delivery */
	struct ipc_delivery out[OUT_MAX];
	size_t		n;
	unsigned	delivered[PEOPLE + 8];
	unsigned	notices;
	unsigned	recalls, sessions, hellos, closes;
	unsigned	broken;		/* times the parent was told */
	uint64_t	seq, acked;

	/* web */
	unsigned	replies;
	enum ipc_result	reply;
	size_t		out_at_reply;
	uint64_t	who;		/* whoever leaves */

	/* called every few milliseconds; true: the script is over */
	bool	(*step)(void);
} t;

/* ---- role.h */

int
role_fd(const struct role_env *env, const char *name)
{
	(void)env;
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++)
		if (strcmp(name, FD_SECRET) > 0 &&
		    strcmp(name + strlen(FD_SECRET), key_purpose_name(p)) == 0)
			return t.secret[p];
	return strcmp(name, FD_CONTROL) == 0 ? 0 : -1;
}

int
role_confine(struct role_env *env, const struct role_path *paths, size_t n,
    struct err *e)
{
	(void)env, (void)paths, (void)n, (void)e;
	return 0;
}

void
role_ready(struct role_env *env)
{
	(void)env;
	t.ready = true;
}

int
role_refuse(struct role_env *env, const struct err *e)
{
	(void)env;
	t.refused = true;
	t.why = *e;
	return STATUS_CONFIG;
}

void
role_drained(struct role_env *env)
{
	t.drained = true;
	event_base_loopbreak(env->base);
}

/* The parent would drain and swap; here the role goes on. */
void
role_restart_all(struct role_env *env)
{
	(void)env;
}

void
role_peer_broken(struct role_env *env, enum role_kind kind, unsigned index)
{
	(void)env;
	assert_int_equal(kind, ROLE_DELIVER);
	assert_int_equal(index, 0);
	t.broken++;
}

/* ---- control.h: nobody connects here */

struct control {
	struct queue	*q;
};

struct control *
control_start(struct queue *q, int listen_fd, struct err *e)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	(void)listen_fd, (void)e;
	ctl->q = t.q = q;
	return ctl;
}

void
control_stop(struct control *ctl)
{
	(void)ctl;
}

void
control_free(struct control *ctl)
{
	free(ctl);
}

/* ---- a deliver role */

static void
send_to(struct channel *ch, uint16_t type, struct strbuf *b)
{
	struct err e = ERR_INIT;

	if (channel_send_buf(ch, type, b, &e) == -1)
		fail_msg("send: %s", e.text);
	strbuf_free(b);
}

static void
say_ready(void)
{
	struct strbuf b = STRBUF_INIT(64);

	pack_u64(&b, t.epoch);
	send_to(t.deliver, IPC_READY, &b);
}

static void
say_route(uint32_t request)
{
	static struct ipc_route r;
	struct strbuf b = STRBUF_INIT(1 << 14);

	memset(&r, 0, sizeof(r));
	r.request = request;
	r.ttl_s = 600;
	r.n = 1;
	strcpy(r.host[0].name, "mx.example");
	ipc_put_route(&b, &r);
	send_to(t.deliver, IPC_RESOLVED, &b);
}

static void
say_session(uint32_t session, enum ipc_session_event event)
{
	struct ipc_session_state st = { .session = session, .event = event };
	struct strbuf b = STRBUF_INIT(1024);

	ipc_put_session_state(&b, &st);
	send_to(t.deliver, IPC_SESSION_STATE, &b);
}

static void
say_outcome(const struct ipc_delivery *d)
{
	static struct ipc_outcome o;
	struct strbuf b = STRBUF_INIT(1 << 14);

	memset(&o, 0, sizeof(o));
	o.what = *d;
	o.result = IPC_DELIVERED;
	o.stage = IPC_STAGE_DOT;
	o.code = 250;
	strcpy(o.host, "mx.example [192.0.2.1]");
	strcpy(o.message_id, "<id@example>");
	pack_u64(&b, ++t.seq);
	pack_u64(&b, t.epoch);
	pack_u16(&b, 1);
	ipc_put_outcome(&b, &o);
	send_to(t.deliver, IPC_OUTCOME, &b);
	if (d->kind == IPC_KIND_NOTICE)
		t.notices++;
	else
		t.delivered[d->subscriber]++;
}

static void
say_recalled(uint64_t id)
{
	struct strbuf b = STRBUF_INIT(64);
	uint8_t how = IPC_RECALL_UNKNOWN;

	for (size_t i = 0; i < t.n; i++)
		if (t.out[i].delivery == id) {
			t.out[i] = t.out[--t.n];
			how = IPC_RECALL_DROPPED;
			break;
		}
	t.recalls++;
	pack_u64(&b, id);
	pack_u8(&b, how);
	send_to(t.deliver, IPC_RECALLED, &b);
}

static void
deliver_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct ipc_hello hello;
	struct unpack u;
	uint32_t id;

	(void)ch, (void)arg;
	unpack_init(&u, f->data, f->len);
	switch (f->type) {
	case IPC_HELLO:
		ipc_get_hello(&u, &hello);
		t.epoch = hello.epoch;
		t.hellos++;
		say_ready();
		break;
	case IPC_RESOLVE:
		say_route(unpack_u32(&u));
		break;
	case IPC_SESSION_OPEN:
		t.sessions++;
		say_session(unpack_u32(&u), IPC_SESSION_UP);
		break;
	case IPC_SESSION_CLOSE:
		t.closes++;
		say_session(unpack_u32(&u), IPC_SESSION_CLOSED);
		break;
	case IPC_DELIVER:
		id = unpack_u32(&u);
		for (uint16_t n = unpack_u16(&u); n > 0; n--) {
			ipc_get_delivery(&u, &t.out[t.n++]);
			assert_true(t.n < OUT_MAX);
		}
		(void)id;
		break;
	case IPC_RECALL:
		say_recalled(unpack_u64(&u));
		break;
	case IPC_OUTCOME_ACK:
		t.acked = unpack_u64(&u);
		break;
	}
}

static void
web_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct unpack u;

	(void)ch, (void)arg;
	assert_int_equal(f->type, IPC_REPLY);
	unpack_init(&u, f->data, f->len);
	assert_int_equal(unpack_u64(&u), 7);
	t.reply = unpack_u8(&u);
	t.replies++;
	t.out_at_reply = 0;
	for (size_t i = 0; i < t.n; i++)
		t.out_at_reply += t.out[i].subscriber == t.who;
}

static void
over(struct channel *ch, const struct err *why, void *arg)
{
	(void)why;
	channel_free(ch);
	*(struct channel **)arg = NULL;
	if (arg == &t.deliver)
		t.n = 0;	/* it died with what it had */
}

static const struct channel_ops deliver_ops = {
	.frame = deliver_frame, .closed = over,
}, web_ops = {
	.frame = web_frame, .closed = over,
};

/* ---- the loop */

static struct channel *
connect_peer(enum role_kind kind, const struct channel_ops *ops,
    struct channel **slot)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	*slot = channel_new(t.env->base, fd[1], ops, slot);
	t.env->on_peer(t.env, kind, 0, fd[0]);
	return *slot;
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	while (!t.hold && t.n > 0 && t.deliver != NULL) {
		t.n--;
		say_outcome(&t.out[t.n]);
	}
	if (t.step != NULL && t.step()) {
		t.step = NULL;
		t.env->on_stopping(t.env);
		t.env->on_drain(t.env);
	}
}

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	event_base_loopbreak(t.env->base);
}

int
role_run(struct role_env *env)
{
	const struct timeval often = { 0, 2000 };
	const struct timeval limit = { TIME_LIMIT_S, 0 };
	struct event *step, *end;

	connect_peer(ROLE_DELIVER, &deliver_ops, &t.deliver);
	connect_peer(ROLE_WEB, &web_ops, &t.web);
	step = event_new(env->base, -1, EV_PERSIST, on_step, NULL);
	end = event_new(env->base, -1, 0, on_limit, NULL);
	event_add(step, &often);
	event_add(end, &limit);
	while (!t.drained && !event_base_got_break(env->base))
		event_base_loop(env->base, EVLOOP_ONCE);
	event_free(step);
	event_free(end);
	return STATUS_OK;
}

/* Run the role on the world's store until the script is over. */
static int
run_role(bool (*step)(void))
{
	static struct conf conf;
	struct role_env env = {
		.kind = ROLE_QUEUE, .delivers = 1, .clock = &realclock,
	};
	int status;

	world_close(t.w);
	conf_init(&conf);
	strcpy(conf.data_dir, t.w->dir);
	conf.map_size = conf.map_size_queue = WORLD_MAP;
	conf.connections_per_site = 2;	/* so that some have to wait */
	env.conf = &conf;
	env.base = event_base_new();
	env.timers = timers_new(env.base, &realclock, false);
	t.env = &env;
	t.step = step;
	t.drained = t.ready = t.refused = false;
	t.n = 0;
	t.seq = t.acked = 0;
	status = role_queue(&env);
	channel_free(t.deliver);
	channel_free(t.web);
	t.deliver = t.web = NULL;
	timers_free(env.timers);
	event_base_free(env.base);
	return status;
}

/* ---- the store */

static int
make_secrets(void)
{
	struct strbuf b = STRBUF_INIT(KEY_FILE_MAX);
	struct err e = ERR_INIT;

	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		strbuf_reset(&b);
		t.secret[p] = memfd_create("secret", MFD_CLOEXEC);
		if (t.secret[p] == -1 ||
		    keyring_format(t.w->keys, p, &b, &e) == -1 ||
		    write(t.secret[p], b.s, b.len) != (ssize_t)b.len)
			return -1;
	}
	keyring_wipe(&b);
	return 0;
}

static int
setup(void **state)
{
	char address[64];

	if (people_setup(state) != 0)
		return -1;
	memset(&t, 0, sizeof(t));
	t.w = *state;
	for (unsigned i = 0; i < PEOPLE; i++) {
		snprintf(address, sizeof(address), "u%u@d%u.example", i,
		    i % 5);
		people_join(t.w, "news", address, NOW + i * HOUR);
	}
	return make_secrets();
}

static int
teardown(void **state)
{
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++)
		close(t.secret[p]);
	return world_teardown(state);
}

static int
release(struct txn *txn, void *arg, struct err *e)
{
	struct campaign *c = arg;
	bool existed;

	if (campaign_create(txn, c, &existed, e) != 0)
		return -1;
	c->state = CAMPAIGN_RUNNING;
	return campaign_change(txn, c, e);
}

/* A campaign to everybody of "news". */
static void
release_one(void)
{
	struct txn *s = world_read(t.w, STORE_S);
	struct list_counters n;
	struct campaign c = { .list = 1, .org = 1, .start = 1234567 };

	assert_int_equal(list_counters(s, 1, &n, &t.w->e), 0);
	txn_end(s);
	assert_int_equal(n.active, PEOPLE);
	c.as_of = n.sequence;
	c.count = n.active;
	c.left_base = n.left;
	world_must(t.w, STORE_Q, release, &c);
	t.campaign = c.id;
}

static struct tally
tally_of(struct campaign *c)
{
	struct txn *q = world_read(t.w, STORE_Q);
	struct tally v;

	assert_int_equal(campaign_get(q, t.campaign, c, &t.w->e), 1);
	assert_int_equal(tally_get(q, t.campaign, &v, &t.w->e), 0);
	txn_end(q);
	return v;
}

static unsigned
copies(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(t.delivered) / sizeof(t.delivered[0]);
	    i++)
		n += t.delivered[i];
	return n;
}

/* ---- scripts */

static bool
all_acked(void)
{
	return copies() >= PEOPLE && t.acked == t.seq;
}

/* A life in which only what is left over happens. */
static bool
at_once(void)
{
	static int steps;

	return ++steps % 50 == 0;
}

static void
a_campaign_is_sent(void **state)
{
	struct outcome_reader *r;
	struct campaign c;
	struct outcome o;
	struct tally v;
	uint64_t batch;
	char dir[300];
	unsigned n = 0;

	(void)state;
	release_one();
	assert_int_equal(run_role(all_acked), STATUS_OK);
	assert_true(t.ready && t.drained);
	assert_int_equal(copies(), PEOPLE);
	/* The next life sees that it is over, and does nothing twice. */
	assert_int_equal(run_role(at_once), STATUS_OK);
	assert_int_equal(copies(), PEOPLE);
	world_reopen(t.w);
	v = tally_of(&c);
	assert_int_equal(c.state, CAMPAIGN_FINISHED);
	assert_int_equal(v.delivered, PEOPLE);
	snprintf(dir, sizeof(dir), "%s/outcomes", t.w->dir);
	r = outcome_reader_new(dir, t.campaign, 1u << OUTCOME_DELIVERED,
	    &t.w->e);
	while (outcome_reader_next(r, &o, &batch, &t.w->e) == 1)
		n++;
	outcome_reader_free(r);
	assert_int_equal(n, PEOPLE);
}

/* Stopped in the middle: what is open ends, the rest comes later, once. */
static bool
some_are_out(void)
{
	if (t.n == 0)
		return false;
	t.hold = false;		/* from now on they are answered */
	return true;
}

static void
drain_loses_nothing(void **state)
{
	struct campaign c;
	struct tally v;

	(void)state;
	release_one();
	t.hold = true;
	assert_int_equal(run_role(some_are_out), STATUS_OK);
	assert_true(t.drained);
	world_reopen(t.w);
	v = tally_of(&c);
	assert_int_equal(c.state, CAMPAIGN_RUNNING);
	assert_int_equal(v.delivered, copies());
	assert_in_range(copies(), 1, PEOPLE - 1);
	assert_int_equal(run_role(all_acked), STATUS_OK);
	assert_true(t.drained);
	assert_int_equal(copies(), PEOPLE);
}

/* P4: the answer comes after the copy is back, and it goes to nobody. */
static bool
leave_while_out(void)
{
	struct ipc_unsubscribe in = {
		.request = 7, .list = 1, .scope = IPC_LEAVE_LIST,
		.evidence = { .when_ms = NOW, .channel = "one-click" },
	};
	struct strbuf b = STRBUF_INIT(1 << 16);
	struct identity who;
	char address[320];

	if (t.who == 0 && t.n > 0) {
		t.who = t.out[0].subscriber;
		snprintf(address, sizeof(address), "%.60s@%.200s",
		    t.out[0].local, t.out[0].domain);
		who = people_identity(t.w, address);
		memcpy(in.hash, who.hash, sizeof(in.hash));
		ipc_put_unsubscribe(&b, &in);
		send_to(t.web, IPC_UNSUBSCRIBE, &b);
	}
	if (t.replies == 1)
		t.hold = false;
	return t.replies == 1 && copies() == PEOPLE - 1 && t.acked == t.seq;
}

static void
leaving_recalls_the_copy(void **state)
{
	struct campaign c;
	struct tally v;

	(void)state;
	release_one();
	t.hold = true;
	assert_int_equal(run_role(leave_while_out), STATUS_OK);
	assert_true(t.drained);
	assert_int_equal(t.reply, IPC_OK);
	assert_int_equal(t.recalls, 1);
	assert_int_equal(t.out_at_reply, 0);
	assert_int_equal(t.delivered[t.who], 0);
	assert_int_equal(run_role(at_once), STATUS_OK);
	world_reopen(t.w);
	v = tally_of(&c);
	assert_int_equal(c.state, CAMPAIGN_FINISHED);
	assert_int_equal(v.left, 1);
	assert_int_equal(v.delivered, PEOPLE - 1);
}

/* SHA-256 of "text", what the form below showed. */
#define SHOWN_HASH \
	"982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"

static bool
content_is_there(const char *hash)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/content/%.2s/%s", t.w->dir, hash,
	    hash);
	return access(path, F_OK) == 0;
}

/* Mail that a request causes goes out by the same way. */
static bool
subscribe_and_mail(void)
{
	struct ipc_subscribe in = {
		.request = 7, .list = "club", .address = "new@d9.example",
		.evidence = { .when_ms = NOW, .channel = "form",
		    .form = SHOWN_HASH },
		.shown = { (const uint8_t *)"text", 4 },
	};
	struct strbuf b = STRBUF_INIT(1 << 16);

	if (t.who == 0) {
		t.who = 1;
		ipc_put_subscribe(&b, &in);
		send_to(t.web, IPC_SUBSCRIBE, &b);
	}
	return t.replies == 1 && t.notices == 1 && t.acked == t.seq;
}

static void
a_request_is_mailed(void **state)
{
	(void)state;
	assert_int_equal(run_role(subscribe_and_mail), STATUS_OK);
	assert_true(t.drained);
	assert_int_equal(t.reply, IPC_OK);
	assert_true(content_is_there(SHOWN_HASH));
	world_reopen(t.w);
	assert_int_equal(people_rows(t.w, TABLE_NOTICES), 0);
}

/* The text of a form is kept under its own hash or not at all. */
static bool
subscribe_by_another_text(void)
{
	struct ipc_subscribe in = {
		.request = 7, .list = "club", .address = "new@d9.example",
		.evidence = { .when_ms = NOW, .channel = "form",
		    .form = SHOWN_HASH },
		.shown = { (const uint8_t *)"TEXT", 4 },
	};
	struct strbuf b = STRBUF_INIT(1 << 16);

	if (t.who == 0) {
		t.who = 1;
		ipc_put_subscribe(&b, &in);
		send_to(t.web, IPC_SUBSCRIBE, &b);
	}
	return t.replies == 1;
}

static void
a_form_is_kept_by_its_hash(void **state)
{
	(void)state;
	assert_int_equal(run_role(subscribe_by_another_text), STATUS_OK);
	assert_int_equal(t.reply, IPC_TRY_AGAIN);
	assert_int_equal(t.notices, 0);
	assert_false(content_is_there(SHOWN_HASH));
}

/* A frame that makes no sense closes its channel and nothing else. */
/* ---- the ledger's head */

#define SIGNED	4

static struct ledger_checkpoint seen[SIGNED];
static unsigned nseen;

static int
append_entry(struct txn *txn, void *arg, struct err *e)
{
	const struct consent c = { .kind = CONSENT_ACT, .when_ms = 1 };

	(void)arg;
	return consent_append(txn, &c, NULL, e);
}

/* Commit without end, and look what is signed. */
static bool
commit_and_look(void)
{
	static const struct job job = { .apply = append_entry,
		.lane = WRITER_URGENT };
	struct ledger_checkpoint c;
	struct ledger_head head;
	struct err e = ERR_INIT;
	struct txn *txn;

	assert_int_equal(txn_read(queue_store(t.q), STORE_S, &txn, &e), 0);
	assert_int_equal(ledger_checkpoint(txn, &c, &e), 1);
	assert_int_equal(ledger_head(txn, &head, &e), 0);
	txn_end(txn);
	assert_true(c.size <= head.size);
	if (nseen == 0 || seen[nseen - 1].size != c.size)
		seen[nseen++] = c;
	if (nseen < SIGNED)
		queue_commit(t.q, STORE_S, &job);
	return nseen == SIGNED;
}

/* Whoever comes after it has a head to carry; then one a second. */
static void
the_head_is_signed_once_a_second(void **state)
{
	struct ledger_checkpoint c;
	struct ledger_head head;
	struct txn *txn;

	(void)state;
	nseen = 0;
	assert_int_equal(run_role(commit_and_look), STATUS_OK);
	for (unsigned i = 1; i < SIGNED; i++) {
		assert_true(seen[i].size > seen[i - 1].size);
		/* By two clocks, each cut to a millisecond. */
		assert_true(seen[i].when_ms - seen[i - 1].when_ms >= 998);
	}
	/* What came last is signed in the next life. */
	assert_int_equal(run_role(at_once), STATUS_OK);
	world_reopen(t.w);
	txn = world_read(t.w, STORE_S);
	assert_int_equal(ledger_checkpoint(txn, &c, &t.w->e), 1);
	assert_int_equal(ledger_head(txn, &head, &t.w->e), 0);
	assert_true(c.size == head.size && c.size > seen[SIGNED - 1].size);
	assert_memory_equal(c.root, head.root, sizeof(c.root));
	txn_end(txn);
}

static bool
talk_nonsense(void)
{
	struct strbuf b = STRBUF_INIT(64);

	if (t.who == 0) {
		t.who = 1;
		pack_u32(&b, 1);
		send_to(t.web, IPC_UNSUBSCRIBE, &b);
		pack_u8(&b, 1);
		send_to(t.deliver, IPC_OUTCOME, &b);
	}
	if (t.web == NULL && t.who == 1) {
		t.who = 2;
		connect_peer(ROLE_WEB, &web_ops, &t.web);
	}
	if (t.deliver == NULL)
		connect_peer(ROLE_DELIVER, &deliver_ops, &t.deliver);
	return t.who == 2 && t.hellos == 2 && all_acked();
}

static void
nonsense_ends_a_channel(void **state)
{
	(void)state;
	release_one();
	assert_int_equal(run_role(talk_nonsense), STATUS_OK);
	assert_true(t.drained);
	/* Or it would wait for a queue role that is there already. */
	assert_int_equal(t.broken, 1);
	/* What the channel lost was open, and came again. */
	assert_in_range(copies(), PEOPLE, 2 * PEOPLE);
}

/* F13, P12: named, and exit status 78. */
static void
a_damaged_store_is_refused(void **state)
{
	char path[300];

	(void)state;
	snprintf(path, sizeof(path), "%s/queue/data.mdb", t.w->dir);
	world_close(t.w);
	assert_int_equal(truncate(path, 4096 * 2 + 100), 0);
	assert_int_equal(run_role(all_acked), STATUS_CONFIG);
	assert_true(t.refused);
	assert_false(t.ready);
	assert_int_equal(t.why.code, ERR_DAMAGED);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_campaign_is_sent),
		T(drain_loses_nothing),
		T(leaving_recalls_the_copy),
		T(a_request_is_mailed),
		T(a_form_is_kept_by_its_hash),
		T(the_head_is_signed_once_a_second),
		T(nonsense_ends_a_channel),
		T(a_damaged_store_is_refused),
	};
	const struct log_params lp = {
		.name = "test", .socket = "/nonexistent", .level = LEVEL_INFO,
	};
	const struct log_params loud = {
		.name = "test", .to_stderr = true, .level = LEVEL_INFO,
	};

	log_open(getenv("LISTD_TEST_LOG") != NULL ? &loud : &lp);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
