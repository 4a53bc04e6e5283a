/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the listd program: read the command line, become the parent or one
 * of its roles.
 */
#include "config.h"

int
main(void)
{
	return 0;
}
