/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_BYTES ((size_t)256 * 1024)

bool
om_url_is_tls(const char *url)
{
	return strncmp(url, "tls+tcp", 7) == 0;
}

static om_status
check_url(const char *url, om_err *e)
{
	nng_url *u;
	bool ok;

	if (strncmp(url, "ipc:", 4) == 0)
		return om_fail(e, OM_INVALID, "ipc:// is not safe with this nng; use tcp://127.0.0.1:port");
	if (nng_url_parse(&u, url) != 0)
		return om_fail(e, OM_INVALID, "\"%.100s\" is not a URL like tcp://host:port", url);
	/* tcp4 and tcp6 (and their tls forms) bind the address family */
	ok = (strncmp(u->u_scheme, "tcp", 3) == 0 || strncmp(u->u_scheme, "tls+tcp", 7) == 0) &&
	    u->u_hostname != NULL && u->u_port != NULL && u->u_port[0] != '\0';
	nng_url_free(u);
	if (!ok)
		return om_fail(e, OM_INVALID, "\"%.100s\" must be tcp://host:port or tls+tcp://host:port", url);
	return OM_OK;
}

om_status
om_urls_split(const char *text, struct om_urls *out, om_err *e)
{
	out->n = 0;
	for (;;) {
		size_t n;
		om_status s;

		text += strspn(text, ", ");
		if (*text == '\0')
			break;
		n = strcspn(text, ", ");
		if (n >= OM_URL_BYTES)
			return om_fail(e, OM_INVALID, "a URL is longer than %d bytes", OM_URL_BYTES - 1);
		if (out->n == OM_WIRE_MAX_URLS)
			return om_fail(e, OM_INVALID, "more than %d URLs", OM_WIRE_MAX_URLS);
		memcpy(out->url[out->n], text, n);
		out->url[out->n][n] = '\0';
		s = check_url(out->url[out->n], e);
		if (s != OM_OK)
			return s;
		out->n++;
		text += n;
	}
	return out->n > 0 ? OM_OK : om_fail(e, OM_INVALID, "no URL given");
}

om_status
om_wire_urls_check(const char *urls, om_err *e)
{
	struct om_urls parsed;

	return om_urls_split(urls, &parsed, e);
}

static om_status
read_pem(const char *path, const char *what, char **out, om_err *e)
{
	FILE *f = path != NULL ? fopen(path, "re") : NULL;
	char *text = f != NULL ? malloc(PEM_BYTES) : NULL;
	size_t n;

	*out = NULL;
	if (text == NULL) {
		if (f != NULL)
			(void)fclose(f);
		return om_fail(e, OM_INVALID, "tls+tcp needs the %s file%s%.100s", what,
		    path != NULL ? ", which cannot be read: " : " (WIRE_TLS_CA, WIRE_TLS_CERT, WIRE_TLS_KEY)",
		    path != NULL ? path : "");
	}
	n = fread(text, 1, PEM_BYTES - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	*out = text;
	return OM_OK;
}

om_status
om_tls_config(const struct om_wire_tls *tls, nng_tls_mode mode, const char *url, nng_tls_config **out, om_err *e)
{
	char *ca = NULL, *cert = NULL, *key = NULL;
	nng_tls_config *cfg = NULL;
	nng_url *u = NULL;
	om_status s;
	int rv;

	*out = NULL;
	if ((s = read_pem(tls->ca_file, "CA", &ca, e)) != OM_OK ||
	    (s = read_pem(tls->cert_file, "certificate", &cert, e)) != OM_OK ||
	    (s = read_pem(tls->key_file, "key", &key, e)) != OM_OK)
		goto out;
	if ((rv = nng_tls_config_alloc(&cfg, mode)) != 0 || (rv = nng_tls_config_ca_chain(cfg, ca, NULL)) != 0 ||
	    (rv = nng_tls_config_own_cert(cfg, cert, key, NULL)) != 0 ||
	    (rv = nng_tls_config_auth_mode(cfg, NNG_TLS_AUTH_MODE_REQUIRED)) != 0) {
		s = om_fail(e, OM_INVALID, "the TLS files cannot be used: %s", nng_strerror(rv));
		goto out;
	}
	if (mode == NNG_TLS_MODE_CLIENT) {
		if ((rv = nng_url_parse(&u, url)) != 0 || (rv = nng_tls_config_server_name(cfg, u->u_hostname)) != 0) {
			s = om_fail(e, OM_INVALID, "%.100s: %s", url, nng_strerror(rv));
			goto out;
		}
	}
	*out = cfg;
	cfg = NULL;
out:
	if (u != NULL)
		nng_url_free(u);
	if (cfg != NULL)
		nng_tls_config_free(cfg);
	if (key != NULL)
		explicit_bzero(key, strlen(key));
	free(ca);
	free(cert);
	free(key);
	return s;
}
