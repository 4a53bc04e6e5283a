/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_channel.c - frames survive every cut, descriptors arrive with their
 * frame and never leak, and no octets of a peer do more than end its channel.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/err.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* What the owner of a channel saw. */
struct seen {
	struct strbuf	 log;		/* "type:payload(fds) " per frame */
	unsigned	 frames;
	int		 kept;		/* a descriptor kept from a frame */
	bool		 keep;
	bool		 closed;
	struct err	 why;
	unsigned	 drained;
	/* Do this inside the next frame callback. */
	enum { NOTHING, FREE, FAIL, PAUSE } act;
};

struct fixture {
	struct event_base	*base;
	struct channel		*ch;
	int			 peer;	/* the raw other end, or -1 */
	struct seen		 seen;
	int			 fds_before;
};

static int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct seen *seen = arg;
	struct err e = ERR_INIT;

	assert_false(seen->closed);
	seen->frames++;
	strbuf_addf(&seen->log, "%u:", f->type);
	strbuf_add(&seen->log, f->data, f->len < 32 ? f->len : 32);
	if (f->nfds != 0)
		strbuf_addf(&seen->log, "(%zu)", f->nfds);
	strbuf_addc(&seen->log, ' ');
	if (seen->keep && f->nfds != 0) {
		assert_int_equal(fcntl(f->fds[0], F_GETFD), FD_CLOEXEC);
		seen->kept = f->fds[0];
		f->fds[0] = -1;
	}
	switch (seen->act) {
	case NOTHING:
		break;
	case FREE:
		channel_free(ch);
		break;
	case FAIL:
		err_set(&e, ERR_INPUT, "nonsense");
		channel_fail(ch, &e);
		break;
	case PAUSE:
		channel_pause(ch);
		break;
	}
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct seen *seen = arg;

	(void)ch;
	assert_false(seen->closed);
	seen->closed = true;
	if (why != NULL)
		seen->why = *why;
}

static void
on_drained(struct channel *ch, void *arg)
{
	struct seen *seen = arg;

	(void)ch;
	seen->drained++;
}

static const struct channel_ops ops = { on_frame, on_closed, on_drained };

static void
seen_init(struct seen *seen)
{
	*seen = (struct seen){ .log = STRBUF_INIT(65536), .kept = -1 };
}

static void
begin(struct fixture *fx)
{
	int sv[2];

	seen_init(&fx->seen);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	fx->peer = sv[1];
	fx->ch = channel_new(fx->base, sv[0], &ops, &fx->seen);
}

static void
end(struct fixture *fx)
{
	channel_free(fx->ch);
	fx->ch = NULL;
	if (fx->peer != -1)
		close(fx->peer);
	if (fx->seen.kept != -1)
		close(fx->seen.kept);
	strbuf_free(&fx->seen.log);
}

static int
setup(void **state)
{
	static struct fixture fx;

	fx.base = event_base_new();
	fx.fds_before = open_fds();
	begin(&fx);
	*state = &fx;
	return 0;
}

/* Every test also proves that it leaves no descriptor behind. */
static int
teardown(void **state)
{
	struct fixture *fx = *state;
	int left;

	end(fx);
	left = open_fds();
	event_base_free(fx->base);
	return left == fx->fds_before ? 0 : -1;
}

static void
turn(struct fixture *fx)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
}

static void
put_frame(struct strbuf *b, uint16_t type, uint16_t nfds, const char *payload)
{
	pack_u32(b, (uint32_t)strlen(payload));
	pack_u16(b, type);
	pack_u16(b, nfds);
	strbuf_adds(b, payload);
}

static void
write_raw(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static void
write_with_fds(int fd, const void *p, size_t n, size_t nfds)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(32 * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int fds[32];

	assert_true(nfds <= LEN(fds));
	for (size_t i = 0; i < nfds; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	memset(&control, 0, sizeof(control));
	mh.msg_control = &control;
	mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	assert_int_equal(sendmsg(fd, &mh, 0), n);
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
}

/* Frames cut at each octet, with the loop running in between. */
static void
every_cut_is_joined(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(1024);

	put_frame(&b, 1, 0, "one");
	put_frame(&b, 2, 0, "");
	put_frame(&b, 65535, 0, "three");
	for (size_t cut = 0; cut <= b.len; cut++) {
		if (cut > 0)
			write_raw(fx->peer, b.s, cut);
		turn(fx);
		if (cut < b.len)
			write_raw(fx->peer, b.s + cut, b.len - cut);
		turn(fx);
		assert_string_equal(fx->seen.log.s, "1:one 2: 65535:three ");
		strbuf_reset(&fx->seen.log);
	}
	assert_false(fx->seen.closed);
	strbuf_free(&b);
}

static void
an_orderly_end_is_no_error(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(64);

	put_frame(&b, 7, 0, "last words");
	write_raw(fx->peer, b.s, b.len);
	close(fx->peer);
	fx->peer = -1;
	turn(fx);
	assert_string_equal(fx->seen.log.s, "7:last words ");
	assert_true(fx->seen.closed);
	assert_int_equal(fx->seen.why.code, ERR_NONE);
	strbuf_free(&b);
}

/* A peer that ends inside a frame, at each place. */
static void
a_frame_cut_short_is_damage(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(64);

	put_frame(&b, 7, 0, "words");
	for (size_t cut = 1; cut < b.len; cut++) {
		write_raw(fx->peer, b.s, cut);
		close(fx->peer);
		fx->peer = -1;
		turn(fx);
		assert_true(fx->seen.closed);
		assert_int_equal(fx->seen.frames, 0);
		assert_int_equal(fx->seen.why.code, ERR_DAMAGED);
		end(fx);
		begin(fx);
	}
	strbuf_free(&b);
}

/* Headers no frame can come of. */
static const struct {
	const char *why;
	uint8_t header[CHANNEL_HEADER];
	enum err_code code;
} refused[] = {
	{ "one octet too long", { 0, 0x10, 0, 1, 0, 1, 0, 0 }, ERR_LIMIT },
	{ "4 GB", { 255, 255, 255, 255, 0, 1, 0, 0 }, ERR_LIMIT },
	{ "too many descriptors", { 0, 0, 0, 0, 0, 1, 0, 9 }, ERR_LIMIT },
	{ "65535 of them", { 0, 0, 0, 0, 0, 1, 255, 255 }, ERR_LIMIT },
	{ "one that did not come", { 0, 0, 0, 0, 0, 1, 0, 1 }, ERR_INPUT },
};

static void
broken_headers_end_the_channel(void **state)
{
	struct fixture *fx = *state;

	for (size_t i = 0; i < LEN(refused); i++) {
		write_raw(fx->peer, refused[i].header, CHANNEL_HEADER);
		turn(fx);
		if (!fx->seen.closed || fx->seen.frames != 0 ||
		    fx->seen.why.code != refused[i].code)
			fail_msg("%s", refused[i].why);
		end(fx);
		begin(fx);
	}
}

static uint32_t
next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

/* X10: random octets to the socket. */
static void
random_octets_do_no_harm(void **state)
{
	struct fixture *fx = *state;
	uint64_t x = 42;
	uint8_t junk[512];
	unsigned closed = 0;

	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 4 && !fx->seen.closed; i++) {
			size_t n = 1 + next_random(&x) % sizeof(junk);

			for (size_t k = 0; k < n; k++)
				junk[k] = (uint8_t)next_random(&x);
			/* Mostly plausible lengths, or all end at once. */
			if (n > 4 && round % 2 == 0)
				memset(junk, 0, 3);
			if (next_random(&x) % 8 == 0)
				write_with_fds(fx->peer, junk, n,
				    1 + next_random(&x) % 20);
			else
				write_raw(fx->peer, junk, n);
			turn(fx);
		}
		closed += fx->seen.closed;
		end(fx);
		begin(fx);
	}
	assert_true(closed > 100);
}

static void
descriptors_come_with_their_frame(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(256);

	fx->seen.keep = true;
	put_frame(&b, 1, 0, "plain");
	put_frame(&b, 2, 1, "with");
	put_frame(&b, 3, 0, "plain");
	write_with_fds(fx->peer, b.s, b.len, 1);
	turn(fx);
	assert_string_equal(fx->seen.log.s, "1:plain 2:with(1) 3:plain ");
	assert_int_not_equal(fx->seen.kept, -1);
	strbuf_free(&b);
}

/* Nobody takes these: teardown counts that they are closed. */
static void
unclaimed_descriptors_are_closed(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(256);

	/* Not kept by the callback. */
	put_frame(&b, 1, 3, "x");
	write_with_fds(fx->peer, b.s, b.len, 3);
	turn(fx);
	assert_string_equal(fx->seen.log.s, "1:x(3) ");
	assert_int_equal(open_fds(), fx->fds_before + 2);
	/* Of a frame that never becomes whole. */
	write_with_fds(fx->peer, b.s, 5, 3);
	turn(fx);
	assert_int_equal(open_fds(), fx->fds_before + 5);
	end(fx);
	begin(fx);
	/* More than any frame may carry: the kernel cuts, we end it. */
	write_with_fds(fx->peer, b.s, 5, 20);
	turn(fx);
	assert_true(fx->seen.closed);
	assert_int_equal(fx->seen.why.code, ERR_LIMIT);
	end(fx);
	begin(fx);
	/* Frames that carry none, with descriptors each. */
	strbuf_reset(&b);
	put_frame(&b, 1, 0, "");
	for (int i = 0; i < 5 && !fx->seen.closed; i++) {
		write_with_fds(fx->peer, b.s, b.len, 8);
		turn(fx);
	}
	assert_true(fx->seen.closed);
	assert_int_equal(fx->seen.why.code, ERR_LIMIT);
	end(fx);
	begin(fx);
	/* Never even read. */
	write_with_fds(fx->peer, b.s, b.len, 2);
	strbuf_free(&b);
}

/* Two channels face to face. */
static void
what_is_sent_arrives(void **state)
{
	struct fixture *fx = *state;
	struct channel *other;
	struct seen seen;
	struct err e = ERR_INIT;
	char text[32];
	int fds[2], p[2];

	seen_init(&seen);
	other = channel_new(fx->base, fx->peer, &ops, &seen);
	fx->peer = -1;
	seen.keep = true;
	assert_int_equal(channel_send(other, 5, NULL, 0, &e), 0);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		assert_int_equal(channel_send(fx->ch, 9, text, 2, &e), 0);
	}
	assert_int_equal(channel_queued(fx->ch), 3 * (CHANNEL_HEADER + 2));
	assert_int_equal(pipe(p), 0);
	fds[0] = p[1];
	fds[1] = open("/dev/null", O_RDONLY);
	assert_int_equal(channel_send_fds(fx->ch, 10, "fd", 2, fds, 2, &e), 0);
	assert_int_equal(channel_send(fx->ch, 11, "end", 3, &e), 0);
	turn(fx);
	assert_string_equal(fx->seen.log.s, "5: ");
	assert_string_equal(seen.log.s,
	    "9:n0 9:n1 9:n2 10:fd(2) 11:end ");
	assert_int_equal(channel_queued(fx->ch), 0);
	/* It is the descriptor that was sent. */
	assert_int_equal(write(seen.kept, "x", 1), 1);
	assert_int_equal(read(p[0], text, 1), 1);
	close(p[0]);
	close(seen.kept);
	channel_free(other);
	strbuf_free(&seen.log);
}

/* Many frames with descriptors behind a full socket keep their pairing. */
static void
descriptors_survive_back_pressure(void **state)
{
	struct fixture *fx = *state;
	static char big[100000];
	struct channel *other;
	struct seen seen;
	struct err e = ERR_INIT;

	seen_init(&seen);
	for (int i = 0; i < 40; i++) {
		int fd = open("/dev/null", O_RDONLY);

		memset(big, 'a' + i % 26, sizeof(big));
		assert_int_equal(channel_send(fx->ch, 1, big, sizeof(big),
		    &e), 0);
		assert_int_equal(channel_send_fds(fx->ch, 2, big, 3, &fd, 1,
		    &e), 0);
	}
	turn(fx);
	assert_true(channel_queued(fx->ch) > 1000000);
	other = channel_new(fx->base, fx->peer, &ops, &seen);
	fx->peer = -1;
	for (int i = 0; i < 1000 && seen.frames < 80; i++)
		turn(fx);
	assert_int_equal(seen.frames, 80);
	assert_non_null(strstr(seen.log.s, " 2:nnn(1) "));
	assert_int_equal(channel_queued(fx->ch), 0);
	channel_free(other);
	strbuf_free(&seen.log);
}

static void
sending_has_limits(void **state)
{
	struct fixture *fx = *state;
	static char big[CHANNEL_FRAME_MAX + 1];
	struct strbuf small = STRBUF_INIT(4);
	struct err e = ERR_INIT;
	char buf[65536];
	int fd = open("/dev/null", O_RDONLY), n = 0;

	assert_int_equal(channel_send_fds(fx->ch, 1, big, sizeof(big), &fd, 1,
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_adds(&small, "too long");
	assert_int_equal(channel_send_buf(fx->ch, 1, &small, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(channel_queued(fx->ch), 0);
	while (channel_send(fx->ch, 1, big, CHANNEL_FRAME_MAX, &e) == 0 &&
	    n < 1000)
		n++;
	assert_int_equal(e.code, ERR_AGAIN);
	assert_int_equal(n, CHANNEL_QUEUE_MAX / CHANNEL_FRAME_MAX - 1);
	assert_true(channel_busy(fx->ch));
	/* The peer reads again. */
	fcntl(fx->peer, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 100000 && channel_queued(fx->ch) != 0; i++) {
		while (read(fx->peer, buf, sizeof(buf)) > 0)
			;
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(channel_queued(fx->ch), 0);
	assert_int_equal(fx->seen.drained, 1);
	assert_false(channel_busy(fx->ch));
	strbuf_free(&small);
}

static void
a_channel_may_end_inside_its_callback(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(64);

	put_frame(&b, 1, 0, "a");
	put_frame(&b, 2, 0, "b");
	fx->seen.act = FAIL;
	write_raw(fx->peer, b.s, b.len);
	turn(fx);
	assert_string_equal(fx->seen.log.s, "1:a ");
	assert_true(fx->seen.closed);
	assert_string_equal(fx->seen.why.text, "nonsense");
	end(fx);
	begin(fx);
	fx->seen.act = FREE;
	write_raw(fx->peer, b.s, b.len);
	turn(fx);
	assert_string_equal(fx->seen.log.s, "1:a ");
	assert_false(fx->seen.closed);
	fx->ch = NULL;
	strbuf_free(&b);
}

static void
a_paused_channel_keeps_its_frames(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(64);

	put_frame(&b, 1, 0, "a");
	put_frame(&b, 2, 0, "b");
	fx->seen.act = PAUSE;
	write_raw(fx->peer, b.s, b.len);
	close(fx->peer);
	fx->peer = -1;
	turn(fx);
	assert_string_equal(fx->seen.log.s, "1:a ");
	fx->seen.act = NOTHING;
	channel_resume(fx->ch);
	turn(fx);
	assert_string_equal(fx->seen.log.s, "1:a 2:b ");
	assert_true(fx->seen.closed);
	assert_int_equal(fx->seen.why.code, ERR_NONE);
	strbuf_free(&b);
}

/* Without the loop: what a process says just before it is reaped. */
static void
a_poll_reads_what_is_there(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(64);

	channel_poll(fx->ch);
	assert_false(fx->seen.closed);
	put_frame(&b, 1, 0, "why");
	write_raw(fx->peer, b.s, b.len);
	close(fx->peer);
	fx->peer = -1;
	channel_poll(fx->ch);
	assert_string_equal(fx->seen.log.s, "1:why ");
	channel_poll(fx->ch);
	assert_true(fx->seen.closed);
	channel_poll(fx->ch);
	strbuf_free(&b);
}

/* Its last words are read although it takes ours no more. */
static void
a_dead_peer_is_heard_out(void **state)
{
	struct fixture *fx = *state;
	struct strbuf b = STRBUF_INIT(64);
	struct err e = ERR_INIT;

	put_frame(&b, 1, 0, "outcome");
	write_raw(fx->peer, b.s, b.len);
	assert_int_equal(channel_send(fx->ch, 1, "unread", 6, &e), 0);
	channel_flush(fx->ch);
	close(fx->peer);
	fx->peer = -1;
	assert_int_equal(channel_send(fx->ch, 1, "late", 4, &e), 0);
	channel_flush(fx->ch);
	assert_int_equal(channel_send(fx->ch, 1, "later", 5, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	turn(fx);
	assert_string_equal(fx->seen.log.s, "1:outcome ");
	assert_true(fx->seen.closed);
	assert_int_equal(fx->seen.why.code, ERR_NONE);
	strbuf_free(&b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_cut_is_joined),
		TEST(an_orderly_end_is_no_error),
		TEST(a_frame_cut_short_is_damage),
		TEST(broken_headers_end_the_channel),
		TEST(random_octets_do_no_harm),
		TEST(descriptors_come_with_their_frame),
		TEST(unclaimed_descriptors_are_closed),
		TEST(what_is_sent_arrives),
		TEST(descriptors_survive_back_pressure),
		TEST(sending_has_limits),
		TEST(a_channel_may_end_inside_its_callback),
		TEST(a_paused_channel_keeps_its_frames),
		TEST(a_poll_reads_what_is_there),
		TEST(a_dead_peer_is_heard_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
