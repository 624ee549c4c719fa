/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * commands.h - what costd does for a person at a terminal instead of serving: each
 * command loads the settings, opens the zone, runs an operation of a room, and prints
 * what it did.
 *
 * Exit code  0 done and nothing wrong, 1 failed or differences were found, 2 a setting is
 *            wrong.
 */
#ifndef CD_COMMANDS_H
#define CD_COMMANDS_H

#include <stdbool.h>

/* cd_commands_run runs the command that the arguments are and gives its exit code;
 * false, and nothing done, when they are none. */
bool cd_commands_run(int argc, char **argv, int *code_out);

#endif
