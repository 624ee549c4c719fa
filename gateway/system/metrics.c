/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "system.h"

#include "peers/peers.h"
#include "base/stats.h"

#include <string.h>

#define METRICS_BYTES ((size_t)1024 * 1024)

/* samples_of gives where the samples of the metric of that name begin in a text; NULL: it has none. */
static const char *
samples_of(const char *text, const char *name, size_t n)
{
	while (text != NULL && (text = strstr(text, "# TYPE ")) != NULL) {
		text += 7;
		if (strncmp(text, name, n) == 0 && text[n] == ' ')
			return text + strcspn(text, "\n") + 1;
	}
	return NULL;
}

/* has_sample tells whether the output from `from` on has a line of that name and labels. */
static bool
has_sample(const struct om_buf *out, size_t from, const char *line, size_t n)
{
	const char *at = out->data + from, *end = out->data + out->len;

	for (; at < end; at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1)
		if ((size_t)(end - at) > n && memcmp(at, line, n) == 0 && at[n] == ' ')
			return true;
	return false;
}

/* add_samples appends lines up to the next metric's, but none of a name and labels that
 * the output has since `from`. */
static void
add_samples(struct om_buf *out, size_t from, const char *text)
{
	while (text != NULL && *text != '\0' && *text != '#') {
		size_t n = strcspn(text, "\n"), name = n;

		while (name > 0 && text[name] != ' ')
			name--;
		if (om_buf_done(out, NULL) == OM_OK && !has_sample(out, from, text, name)) {
			om_buf_add(out, text, n);
			om_buf_chr(out, '\n');
		}
		text += n + (text[n] == '\n');
	}
}

/* add_metrics appends the metrics of the i-th text that no text before it has, each with the samples
 * that the texts after it have of the same: the lines of a metric stand together. */
static void
add_metrics(struct om_buf *out, const char *const *texts, size_t n_texts, size_t i)
{
	const char *head = texts[i];

	while ((head = head != NULL ? strstr(head, "# HELP ") : NULL) != NULL) {
		const char *name = head + 7, *samples;
		size_t n = strcspn(name, " "), from = out->len;
		bool is_new = true;

		for (size_t k = 0; k < i; k++)
			is_new = is_new && samples_of(texts[k], name, n) == NULL;
		samples = samples_of(head, name, n);
		if (is_new && samples != NULL) {
			om_buf_add(out, head, (size_t)(samples - head));
			for (size_t k = i; k < n_texts; k++)
				add_samples(out, from, samples_of(texts[k], name, n));
		}
		head = name;
	}
}

om_status
gw_metrics_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	const char *texts[3] = {
	    NULL, gw_peers_costd_metrics(parts->peers, rq->arena), gw_peers_reportd_metrics(parts->peers, rq->arena)};
	struct om_buf own;
	om_status s;

	rp->type = "text/plain; version=0.0.4; charset=utf-8";
	om_buf_init(&own, METRICS_BYTES);
	om_stats_write(&own);
	s = om_buf_done(&own, e);
	texts[0] = own.data;
	for (size_t i = 0; s == OM_OK && i < 3; i++)
		add_metrics(&rp->body, texts, 3, i);
	om_buf_fini(&own);
	return s;
}
