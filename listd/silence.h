/* SPDX-License-Identifier: Apache-2.0 */
/*
 * silence.h - when a peer that owes an answer counts as gone.
 *
 * A process that is stopped, or caught in a loop, keeps its sockets open: that
 * it says nothing is all there is to see.  While something is owed, a peer
 * without a word for SILENCE_ASK_MS is asked (a ping), and lost when the
 * silence is SILENCE_MS old.
 *
 * The ping must have had a chance: SILENCE_CALM_MS have to pass after it by
 * the machine's own clock, of which no more than SILENCE_STEP_MS count between
 * two looks.  So neither a test clock that jumps nor a machine that slept
 * makes a peer lost that would answer at once.
 */
#ifndef LISTD_SILENCE_H
#define LISTD_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#define SILENCE_ASK_MS	30000
#define SILENCE_MS	120000	/* since its last word, or its rest */
#define SILENCE_STEP_MS	5000	/* between looks at one that was asked */
#define SILENCE_CALM_MS	10000	/* SILENCE_MS for one that just begins */

/* Zeroed: a peer that just begins, and owes nothing.  Fields are private. */
struct silence {
	bool	told;		/* something, since its last word */
	bool	counts;		/* since_ms is set; not while it rests */
	bool	known;		/* it has spoken */
	bool	asked;
	int64_t	since_ms;
	int64_t	looked_ms;	/* real; the rest counts from the ping on */
	int64_t	calm_ms;
};

enum silence_verdict {
	SILENCE_FINE,
	SILENCE_ASK,		/* send a ping now */
	SILENCE_LOST,		/* it was not answered; counted afresh */
};

/* A frame went to it, or came from it.  now_ms: the clock of the timers. */
void silence_told(struct silence *s, int64_t now_ms);
void silence_heard(struct silence *s, int64_t now_ms);
/*
 * Look, when all that came was read.  busy: it has work in hand, and may say
 * nothing for long while all is well.  real_ms: the machine's monotonic clock.
 */
enum silence_verdict silence_look(struct silence *s, bool busy,
    int64_t now_ms, int64_t real_ms);
/* Milliseconds until the next look is wanted; -1: nothing is owed. */
int64_t silence_wait(const struct silence *s, bool busy, int64_t now_ms);

#endif
