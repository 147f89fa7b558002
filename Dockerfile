# The project in an image: `docker run IMAGE mini-fcn8s` runs a target of make.
#
#   docker build -t fcn-repro .                                                          for the CPU
#   docker build -t fcn-repro --build-arg PACKAGES=https://pypi.org/simple .             for CUDA: run with --gpus all
#
# Results stay if a folder is mounted: docker run -v "$PWD/build:/fcn/build" fcn-repro mini-fcn8s
# The image itself was not built by the project's tests; they run its commands from WORKDIR on in a clean environment.
FROM python:3.11-slim
ARG PACKAGES=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=${PACKAGES} PIP_NO_CACHE_DIR=1
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /fcn
COPY . .
RUN make setup
RUN .venv/bin/python -m tools.emit mini-fcn8s
ENTRYPOINT ["make"]
CMD ["help"]
