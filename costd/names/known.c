/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "known.h"

#include "base/digest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS     16384u
#define MOST      65536u /* names */
#define MOST_TEXT ((size_t)64 * 1024 * 1024)

struct name {
	struct name *next; /* of the same slot */
	int64_t number;
	cd_name kind;
	size_t n;
	char text[];
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct name *slots[SLOTS]; /* owned */
static size_t n_names, n_text;
static int64_t most[CD_N_NAMES];

static struct name **
slot_of(cd_name kind, const char *text, size_t n)
{
	return &slots[om_crc32((uint32_t)kind, text, n) % SLOTS];
}

static int64_t
find(cd_name kind, const char *text, size_t n)
{
	const struct name *k = *slot_of(kind, text, n);

	while (k != NULL && (k->kind != kind || k->n != n || memcmp(k->text, text, n) != 0))
		k = k->next;
	return k != NULL ? k->number : 0;
}

static void
forget(void)
{
	for (size_t i = 0; i < SLOTS && n_names > 0; i++) {
		while (slots[i] != NULL) {
			struct name *next = slots[i]->next;

			free(slots[i]);
			slots[i] = next;
			n_names--;
		}
	}
	n_text = 0;
	memset(most, 0, sizeof most);
}

int64_t
cd_known_find(cd_name kind, const char *text, size_t n)
{
	int64_t number;

	(void)pthread_rwlock_rdlock(&lock);
	number = find(kind, text, n);
	(void)pthread_rwlock_unlock(&lock);
	return number;
}

int64_t
cd_known_most(cd_name kind)
{
	int64_t number;

	(void)pthread_rwlock_rdlock(&lock);
	number = most[kind];
	(void)pthread_rwlock_unlock(&lock);
	return number;
}

void
cd_known_keep(cd_name kind, const char *text, size_t n, int64_t number)
{
	struct name *k = malloc(sizeof *k + n);
	struct name **slot;

	if (k == NULL)
		return;
	(void)pthread_rwlock_wrlock(&lock);
	if (find(kind, text, n) != 0) {
		free(k);
		k = NULL;
	} else if (n_names >= MOST || n_text + n > MOST_TEXT) {
		forget();
	}
	if (k != NULL) {
		slot = slot_of(kind, text, n);
		k->next = *slot;
		k->number = number;
		k->kind = kind;
		k->n = n;
		memcpy(k->text, text, n);
		*slot = k;
		n_names++;
		most[kind] = number > most[kind] ? number : most[kind];
		n_text += n;
	}
	(void)pthread_rwlock_unlock(&lock);
}

void
cd_known_forget(void)
{
	(void)pthread_rwlock_wrlock(&lock);
	forget();
	(void)pthread_rwlock_unlock(&lock);
}
