/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the listd program: which roles there are.
 *
 * The one file that knows web and listd alike; all the rest is privsep.c's.
 */
#include "config.h"

#include "listd/privsep.h"
#include "web/role_web.h"

int
main(int argc, char **argv)
{
	static const struct role_def roles[] = {
		{ ROLE_QUEUE, role_queue },
		{ ROLE_DELIVER, role_deliver },
		{ ROLE_INBOUND, role_inbound },
		{ ROLE_WEB, role_web },
	};

	return privsep_main(argc, argv, roles,
	    sizeof(roles) / sizeof(roles[0]));
}
