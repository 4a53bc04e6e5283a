/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_request.h - one request of inbound or web, while queue has it.
 *
 * queue_requests.c takes it from a frame and answers it; what it asks for is
 * done in between by queue_request_job.c, in the writer's thread, once
 * queue_request_keep.c has kept the files and texts that the job will name.
 */
#ifndef LISTD_QUEUE_REQUEST_H
#define LISTD_QUEUE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf.h"
#include "lib/ipc.h"
#include "listd/role.h"
#include "spool/access.h"
#include "spool/leave.h"
#include "spool/optin.h"

struct channel;
struct err;
struct queue;
struct queue_requests;
struct txn;

#define REQUEST_ACTION_FAILED	1	/* of struct ipc_bounce */

struct peer {
	struct queue_requests	*all;
	enum role_kind		 kind;
	struct channel		*ch;
	unsigned		 generation;	/* of ch: answers know theirs */
	size_t			 open;
};

struct queue_requests {
	struct queue	*q;
	struct peer	 inbound, web;
	size_t		 open;
	bool		 closed;
};

struct peer_request {
	struct peer	*peer;
	unsigned	 generation;
	uint16_t	 type;
	uint8_t		*frame;
	uint64_t	 id;
	int64_t		 now_ms;
	bool		 clock_unsure;
	struct optin_limits limits;
	char		 postmaster[CONF_ADDRESS_MAX];
	union {
		struct ipc_subscribe	subscribe;
		struct ipc_confirm	confirm;
		struct ipc_unsubscribe	unsubscribe;
		struct ipc_data		data;
		struct ipc_bounce	bounce;
		struct ipc_forward	forward;
		struct ipc_cosign	cosign;
	} in;
	struct conf_witnesses *witnesses;	/* of a cosignature */

	/* what the job found */
	enum ipc_result	 result;
	const char	*text;
	struct leave_result gone;
	size_t		 kept;		/* files and settings, by an erasure */
	char		 kept_in[ACCESS_KEPT_MAX];
	bool		 erased;
	uint8_t		 mailbox[ADDRESS_HASH_OCTETS];	/* of who was */
	bool		 suspended;
	bool		 joined;	/* a confirmation made a member */
};

/* The job on S: fills what it found.  As struct job wants it (writer.h). */
int request_apply(struct txn *t, void *arg, struct err *e);
/* Keep what the job will name, or -1, which is logged: try again. */
int request_keep(struct peer_request *r);

#endif
