/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "system.h"

#include "peers/peers.h"
#include "base/stats.h"

#include <string.h>

/* has_family tells whether the first n bytes have metrics of that name. */
static bool
has_family(const char *text, size_t n, const char *name, size_t name_len)
{
	const char *end = text + n;

	while (text < end && (text = memmem(text, (size_t)(end - text), "# TYPE ", 7)) != NULL) {
		text += 7;
		if ((size_t)(end - text) > name_len && strncmp(text, name, name_len) == 0 && text[name_len] == ' ')
			return true;
	}
	return false;
}

/* add_families appends another service's text without the metrics that are there
 * already: a name may stand in one place only. */
static void
add_families(struct om_buf *out, const char *text)
{
	size_t before = out->len;
	bool skip = false;

	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, "\n");

		if (strncmp(text, "# HELP ", 7) == 0 || strncmp(text, "# TYPE ", 7) == 0)
			skip = before > 0 && has_family(out->data, before, text + 7, strcspn(text + 7, " \n"));
		if (!skip) {
			om_buf_add(out, text, n);
			om_buf_chr(out, '\n');
		}
		text += n + (text[n] == '\n');
	}
}

om_status
gw_metrics_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	(void)e;
	rp->type = "text/plain; version=0.0.4; charset=utf-8";
	om_stats_write(&rp->body);
	add_families(&rp->body, gw_peers_costd_metrics(parts->peers, rq->arena));
	add_families(&rp->body, gw_peers_reportd_metrics(parts->peers, rq->arena));
	return OM_OK;
}
