# The operator's image. By default the binary is compiled here; a script that has compiled it already passes
# BINARY=prebuilt and a context that holds only this file and the binary.
ARG BINARY=compiled

FROM docker.io/library/rust:1.95-trixie AS compiled
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --release --locked && cp target/release/odoo-operator /odoo-operator

FROM scratch AS prebuilt
COPY odoo-operator /odoo-operator

FROM ${BINARY} AS binary

FROM docker.io/library/debian:trixie-slim
LABEL org.opencontainers.image.title="odoo-operator" org.opencontainers.image.licenses="Apache-2.0"
# Receivers of notifications are checked against the public authorities, which the slim image comes without.
RUN [ -s /etc/ssl/certs/ca-certificates.crt ] || { apt-get update && apt-get install -y --no-install-recommends \
    ca-certificates && rm -rf /var/lib/apt/lists/*; }
COPY --from=binary --chmod=0755 /odoo-operator /usr/local/bin/odoo-operator
# A review makes more small allocations than a thread's cache holds unless told to. Fetching fresh pages from the system
# takes as long as converting what is put into them: up to 128 MiB are kept for the next list of objects, in one place
# instead of one for each thread.
ENV GLIBC_TUNABLES=glibc.malloc.tcache_count=64:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=134217728
USER 65532:65532
EXPOSE 9443 8081
ENTRYPOINT ["/usr/local/bin/odoo-operator"]
