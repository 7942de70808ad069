# syntax=docker/dockerfile:1
# docker build --tag cincgan .                                    CPU
# docker build --tag cincgan:cuda --build-arg VARIANT=cuda .      CUDA: torch's own libraries, a driver on the host is enough
ARG BASE=docker.io/library/python
ARG PYTHON=3.13

FROM ${BASE}:${PYTHON}-trixie AS wheel
WORKDIR /source
COPY . .
# git, which this image has, tells the commit that results name
RUN python3 -m venv /opt/build && /opt/build/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM ${BASE}:${PYTHON}-slim-trixie
ARG VARIANT=cpu
ARG EXTRAS=ray,slurm
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# OpenCV, which pyiqa imports, loads these
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0t64 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    case "$VARIANT" in \
        cpu) export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu ;; \
        cuda) ;; \
        *) echo "VARIANT=$VARIANT: give cpu or cuda" >&2; exit 2 ;; \
    esac; \
    python3 -m venv /opt/cincgan; \
    /opt/cincgan/bin/pip install --no-cache-dir "$(echo /wheel/*.whl)${EXTRAS:+[$EXTRAS]}"
ENV PATH=/opt/cincgan/bin:$PATH HOME=/cache CINCGAN_CACHE=/cache
# any user may write here: docker run --user "$(id -u):$(id -g)"
RUN mkdir --mode=1777 /cache /work
WORKDIR /work
USER 1000:1000
ENTRYPOINT ["cincgan-bench"]
CMD ["--help"]
