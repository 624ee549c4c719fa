/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sessions_in.h - the inside of struct cd_sessions.
 */
#ifndef CD_SESSIONS_IN_H
#define CD_SESSIONS_IN_H

#include "sessions.h"

#include "base/digest.h"

#include <pthread.h>

#define CD_TRUSTED 64

struct cd_trusted {
	unsigned char id[OM_SHA256];
	int64_t until_ms; /* monotonic; 0: free */
};

struct cd_sessions {
	struct cd_pool *pool; /* borrowed */
	pthread_mutex_t lock;
	struct cd_trusted trusted[CD_TRUSTED]; /* lock */
	size_t next;                           /* lock; to be replaced */
};

/* cd_secret_hash makes of a secret what the database keeps; OM_INVALID for one of another length. */
om_status cd_secret_hash(const ProtobufCBinaryData *secret, unsigned char out[OM_SHA256], om_err *e) OM_MUST;

/* cd_sessions_forget drops what was found of all sessions. */
void cd_sessions_forget(struct cd_sessions *s);

#endif
