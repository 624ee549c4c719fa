# SPDX-License-Identifier: AGPL-3.0-or-later
#
# Three images from one file:
#   docker build --target gateway -t owui-metering/gateway .
#   docker build --target costd   -t owui-metering/costd .
#   docker build --target reportd -t owui-metering/reportd .
#
# Builds with and without BuildKit.  Behind a proxy that signs TLS itself, give
# a BASE_IMAGE whose certificate store knows the proxy.
ARG BASE_IMAGE=debian:bookworm-slim

# ---- build: compilers, npm, sources ------------------------------------------
FROM ${BASE_IMAGE} AS build

COPY .ci/packages/build.txt /tmp/packages.txt
RUN apt-get update \
 && sed 's/#.*//' /tmp/packages.txt | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends \
      ca-certificates nodejs npm \
 && apt-get clean && rm -rf /var/lib/apt/lists/*

# The dashboard's tools need Node 20.19; Debian 12 has 18, enough to fetch a newer one.
COPY .ci/node/package.json .ci/node/package-lock.json /opt/node/
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    PATH=/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Debian's npm makes no .bin for these packages.
RUN npm ci --prefix /opt/node --ignore-scripts --no-audit --no-fund \
 && ln -s /opt/node/node_modules/node-linux-*/bin /opt/node/bin \
 && node -e 'process.exit(process.version.startsWith("v22.") ? 0 : 1)'

WORKDIR /src
COPY dashboard/package.json dashboard/package-lock.json dashboard/
RUN cd dashboard && npm ci --no-audit --no-fund

COPY CMakeLists.txt CMakePresets.json ./
COPY dashboard dashboard
COPY proto proto
COPY gateway gateway
COPY costd costd
COPY reportd reportd
COPY plugin/openwebui_metering.py plugin/
# touch: to dashboard/scripts/build.sh the packages of a cached layer look older than the lock file.
RUN touch dashboard/node_modules/.package-lock.json \
 && cmake --preset release -DOM_TESTS=OFF \
 && cmake --build --preset release \
 && strip build/release/bin/gateway build/release/bin/costd build/release/bin/reportd

# ---- runtime: what the three have in common ----------------------------------
FROM ${BASE_IMAGE} AS runtime

ARG VERSION=1.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.licenses="AGPL-3.0-or-later" \
      org.opencontainers.image.vendor="OWUI-Metering" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libnng1 libprotobuf-c1 libssl3 tzdata zlib1g \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old \
 && groupadd --gid 65532 metering \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin metering
COPY LICENSE /usr/share/doc/owui-metering/LICENSE
STOPSIGNAL SIGTERM

# ---- gateway -----------------------------------------------------------------
FROM runtime AS gateway

LABEL org.opencontainers.image.title="OWUI-Metering gateway" \
      org.opencontainers.image.description="Takes usage records over HTTP, keeps them until costd has them, answers questions"
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libargon2-1 libcivetweb1 libjansson4 libsqlite3-0 \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old \
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/metering
COPY --from=build /src/build/release/bin/gateway /usr/local/bin/gateway
RUN gateway --version && ! ldd /usr/local/bin/gateway | grep 'not found'

ENV BIND_ADDRESS=0.0.0.0 PORT=45000 SPOOL_DIR=/var/lib/metering
VOLUME /var/lib/metering
EXPOSE 45000
USER 65532:65532
# Healthy: /readyz answers 200, that is, records are accepted durably.
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/${PORT} && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 8 _ code _ <&3 && [ \"$code\" = 200 ]"]
ENTRYPOINT ["/usr/local/bin/gateway"]

# ---- costd -------------------------------------------------------------------
FROM runtime AS costd

LABEL org.opencontainers.image.title="OWUI-Metering costd" \
      org.opencontainers.image.description="The ledger: what was used, by whom, what it cost"
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates libcurl4 libjansson4 libmariadb3 libsqlite3-0 \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old
COPY --from=build /src/build/release/bin/costd /usr/local/bin/costd
RUN costd --version && ! ldd /usr/local/bin/costd | grep 'not found'

ENV COSTD_LISTEN=tcp://0.0.0.0:45001
EXPOSE 45001
USER 65532:65532
# Healthy: the listener takes a connection and, over tcp://, answers the greeting
# that nng's REQ and REP exchange.  /readyz of the gateway tells about the database.
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 CMD ["bash", "-c", \
  "url=${COSTD_LISTEN%%,*}; exec 3<>/dev/tcp/127.0.0.1/${url##*:} || exit 1; [ \"${url%%:*}\" = tcp ] || exit 0; printf '\\0SP\\0\\0\\060\\0\\0' >&3; IFS= read -r -t 8 -d '' a <&3 && IFS= read -r -t 8 -d '' b <&3 && [ \"$b\" = SP ]"]
ENTRYPOINT ["/usr/local/bin/costd"]

# ---- reportd -----------------------------------------------------------------
FROM runtime AS reportd

LABEL org.opencontainers.image.title="OWUI-Metering reportd" \
      org.opencontainers.image.description="Turns a month into PDF and XLSX"
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      fonts-dejavu-core fonts-droid-fallback fonts-open-sans libarchive13 libhpdf-2.3.0 libjansson4 libxlsxwriter4 \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old \
 && install -d -o 65532 -g 65532 -m 0750 /deliveries
COPY --from=build /src/build/release/bin/reportd /usr/local/bin/reportd
RUN reportd --version && ! ldd /usr/local/bin/reportd | grep 'not found'

ENV REPORTD_LISTEN=tcp://0.0.0.0:45002
EXPOSE 45002
USER 65532:65532
# Healthy: as for costd.
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 CMD ["bash", "-c", \
  "url=${REPORTD_LISTEN%%,*}; exec 3<>/dev/tcp/127.0.0.1/${url##*:} || exit 1; [ \"${url%%:*}\" = tcp ] || exit 0; printf '\\0SP\\0\\0\\060\\0\\0' >&3; IFS= read -r -t 8 -d '' a <&3 && IFS= read -r -t 8 -d '' b <&3 && [ \"$b\" = SP ]"]
ENTRYPOINT ["/usr/local/bin/reportd"]
