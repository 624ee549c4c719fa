/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * port.h - a port that stays the test's also while none of its servers listens at it.
 *
 * A server may bind beside the socket that keeps it, as both have SO_REUSEADDR
 * and this one never listens; no other program is given the port.
 */
#ifndef OM_TEST_PORT_H
#define OM_TEST_PORT_H

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

/* port_keep writes the URL of a free port and returns the socket that keeps it; the caller closes that. */
static inline int
port_keep(char url[64])
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof a;
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	(void)snprintf(url, 64, "tcp://127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
	return fd;
}

#endif
