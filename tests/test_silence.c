/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_silence.c - a peer that owes an answer, look by look.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "listd/silence.h"

/*
 * What happens, one letter each:
 *
 *	t a frame is sent	h one is heard		b it has work in hand
 *	i it has none		j the clock jumps by an hour
 *	s 5 s pass		m 30 s pass		z the machine sleeps
 *
 * the last four followed by a look, and what that says: '-' fine, 'P' ping,
 * 'L' lost, '_' fine and no other look is wanted.
 */
static const struct row {
	const char	*why;
	const char	*script;
	const char	*looks;
} rows[] = {
	{ "an idle peer costs nothing", "hmm", "__" },
	{ "work in hand and no word", "hbmmmm", "P--L" },
	{ "a question that is not answered is the same", "htmmmm", "P--L" },
	{ "one that was lost is asked afresh", "hbmmmmmmmm", "P--LP--L" },
	{ "who talks is not asked", "hbshshshs", "----" },
	{ "30 s after its last word", "hbsssssss", "-----P-" },
	{ "an answer ends it", "hbmmhsm", "P--P" },
	{ "at the last moment, too", "hbmmmhsm", "P---P" },
	{ "once it has answered, and has nothing, there is rest",
	    "htmhss", "P__" },
	{ "told long after its last word", "hmmmmmtsm", "_____-P" },
	{ "work that ended while it was asked is no excuse", "hbmimmm",
	    "P--L" },
	/* A clock that jumps: the ping comes first, and has its time. */
	{ "one jump", "hbjss", "P-L" },
	{ "many jumps", "hbjjjjjjjjjs", "P---------" },
	{ "what it is given meanwhile is no word of its own", "hbjtsts",
	    "P-L" },
	{ "a jump, and it answers", "hbjshsssssss", "P------P-" },
	{ "one that slept with us", "hbzz", "P-" },
	{ "and does not wake", "hbzzz", "P-L" },
	/* It reads its tables and opens the store before it can answer. */
	{ "one that begins has all the time", "tjssssssssss",
	    "P----------" },
	{ "and not for ever", "tjssssssssssssssssssssssss",
	    "P-----------------------L" },
};

static char
look(struct silence *s, bool busy, int64_t now_ms, int64_t real_ms)
{
	switch (silence_look(s, busy, now_ms, real_ms)) {
	case SILENCE_ASK:
		return 'P';
	case SILENCE_LOST:
		return 'L';
	default:
		return silence_wait(s, busy, now_ms) == -1 ? '_' : '-';
	}
}

static void
play(const struct row *row)
{
	struct silence s;
	int64_t real_ms = 1000, jumped_ms = 0, step;
	bool busy = false;
	char said[64];
	size_t n = 0;

	memset(&s, 0, sizeof(s));
	for (const char *p = row->script; *p != '\0'; p++) {
		step = *p == 's' ? 5000 : *p == 'm' ? 30000 :
		    *p == 'z' ? 7200000 : 0;
		switch (*p) {
		case 't': silence_told(&s, real_ms + jumped_ms); continue;
		case 'h': silence_heard(&s, real_ms + jumped_ms); continue;
		case 'b': busy = true; continue;
		case 'i': busy = false; continue;
		case 'j': jumped_ms += 3600000; break;
		}
		real_ms += step;
		said[n++] = look(&s, busy, real_ms + jumped_ms, real_ms);
	}
	said[n] = '\0';
	if (strcmp(said, row->looks) != 0)
		fail_msg("%s: '%s' says '%s', not '%s'", row->why,
		    row->script, said, row->looks);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play(&rows[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
