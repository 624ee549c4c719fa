/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "password.h"

#include "base/digest.h"
#include "base/text.h"

#include <argon2.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What new hashes cost (OWASP's choice for one lane): about 0.2 s and 46 MiB. */
#define NEW_MEMORY_KIB 47104
#define NEW_PASSES     1
#define NEW_LANES      1
#define SALT_BYTES     16
#define HASH_BYTES     32

/* What a configured hash may cost at most: a few seconds. */
#define MAX_MEMORY_KIB 262144ul
#define MAX_PASSES     16ul
#define MAX_LANES      16ul
#define MAX_WORK_KIB   1048576ul /* memory times passes */

#define AT_ONCE 2
#define WAIT_S  5

struct params {
	argon2_type type;
	unsigned long m, t, p;
};

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_free = PTHREAD_COND_INITIALIZER;
static int gate_inside; /* gate_lock */

/* number reads "m=47104" followed by `end`. */
static bool
number(const char **p, char key, char end, unsigned long *out)
{
	char *stop;

	if ((*p)[0] != key || (*p)[1] != '=' || (*p)[2] < '0' || (*p)[2] > '9')
		return false;
	errno = 0;
	*out = strtoul(*p + 2, &stop, 10);
	if (errno != 0 || *stop != end)
		return false;
	*p = stop + 1;
	return true;
}

static bool
parse(const char *encoded, struct params *out)
{
	static const struct {
		const char *prefix;
		argon2_type type;
	} types[] = {{"$argon2id$", Argon2_id}, {"$argon2i$", Argon2_i}, {"$argon2d$", Argon2_d}};
	const char *p = NULL;
	unsigned long version;

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strncmp(encoded, types[i].prefix, strlen(types[i].prefix)) == 0) {
			p = encoded + strlen(types[i].prefix);
			out->type = types[i].type;
		}
	if (p == NULL)
		return false;
	if (*p == 'v' && !number(&p, 'v', '$', &version))
		return false;
	return number(&p, 'm', ',', &out->m) && number(&p, 't', ',', &out->t) && number(&p, 'p', '$', &out->p);
}

om_status
gw_password_check(const char *encoded, om_err *e)
{
	struct params pa;
	int rc;

	if (!parse(encoded, &pa))
		return om_fail(e, OM_INVALID, "must be an encoded argon2 hash like $argon2id$v=19$m=47104,t=1,p=1$…$…");
	if (pa.m > MAX_MEMORY_KIB || pa.t > MAX_PASSES || pa.p > MAX_LANES || pa.m * pa.t > MAX_WORK_KIB)
		return om_fail(e, OM_INVALID,
		    "its parameters are too costly (at most m=%lu, t=%lu, p=%lu, and m times t %lu)", MAX_MEMORY_KIB,
		    MAX_PASSES, MAX_LANES, MAX_WORK_KIB);
	rc = argon2_verify(encoded, "", 0, pa.type);
	if (rc == ARGON2_OK)
		return om_fail(e, OM_INVALID, "is the hash of an empty password");
	if (rc != ARGON2_VERIFY_MISMATCH)
		return om_fail(e, OM_INVALID, "is not a usable argon2 hash (%s)", argon2_error_message(rc));
	return OM_OK;
}

bool
gw_password_is_weak(const char *encoded)
{
	struct params pa;

	if (!parse(encoded, &pa))
		return true;
	return pa.type != Argon2_id || pa.m < 7168 || pa.m * pa.t < 35840;
}

/* enter waits for one of the few places; memory and processors stay bounded
 * however many log in at once. */
static bool
enter(void)
{
	struct timespec until;
	int rc = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	(void)pthread_mutex_lock(&gate_lock);
	while (gate_inside >= AT_ONCE && rc == 0)
		rc = pthread_cond_timedwait(&gate_free, &gate_lock, &until);
	if (gate_inside >= AT_ONCE) {
		(void)pthread_mutex_unlock(&gate_lock);
		return false;
	}
	gate_inside++;
	(void)pthread_mutex_unlock(&gate_lock);
	return true;
}

static void
leave(void)
{
	(void)pthread_mutex_lock(&gate_lock);
	gate_inside--;
	(void)pthread_cond_signal(&gate_free);
	(void)pthread_mutex_unlock(&gate_lock);
}

om_status
gw_password_verify(const char *encoded, const char *password, size_t n, om_err *e)
{
	struct params pa;
	int rc;

	if (!parse(encoded, &pa))
		return om_fail(e, OM_INTERNAL, "the configured hash cannot be read");
	if (!enter())
		return om_fail(e, OM_UNAVAILABLE, "too many logins at once");
	rc = argon2_verify(encoded, password, n, pa.type);
	leave();
	if (rc == ARGON2_OK)
		return OM_OK;
	if (rc == ARGON2_VERIFY_MISMATCH)
		return om_fail(e, OM_UNAUTHENTICATED, "the password is wrong");
	return om_fail(e, OM_UNAVAILABLE, "the password cannot be verified: %s", argon2_error_message(rc));
}

om_status
gw_password_hash(const char *password, size_t n, char *out, size_t out_bytes, om_err *e)
{
	unsigned char salt[SALT_BYTES];
	om_status s = om_random(salt, sizeof salt, e);
	int rc;

	if (s != OM_OK)
		return s;
	rc = argon2id_hash_encoded(
	    NEW_PASSES, NEW_MEMORY_KIB, NEW_LANES, password, n, salt, sizeof salt, HASH_BYTES, out, out_bytes);
	if (rc != ARGON2_OK)
		return om_fail(e, OM_INTERNAL, "argon2: %s", argon2_error_message(rc));
	return OM_OK;
}

/* read_line gives the length of the line on standard input, without its end, which is LF, CR LF or the end of the
 * input; false: there is more than one line, or another CR, by which a password could be taken for its beginning. */
static bool
read_line(char *line, int bytes, size_t *n_out)
{
	size_t n;
	bool whole;

	if (fgets(line, bytes, stdin) == NULL)
		line[0] = '\0';
	n = strcspn(line, "\n");
	whole = line[n] == '\n' || feof(stdin) != 0;
	if (n > 0 && line[n - 1] == '\r')
		n--;
	*n_out = n;
	return whole && memchr(line, '\r', n) == NULL;
}

int
gw_password_hash_main(void)
{
	char line[GW_PASSWORD_MAX + 3], encoded[256];
	om_err e = {.text = ""};
	size_t n;
	om_status s;

	if (!read_line(line, sizeof line, &n) || n == 0 || n > GW_PASSWORD_MAX) {
		(void)fprintf(stderr,
		    "gateway: give the password as one line of 1 to %d bytes on standard input, without a CR in it\n",
		    GW_PASSWORD_MAX);
		om_secret_clear(line, sizeof line);
		return 2;
	}
	if ((om_utf8_valid(line, n) ? om_utf8_length(line, n) : n) < GW_PASSWORD_MIN) {
		(void)fprintf(stderr, "gateway: a password has at least %d characters\n", GW_PASSWORD_MIN);
		om_secret_clear(line, sizeof line);
		return 2;
	}
	s = gw_password_hash(line, n, encoded, sizeof encoded, &e);
	om_secret_clear(line, sizeof line);
	if (s != OM_OK) {
		(void)fprintf(stderr, "gateway: %s\n", e.text);
		return 1;
	}
	return printf("%s\n", encoded) > 0 && fflush(stdout) == 0 ? 0 : 1;
}
