/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_world.h - the control side over a store of its own, with a client
 * and with stand-ins for the scheduler and the deliver roles.
 */
#ifndef TESTS_CONTROL_WORLD_H
#define TESTS_CONTROL_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/conf.h"
#include "lib/ipc.h"
#include "lib/clock.h"
#include "listd/control.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/writer.h"
#include "tests/spool_world.h"

#define CW_JOBS		256
#define CW_FILES	2

struct queue {
	struct world	 *w;
	struct role_env	 env;
	struct conf	 conf;
	struct clock	 clock;
	int64_t		 now_ms, mono_ms;
	struct content	*content;
	struct control	*control;
	int		 listen_fd;
	char		 path[300];
	struct cw_job {
		struct job	 job;
		enum store_env	 env;
	}		 jobs[CW_JOBS];
	size_t		 njobs;

	struct queue_copy_state copy;	/* of the store */
	bool		 departures_due;
	unsigned	 copies_gone_on, copies_ended;

	/* What the deliver roles would say. */
	bool		 no_deliver;
	bool		 refuse;	/* a prepare is refused */
	const char	*findings;
	const char	*txt;		/* "TOKEN": the token that was given */
	enum ipc_dns	 dns;
	enum ipc_proof	 proof;
	enum ipc_result_kind test_result;
	bool		 hold_prepare;	/* do not answer yet */
	void		(*held)(void *arg, const struct ipc_prepared *r);
	void		*held_arg;
	uint32_t	 held_campaign;

	uint32_t	 excess;	/* Breidbart index of what is sent */

	/* What the scheduler heard. */
	unsigned	 prepared, notices, holds, tests, looked_up;
	unsigned	 changed;
	uint32_t	 changed_campaign;
	unsigned	 recalls;
	unsigned	 erased;	/* mailboxes */
	uint32_t	 recalled_campaign;
	size_t		 recalled_members;
};

struct cw_client;

/* What a call was answered. */
struct answer {
	int	 status;
	char	 text[4096];
	json_t	*out;		/* array of the values */
	bool	 closed;	/* the connection ended without an answer */
};

int control_world_setup(void **state);
int control_world_teardown(void **state);

/* Turn the loop and run the jobs that wait, once. */
void cw_turn(struct queue *q);
/*
 * Call a verb: pairs of names and values end with NULL; a name beginning with
 * "--" is an option, one beginning with "<" a file whose content is the value.
 */
struct answer *cw_call(struct queue *q, const char *verb, ...);
/* The same without waiting for the answer. */
struct cw_client *cw_begin(struct queue *q, const char *verb, ...);
/* As cw_call() but the status must be 0; the last value, borrowed from *a. */
json_t *cw_must(struct queue *q, struct answer **a, const char *verb, ...);
void answer_free(struct answer *a);

/* A client by itself. */
struct cw_client *cw_connect(struct queue *q);
void cw_send(struct cw_client *cl, uint16_t type, const void *p, size_t len);
void cw_send_json(struct cw_client *cl, const char *json);
/* Until it is answered or closed; 5 s at most. */
void cw_wait(struct queue *q, struct cw_client *cl);
struct answer *cw_answer(struct cw_client *cl);
void cw_disconnect(struct cw_client *cl);

/* A member of an answer, which must be there. */
const char *text_of(const json_t *o, const char *name);
json_int_t number_of(const json_t *o, const char *name);
/* The last value of an answer. */
json_t *last_of(const struct answer *a);

/* A call that must end with this status. */
#define EXPECT(STATUS, ...) do {					\
	struct answer *a_ = cw_call(__VA_ARGS__);			\
	if (a_->status != (STATUS))					\
		fail_msg("status %d: %s", a_->status, a_->text);	\
	answer_free(a_);						\
} while (0)

/* Make a list of the default organization, with all that lets it send. */
uint32_t cw_ready_list(struct queue *q, const char *name);
/* Add a confirmed member. */
void cw_member(struct queue *q, uint32_t list, const char *address);

#endif
