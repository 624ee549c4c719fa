/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service.h"

#include "base/invariant.h"
#include "base/log.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TEXT_BYTES ((size_t)1024 * 1024)
#define HEAPS      2 /* that all threads share: with one each, every thread keeps what its largest task took */

static atomic_int gave_up;

void
om_service_give_up(const char *why)
{
	om_log(OM_LOG_ERROR, "giving up", "why", why, NULL);
	atomic_store(&gave_up, 1);
	(void)kill(getpid(), SIGTERM);
}

static int
print(const struct om_service *svc, void (*write_it)(const struct om_conf_opt *, size_t, struct om_buf *),
    const char *head)
{
	struct om_buf out;
	int rc;

	om_buf_init(&out, TEXT_BYTES);
	om_buf_str(&out, head);
	write_it(svc->settings, svc->n_settings, &out);
	rc = om_buf_done(&out, NULL) == OM_OK && fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 1;
	om_buf_fini(&out);
	return rc;
}

static int
print_settings(const struct om_service *svc, const void *conf)
{
	struct om_buf out;
	int rc;

	om_buf_init(&out, TEXT_BYTES);
	om_conf_dump(svc->settings, svc->n_settings, conf, &out);
	rc = om_buf_done(&out, NULL) == OM_OK && fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 1;
	om_buf_fini(&out);
	return rc;
}

static om_log_level
log_level(const struct om_service *svc, const void *conf)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < svc->n_settings; i++) {
		const char *v;

		if (strcmp(svc->settings[i].name, "LOG_LEVEL") != 0)
			continue;
		v = *(const char *const *)(const void *)((const char *)conf + svc->settings[i].offset);
		for (size_t l = 0; l < 4; l++)
			if (v != NULL && strcmp(v, names[l]) == 0)
				return (om_log_level)l;
	}
	return OM_LOG_INFO;
}

static int
serve(const struct om_service *svc, const void *conf)
{
	om_err e = {.text = ""};
	void *self = NULL;
	sigset_t set;
	om_status s;
	int sig = 0;

	/* blocked here, hence in every thread that start makes */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)prctl(PR_SET_DUMPABLE, 0); /* no core file with keys in it */
	(void)mallopt(M_ARENA_MAX, HEAPS);

	s = svc->start(conf, &self, &e);
	if (s != OM_OK) {
		om_log(OM_LOG_ERROR, "cannot start", "why", om_err_text(&e, s), NULL);
		return 1;
	}
	om_log(OM_LOG_INFO, "started", "version", OM_PROGRAM_VERSION, "pid", OM_I64(getpid()), NULL);
	while (sigwait(&set, &sig) != 0)
		continue;
	om_log(OM_LOG_INFO, "stopping", "signal", OM_I64(sig), NULL);
	svc->stop(self);
	om_log(OM_LOG_INFO, "stopped", NULL);
	return atomic_load(&gave_up);
}

int
om_service_main(const struct om_service *svc, int argc, char **argv)
{
	om_err e = {.text = ""};
	char head[2048];
	void *conf;
	int rc, n;

	om_log_init(svc->name, OM_LOG_INFO);
	n = snprintf(head, sizeof head,
	    "%s - %s\n\nUsage: %s [--help|--version|--settings|--settings-markdown]\n\n"
	    "Settings, from the environment; each also as NAME_FILE with the path of a file:\n",
	    svc->name, svc->purpose, svc->name);
	om_check(n > 0 && (size_t)n < sizeof head);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print(svc, om_conf_help, head);
	if (argc == 2 && strcmp(argv[1], "--settings-markdown") == 0)
		return print(svc, om_conf_markdown, "");
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("%s %s\n", svc->name, OM_PROGRAM_VERSION) > 0 ? 0 : 1;
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--settings") != 0)) {
		(void)fprintf(stderr, "%s: unknown argument; try --help\n", svc->name);
		return 2;
	}
	conf = calloc(1, svc->conf_bytes);
	if (conf == NULL)
		return 1;
	if (om_conf_load(svc->settings, svc->n_settings, conf, &e) != OM_OK) {
		(void)fprintf(stderr, "%s: %s\n", svc->name, e.text);
		rc = 2;
	} else if (argc == 2) {
		rc = print_settings(svc, conf);
	} else {
		om_log_init(svc->name, log_level(svc, conf));
		rc = serve(svc, conf);
		(void)fflush(NULL);
		/* without the destructors of libraries whose threads may still run:
		 * nng 1.5 can hang in its own */
		om_conf_fini(svc->settings, svc->n_settings, conf);
		free(conf);
		_exit(rc);
	}
	om_conf_fini(svc->settings, svc->n_settings, conf);
	free(conf);
	return rc;
}
