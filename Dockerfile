# wherefore with its model and the libraries that it needs: no shell, no package
# manager, no Python.
#
#     docker build -t wherefore .
#     docker run --rm -p 8080:8080 --read-only --cap-drop all \
#         --security-opt no-new-privileges --memory 128m --pids-limit 64 wherefore
#
# `make image` does the same with any available builder, and fixes the times in
# the layers; see docs/deploy.md. An existing model in models/ (`make model`) is
# used as it is; otherwise it is made here.
#
#     --build-arg MODEL=efficientnet-lite2   another model
#     --build-arg PRECISION=int8             or auto; the default is fp32
#     --build-arg BASE=…                     another Debian 13 to build on
#     --build-arg MIRROR=…                   another Debian mirror to build from
#     --platform linux/arm64                 for another processor
#
# All build stages run on the builder's own processor, with a cross compiler for
# the other, so only `--target test` needs emulation.

ARG BASE=docker.io/library/debian:trixie-slim

# Debian's packages. If models/ has the model, only this stage needs a network.
FROM --platform=$BUILDPLATFORM ${BASE} AS packages
ARG MIRROR=
ARG TARGETARCH
WORKDIR /src
COPY tools/deps.sh docker/mirror.sh tools/
RUN tools/mirror.sh "$MIRROR" && export "ARCH=$TARGETARCH" && \
    tools/deps.sh && tools/deps.sh unit

FROM packages AS build
COPY . .
ARG MODEL=efficientnet-lite0
ARG TARGETARCH
RUN make -s model build "MODEL=$MODEL" "ARCH=$TARGETARCH" B=build/image
ARG SOURCE_DATE_EPOCH=0
ARG VERSION=unknown
RUN ARCH="$TARGETARCH" docker/rootfs.sh build/image/wherefore /rootfs \
    "$MODEL" "$VERSION" "$SOURCE_DATE_EPOCH"

# `--target test`: the unit tests on Debian 13 with its XNNPACK; `--target unit`
# builds them.
FROM build AS unit
ARG TARGETARCH
RUN make -s unit-build "ARCH=$TARGETARCH" B=build/image

FROM unit AS test
ARG TARGETARCH
ARG OMIT=
RUN make -s unit "ARCH=$TARGETARCH" B=build/image "OMIT=$OMIT"

FROM scratch
# The layers that change least come first.
COPY --from=build /rootfs/libraries /
COPY --from=build /rootfs/model /
COPY --from=build /rootfs/program /

ARG MODEL=efficientnet-lite0
ARG PRECISION=fp32
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="wherefore" \
      org.opencontainers.image.description="What is in a picture, and where is the evidence for it: classes, class activation maps, boxes and heatmaps over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.documentation="/usr/share/doc/wherefore/deploy.md" \
      wherefore.model="${MODEL}"

ENV WHEREFORE_LISTEN=0.0.0.0:8080 \
    WHEREFORE_MODEL=/usr/share/wherefore/models/${MODEL} \
    WHEREFORE_PRECISION=${PRECISION}
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/bin/wherefore", "health"]
ENTRYPOINT ["/usr/bin/wherefore"]
CMD ["serve"]
