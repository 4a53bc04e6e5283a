/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - typed, length-prefixed frames over a UNIX stream socket.
 *
 * Processes of the daemon speak through these, and listctl speaks to the
 * daemon.  A frame on the wire is
 *
 *	u32 octets of payload | u16 type | u16 descriptors | payload
 *
 * big-endian, its descriptors carried by SCM_RIGHTS no later than its last
 * octet.  Frames sent in one turn of the loop leave in one sendmsg; those
 * read in one turn are handed over one by one.  The channel has its own
 * buffers, because a bufferevent cannot pass descriptors.
 *
 * Whatever the peer sends, the worst outcome is that `closed` is called.  A
 * payload that the owner finds malformed is reported back with
 * channel_fail(), which ends the channel the same way.
 */
#ifndef LIB_SYS_CHANNEL_H
#define LIB_SYS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct event_base;
struct strbuf;

#define CHANNEL_FRAME_MAX	(1u << 20)	/* octets of one payload */
#define CHANNEL_HEADER		8		/* octets before the payload */
#define CHANNEL_FDS_MAX		8		/* descriptors of one frame */
#define CHANNEL_TURN_MAX	(256u << 10)	/* octets read in one turn */
/* Octets queued for sending: busy from the first, refused from the second. */
#define CHANNEL_BUSY		(4u << 20)
#define CHANNEL_QUEUE_MAX	(64u << 20)

struct channel;

/* One frame as received; everything in it dies when the callback returns. */
struct channel_frame {
	uint16_t	 type;
	const uint8_t	*data;
	size_t		 len;
	/*
	 * Descriptors that came along, close-on-exec.  The callback keeps one
	 * by replacing it with -1; what it leaves is closed for it.
	 */
	int		*fds;
	size_t		 nfds;
};

struct channel_ops {
	/* A whole frame came. */
	void	(*frame)(struct channel *, struct channel_frame *, void *arg);
	/*
	 * The channel is over: the peer is gone and all it sent was read (why
	 * is NULL), its last frame is cut short (ERR_DAMAGED), a frame breaks
	 * the rules (ERR_INPUT, ERR_LIMIT), or the system failed.  Called at
	 * most once, never after channel_free(), and no other callback
	 * follows.  The owner logs, and still has to call channel_free(), now
	 * or later.
	 */
	void	(*closed)(struct channel *, const struct err *why, void *arg);
	/* NULL, or: less than half of CHANNEL_BUSY waits again. */
	void	(*drained)(struct channel *, void *arg);
};

/*
 * Speak frames on fd, a connected AF_UNIX stream socket, which the channel
 * now owns and makes non-blocking and close-on-exec.  ops is borrowed and
 * must outlive the channel.
 */
struct channel *channel_new(struct event_base *base, int fd,
    const struct channel_ops *ops, void *arg);

/*
 * Close at once; what was not sent is lost, unread descriptors are closed.
 * Allowed inside a callback of this channel.  NULL is fine.
 */
void channel_free(struct channel *ch);

/*
 * Queue one frame.  Returns 0, or -1 with e set and nothing queued:
 * ERR_LIMIT when len passes CHANNEL_FRAME_MAX, ERR_AGAIN when the peer does
 * not read and CHANNEL_QUEUE_MAX would be passed, ERR_REFUSED when the
 * channel is over.
 */
int channel_send(struct channel *ch, uint16_t type, const void *data,
    size_t len, struct err *e);

/* The same with b's content; an overflown b is ERR_LIMIT. */
int channel_send_buf(struct channel *ch, uint16_t type,
    const struct strbuf *b, struct err *e);

/*
 * Queue one frame with nfds <= CHANNEL_FDS_MAX descriptors.  They belong to
 * the channel from here on, also on failure: they are closed once sent.
 */
int channel_send_fds(struct channel *ch, uint16_t type, const void *data,
    size_t len, const int *fds, size_t nfds, struct err *e);

/* Octets that wait to be written. */
size_t channel_queued(const struct channel *ch);

/* True while more than CHANNEL_BUSY waits: hold back what can wait. */
bool channel_busy(const struct channel *ch);

/*
 * Write what waits now instead of at the end of the turn, as far as the
 * socket takes it.  For the last words of a process.  May call `closed`.
 */
void channel_flush(struct channel *ch);

/*
 * Read and hand over now what waits in the socket, up to one turn's worth, as
 * if the loop had seen it.  For the last words of a peer that just died.  May
 * call `closed`.
 */
void channel_poll(struct channel *ch);

/*
 * The frame just read makes no sense: end the channel, as if the reader had
 * found it.  `closed` is called with why (borrowed) before this returns.
 */
void channel_fail(struct channel *ch, const struct err *why);

/* Stop and resume reading, to hold back a peer that asks too much. */
void channel_pause(struct channel *ch);
void channel_resume(struct channel *ch);

#endif
