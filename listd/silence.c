/* SPDX-License-Identifier: Apache-2.0 */
/*
 * silence.c - when a peer that owes an answer counts as gone.
 */
#include "config.h"

#include "listd/silence.h"

void
silence_told(struct silence *s, int64_t now_ms)
{
	/* What follows without an answer does not make it less silent. */
	if (!s->counts)
		s->since_ms = now_ms;
	s->told = s->counts = true;
}

void
silence_heard(struct silence *s, int64_t now_ms)
{
	*s = (struct silence){ .known = true, .counts = true,
	    .since_ms = now_ms };
}

static bool
owes(const struct silence *s, bool busy)
{
	return s->told || s->asked || busy;
}

enum silence_verdict
silence_look(struct silence *s, bool busy, int64_t now_ms, int64_t real_ms)
{
	int64_t passed = real_ms - s->looked_ms;

	if (!owes(s, busy))
		s->counts = false;
	if (!s->counts || now_ms - s->since_ms < SILENCE_ASK_MS)
		return SILENCE_FINE;
	s->looked_ms = real_ms;
	if (!s->asked) {
		s->asked = true;
		return SILENCE_ASK;
	}
	s->calm_ms += passed < SILENCE_STEP_MS ? passed : SILENCE_STEP_MS;
	if (now_ms - s->since_ms < SILENCE_MS ||
	    s->calm_ms < (s->known ? SILENCE_CALM_MS : SILENCE_MS))
		return SILENCE_FINE;
	*s = (struct silence){ .told = true, .counts = true,
	    .known = s->known, .since_ms = now_ms };
	return SILENCE_LOST;
}

int64_t
silence_wait(const struct silence *s, bool busy, int64_t now_ms)
{
	int64_t wait = s->since_ms + SILENCE_ASK_MS - now_ms;

	if (!owes(s, busy))
		return -1;
	return s->asked || wait < SILENCE_STEP_MS ? SILENCE_STEP_MS : wait;
}
