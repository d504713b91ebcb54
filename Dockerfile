# Two stages: the first makes a virtual environment from the hashed lock, the second holds nothing
# but that, Debian's slim Python and a user without rights. Data is in the volume /data.

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/orchestra
COPY requirements.lock ./
RUN python -m pip --python /opt/orchestra/bin/python install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY static static
COPY templates templates
COPY src src
# What only builds goes again: the last line leaves an environment without tools.
RUN python -m pip --python /opt/orchestra/bin/python install --no-deps --no-build-isolation . \
 && python -m pip --python /opt/orchestra/bin/python uninstall -y \
      editables hatchling packaging pathspec pluggy tomlkit trove-classifiers

FROM python:3.13-slim
LABEL org.opencontainers.image.title="orchestra" \
      org.opencontainers.image.description="Durable workflows over agents" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin orchestra \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/orchestra /opt/orchestra
ENV PATH=/opt/orchestra/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ORCHESTRA_HOST=0.0.0.0 \
    ORCHESTRA_DATA=/data \
    ORCHESTRA_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["orchestra", "serve"]
