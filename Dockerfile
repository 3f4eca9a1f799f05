# One static binary and its CA bundle in an empty image.
#
#   docker build --build-arg REVISION="$(git rev-parse --short=12 HEAD)" --tag castai-health-exporter .
#   docker buildx build --platform linux/amd64,linux/arm64 …
#
# scripts/build-image replaces the first stage with binaries that are already built.

FROM --platform=$BUILDPLATFORM rust:1.95.0-slim-bookworm AS builder
# The builder sets it to the architecture of the image.
ARG TARGETARCH
ARG REVISION=unknown
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /source
# The image has linker and C library for its own architecture; those for arm64 come from Debian.
# hadolint ignore=DL3008
RUN apt-get update && \
    packages=(ca-certificates) && \
    if [[ $TARGETARCH == arm64 && $(uname -m) != aarch64 ]]; then packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross); fi && \
    apt-get install --yes --no-install-recommends "${packages[@]}" && \
    rm -rf /var/lib/apt/lists/*
COPY . .
RUN case $TARGETARCH in \
      amd64) TARGET=x86_64-unknown-linux-gnu ;; \
      arm64) TARGET=aarch64-unknown-linux-gnu ;; \
      *) echo "no build for $TARGETARCH" >&2; exit 1 ;; \
    esac && \
    export TARGET && \
    rustup target add "$TARGET" && \
    install -D "$(scripts/build-release)" /out/castai-health-exporter && \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="castai-health-exporter" \
      org.opencontainers.image.description="Probes everything the CAST AI agent depends on and says which part is broken" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=builder /out/ /
USER 65532:65532
EXPOSE 9878
ENTRYPOINT ["/castai-health-exporter"]
