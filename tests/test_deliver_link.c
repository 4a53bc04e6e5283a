/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_deliver_link.c - what a deliver role tells queue: the order, a channel
 * that is full, and a queue role that comes and goes.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/deliver_link.h"

/* The channel: it takes `room` frames and writes down what they were. */
static struct {
	unsigned	room;
	struct strbuf	sent;
	uint64_t	seq, epoch;	/* of the last frame of outcomes */
	enum err_code	why;		/* of a refusal */
	unsigned	outcomes;	/* that were whole */
	size_t		largest;	/* octets of a frame */
} channel;

static void
count_outcomes(struct unpack *u)
{
	static struct ipc_outcome o;

	for (uint16_t n = unpack_u16(u); n > 0; n--) {
		ipc_get_outcome(u, &o);
		channel.outcomes += !u->bad;
	}
	assert_true(unpack_done(u));
}

static int
take(void *arg, uint16_t type, const struct strbuf *b, struct err *e)
{
	struct unpack u;

	(void)arg;
	if (channel.room == 0) {
		err_set(e, channel.why, "refused");
		return -1;
	}
	channel.room--;
	if (b->len > channel.largest)
		channel.largest = b->len;
	unpack_init(&u, b->s, b->len);
	if (type == IPC_OUTCOME) {
		channel.seq = unpack_u64(&u);
		channel.epoch = unpack_u64(&u);
		strbuf_addf(&channel.sent, "o%u@%u ", (unsigned)channel.seq,
		    (unsigned)channel.epoch);
		count_outcomes(&u);
	} else {
		strbuf_addf(&channel.sent, "%c%u ",
		    type == IPC_RETURNED ? 'r' : 'a',
		    (unsigned)unpack_u32(&u));
	}
	return 0;
}

static struct deliver_link *
begin(void)
{
	channel.room = 1000;
	channel.why = ERR_AGAIN;
	strbuf_free(&channel.sent);
	strbuf_init(&channel.sent, 65536);
	return deliver_link_new(take, NULL);
}

static void
end(struct deliver_link *l)
{
	deliver_link_free(l);
	strbuf_free(&channel.sent);
}

static void
outcomes(struct deliver_link *l, unsigned n)
{
	static const struct ipc_outcome o = { .result = IPC_DELIVERED };

	while (n-- > 0)
		deliver_link_outcome(l, &o);
}

static void
tell(struct deliver_link *l, uint16_t type, uint32_t n)
{
	struct strbuf b = STRBUF_INIT(16);

	pack_u32(&b, n);
	if (type == IPC_RETURNED)
		deliver_link_report(l, type, &b);
	else
		deliver_link_send(l, type, &b);
	strbuf_free(&b);
}

static void
expect(const char *wanted)
{
	assert_string_equal(channel.sent.len > 0 ? channel.sent.s : "",
	    wanted);
	strbuf_reset(&channel.sent);
}

static void
outcomes_travel_together_and_in_order(void **state)
{
	struct deliver_link *l = begin();

	(void)state;
	deliver_link_up(l);
	deliver_link_epoch(l, 7);
	deliver_link_ready(l);
	outcomes(l, 3);
	expect("");
	tell(l, IPC_RETURNED, 9);	/* happened after them */
	expect("o3@7 r9 ");
	outcomes(l, DELIVER_LINK_BATCH + 1);
	expect("o67@7 ");
	deliver_link_flush(l);
	deliver_link_flush(l);
	expect("o68@7 ");
	end(l);
}

/* However large the mails of confirmations are, no outcome is lost. */
static void
mails_make_a_frame_full(void **state)
{
	static uint8_t mail[IPC_RAW_MAX];
	const struct ipc_outcome o = { .result = IPC_DELIVERED,
		.what = { .local = "l", .domain = "d.example" },
		.mail = { mail, sizeof(mail) } };
	struct deliver_link *l = begin();

	(void)state;
	deliver_link_up(l);
	deliver_link_ready(l);
	channel.outcomes = 0;
	for (unsigned i = 0; i < 3 * DELIVER_LINK_BATCH; i++)
		deliver_link_outcome(l, &o);
	deliver_link_flush(l);
	assert_int_equal(channel.outcomes, 3 * DELIVER_LINK_BATCH);
	assert_true(channel.largest <= IPC_FRAME_MAX / 2);
	end(l);
}

/* What was refused goes when there is room, before what came later. */
static void
a_full_channel_loses_nothing(void **state)
{
	struct deliver_link *l = begin();

	(void)state;
	deliver_link_up(l);
	deliver_link_ready(l);
	channel.room = 1;
	for (uint32_t i = 1; i <= 3; i++) {
		outcomes(l, 1);
		tell(l, IPC_RETURNED, i);
	}
	tell(l, IPC_RESOLVED, 4);
	expect("o1@0 ");
	assert_int_equal(deliver_link_backlog(l), 6);
	deliver_link_room(l);			/* still none */
	expect("");
	channel.room = 2;
	deliver_link_room(l);
	expect("r1 o2@0 ");
	channel.room = 100;
	tell(l, IPC_RESOLVED, 5);		/* behind those that wait */
	expect("");
	deliver_link_room(l);
	expect("r2 o3@0 r3 a4 a5 ");
	assert_int_equal(deliver_link_backlog(l), 0);
	end(l);
}

/* A peer that is gone is no full channel: nothing piles up for it. */
static void
a_peer_that_is_gone_gets_nothing(void **state)
{
	struct deliver_link *l = begin();

	(void)state;
	deliver_link_up(l);
	deliver_link_ready(l);
	channel.room = 0;
	channel.why = ERR_REFUSED;
	tell(l, IPC_RETURNED, 1);
	assert_int_equal(deliver_link_backlog(l), 0);
	end(l);
}

/* A new queue role gets all that is not known to be durable, from the first. */
static void
a_new_queue_role_gets_what_is_open(void **state)
{
	struct deliver_link *l = begin();

	(void)state;
	deliver_link_up(l);
	deliver_link_epoch(l, 1);
	deliver_link_ready(l);
	for (int i = 0; i < 3; i++) {
		outcomes(l, 2);
		deliver_link_flush(l);
	}
	expect("o2@1 o4@1 o6@1 ");
	deliver_link_acknowledged(l, 3);	/* the second is not whole */
	channel.room = 0;
	outcomes(l, 1);
	tell(l, IPC_RETURNED, 1);
	deliver_link_down(l);
	assert_int_equal(deliver_link_backlog(l), 0);
	outcomes(l, 1);
	tell(l, IPC_RETURNED, 2);		/* nobody to know of it */
	tell(l, IPC_RESOLVED, 3);
	channel.room = 100;
	deliver_link_up(l);
	tell(l, IPC_RETURNED, 4);		/* not ready for that */
	expect("");
	deliver_link_ready(l);
	expect("o4@1 o6@1 o7@1 o8@1 ");
	deliver_link_epoch(l, 2);
	outcomes(l, 1);
	deliver_link_flush(l);
	expect("o9@2 ");
	deliver_link_acknowledged(l, 9);
	deliver_link_up(l);
	deliver_link_ready(l);
	expect("");
	end(l);
}

/* The channel is full while the old outcomes are sent again. */
static void
room_for_half_of_the_old(void **state)
{
	struct deliver_link *l = begin();

	(void)state;
	for (int i = 0; i < 4; i++) {
		outcomes(l, 1);
		deliver_link_flush(l);
	}
	deliver_link_up(l);
	channel.room = 2;
	deliver_link_ready(l);
	expect("o1@0 o2@0 ");
	outcomes(l, 1);
	deliver_link_flush(l);
	channel.room = 100;
	deliver_link_room(l);
	expect("o3@0 o4@0 o5@0 ");
	end(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_travel_together_and_in_order),
		cmocka_unit_test(mails_make_a_frame_full),
		cmocka_unit_test(a_full_channel_loses_nothing),
		cmocka_unit_test(a_peer_that_is_gone_gets_nothing),
		cmocka_unit_test(a_new_queue_role_gets_what_is_open),
		cmocka_unit_test(room_for_half_of_the_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
