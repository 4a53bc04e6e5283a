/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound_message.h - a message that was accepted, turned into what queue is
 * asked to make durable.
 *
 * Each recipient becomes one frame (or none, when there is nothing to do), and
 * the sender gets its 250 only after queue has committed them all (P1).
 */
#ifndef LISTD_INBOUND_MESSAGE_H
#define LISTD_INBOUND_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "listd/inbound_address.h"

struct conf;
struct content_file;
struct keyring;

/* Octets of a message that are read; what comes after is counted and kept. */
#define INBOUND_LOOK_MAX	(1u << 20)

struct inbound_message {
	bool		null_sender;
	struct strbuf	head;		/* its first INBOUND_LOOK_MAX octets */
	struct ipc_evidence evidence;	/* of the connection; raw: head */
};

/*
 * Append to frame the payload for this recipient, and say its type; 0 when
 * nothing is to be done.  request goes into the payload.
 *
 * *why_r is what the log says of it: a short, static word.
 */
uint16_t inbound_message_frame(const struct keyring *keys,
    const struct inbound_message *m, const struct inbound_target *t,
    uint64_t request, struct strbuf *frame, const char **why_r);

/* True for recipients whose mail is kept as a file and passed on. */
bool inbound_message_is_forward(const struct inbound_target *t);

#endif
