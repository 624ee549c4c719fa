/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * service.h - how a service process starts, runs and stops, the same for all three.
 *
 *   (no argument)  load the settings, start, wait for SIGTERM or SIGINT, stop
 *   --help         usage and settings
 *   --version      the version
 *   --settings     the settings in force, secrets masked
 *   --settings-markdown  the settings as rows of a Markdown table
 *
 * Exit      0 after a clean stop, 1 when start failed or the service gave up,
 *           2 when a setting is missing or malformed, or an argument unknown.
 * Threads   start and stop run on the main thread; signals reach no other.
 */
#ifndef OM_SERVICE_H
#define OM_SERVICE_H

#include "base/conf.h"

struct om_service {
	const char *name;
	const char *purpose; /* one line for --help */
	const struct om_conf_opt *settings;
	size_t n_settings;
	size_t conf_bytes; /* of the settings struct */

	/* start returns with all threads running, or says why not. `conf`
	 * outlives stop. */
	om_status (*start)(const void *conf, void **self_out, om_err *e);
	/* stop ends what start began: no request is cut that could still be
	 * answered within a few seconds. */
	void (*stop)(void *self);
};

int om_service_main(const struct om_service *svc, int argc, char **argv);

/* om_service_give_up asks the process to stop with exit code 1: for faults
 * after which going on would risk accepted data.  From any thread. */
void om_service_give_up(const char *why);

/* The setting every service has. */
#define OM_CONF_LOG_LEVEL(struct_, field_)                                                                       \
	{                                                                                                        \
		.name = "LOG_LEVEL", .kind = OM_CONF_CHOICE, .offset = offsetof(struct_, field_), .def = "info", \
		.choices = "debug|info|warn|error",                                                              \
		.help = "The lowest level of log lines that are written to standard error."                      \
	}

#endif
