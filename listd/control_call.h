/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_call.h - one call of listctl while the queue role works on it.
 *
 * A verb's function is called once.  It reads the words of the call, does what
 * can be done at once, and says what comes next with one of
 *
 *	call_write()	a job of a writer, then go on
 *	call_work()	something slow in a thread of its own, then go on
 *	call_stream()	slices between which the loop turns
 *	call_sleep()	later
 *	call_hold()	a question to the scheduler, whose answer goes on
 *
 * or ends the call with call_done() or call_fail().  Ended is ended: functions
 * named to go on are not called any more, and the call is gone when the last
 * thing under way for it came back.  What was changed stays changed.
 *
 * A client that goes away ends nothing: its call runs on without an audience,
 * and long ones look at call_gone().
 */
#ifndef LISTD_CONTROL_CALL_H
#define LISTD_CONTROL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "spool/store.h"

struct call;
struct conf;
struct content;
struct err;
struct queue;
struct scheduler;

#define CALL_SLICE_ROWS	256	/* rows a stream looks at in one slice */

/* What goes on with a call; arg is what it was told with. */
typedef void call_then(struct call *c, void *arg);

struct control_verb {
	const char	*name;
	void		(*run)(struct call *c);
	size_t		 state;		/* octets of call_state(), zeroed */
	void		(*free)(void *state);	/* what hangs on it, or NULL */
};

/* ---- what was asked, and by whom; borrowed */

/* A word of the call by its name in the table of verbs, or NULL. */
const char *call_arg(const struct call *c, const char *name);
/* "" for a switch that was given. */
const char *call_option(const struct call *c, const char *name);
/* The descriptor of a file, now the caller's; -1 when none came. */
int call_take_file(struct call *c, const char *name);
const char *call_who(const struct call *c);
void *call_state(struct call *c);
/* Memory, zeroed, that lives as long as the call. */
void *call_alloc(struct call *c, size_t size);
struct queue *call_queue(struct call *c);
struct store *call_store(struct call *c);
struct scheduler *call_scheduler(struct call *c);
struct content *call_content(struct call *c);
/* Valid until the loop turns. */
const struct conf *call_conf(struct call *c);
int64_t call_now(struct call *c);		/* UTC ms */
int64_t call_mono(struct call *c);		/* monotonic ms */
/*
 * The state of another call of the same verb that has not ended and that
 * match() knows by arg, or NULL.
 */
void *call_other(const struct call *c,
    bool (*match)(const void *state, const void *arg), const void *arg);
/* A campaign was planned for later, or is no more. */
void call_plans_changed(struct call *c);
/* True once the daemon stops: threads look at it between pieces of work. */
const _Atomic bool *call_stopping(const struct call *c);
/* Nobody reads the answer any more. */
bool call_gone(const struct call *c);
/*
 * A read transaction.  NULL: the call was ended.  To be ended by txn_end()
 * before the function returns.
 */
struct txn *call_read(struct call *c, enum store_env env);
/*
 * A number in decimal from 1 on, of an argument or option that was given; 0:
 * the call was ended.
 */
uint32_t call_number(struct call *c, const char *arg);

/* ---- answering */

/* One value of the result; v is taken over.  NULL: the call was ended. */
void call_output(struct call *c, json_t *v);
void call_progress(struct call *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The client has not read what was sent: hold back. */
bool call_busy(const struct call *c);

/* End with status 0. */
void call_done(struct call *c);
/* End with a status and a text for people. */
void call_fail(struct call *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* End with the status that e's code asks for and its text. */
void call_error(struct call *c, const struct err *e);

/* ---- going on later */

enum call_how {
	CALL_URGENT = 0,
	CALL_BULK = 1,		/* the bulk lane: give way to people */
	CALL_RESERVE = 2,	/* leaving: may use the last room */
};

/*
 * Apply fn to arg (NULL: the call's state) in the writer of env, as struct
 * job describes; after the commit call then.  A refusal, or want of room, ends
 * the call with what the job said.  Until then arg is the writer's.
 */
void call_write(struct call *c, enum store_env env, enum call_how how,
    int (*fn)(struct txn *t, void *arg, struct err *e), void *arg,
    call_then *then);
/*
 * Run fn in a thread; then call then in the loop.  fn touches only arg (NULL:
 * the call's state).  -1 from it ends the call with e.
 */
void call_work(struct call *c, int (*fn)(void *arg, struct err *e), void *arg,
    call_then *then);
/*
 * Call step again and again, with a turn of the loop between and while the
 * client reads.  It answers 1 for more, 0 when all is said, which ends the
 * call with status 0 unless step ended it itself.
 */
void call_stream(struct call *c, int (*step)(struct call *c));
/* Call then after ms milliseconds, or at once when the client goes away. */
void call_sleep(struct call *c, int64_t ms, void (*then)(struct call *c));

/*
 * Somebody else has the call as an argument until call_resume(), which is
 * false when there is nothing to go on with; c may be gone then.
 */
void call_hold(struct call *c);
bool call_resume(struct call *c);

#endif
