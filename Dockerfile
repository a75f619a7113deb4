# For docker, podman and buildah (which keeps HEALTHCHECK with --format docker only).
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 python3-venv ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /src/
RUN python3 -m venv /usr/lib/ftr-exporter \
    && /usr/lib/ftr-exporter/bin/pip install --no-cache-dir --no-compile --require-hashes -r /src/requirements.txt \
    && /usr/lib/ftr-exporter/bin/pip uninstall -y -q pip setuptools \
    && find /usr/lib/ftr-exporter/bin -mindepth 1 ! -name 'python*' -delete
COPY exporter /src/exporter
COPY package/healthcheck /usr/lib/ftr-exporter/bin/
RUN cp -r /src/exporter /usr/lib/ftr-exporter/lib/python3*/site-packages/ \
    && printf '#!/usr/lib/ftr-exporter/bin/python3 -I\nfrom exporter.cli import run\n\nrun()\n' \
        > /usr/lib/ftr-exporter/bin/ftr-exporter \
    && chmod 755 /usr/lib/ftr-exporter/bin/ftr-exporter /usr/lib/ftr-exporter/bin/healthcheck \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/ftr-exporter/lib

FROM ${BASE}
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/lib/ftr-exporter /usr/lib/ftr-exporter
COPY package/config.yaml /etc/ftr-exporter/config.yaml
# For a volume with `--storage.path=/var/lib/ftr-exporter/history.db`: a new one takes its owner from here.
RUN install -d -o 65532 -g 65532 -m 0750 /var/lib/ftr-exporter
ENV PATH=/usr/lib/ftr-exporter/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532:65532
EXPOSE 10334
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["/usr/lib/ftr-exporter/bin/healthcheck"]
ENTRYPOINT ["/usr/lib/ftr-exporter/bin/ftr-exporter"]
CMD ["--config.file=/etc/ftr-exporter/config.yaml"]
