# Latch with PostgreSQL's driver and without the embedded Redis: REDIS_URL and CODE_PEPPER must be set.
# Two stages: the first installs what the lock file names, the second holds that, the source, and nothing that builds.

FROM python:3.12-slim AS dependencies

WORKDIR /build
COPY requirements-docker.lock .
# Wheels only: nothing is compiled, so no compiler is needed and no build dependency slips past the hashes.
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv install --disable-pip-version-check --no-cache-dir --no-compile \
        --only-binary :all: --require-hashes -r requirements-docker.lock


FROM python:3.12-slim

RUN groupadd --gid 10001 latch \
    && useradd --uid 10001 --gid latch --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin latch \
    && install --directory --owner latch --group latch --mode 0700 /data

COPY --from=dependencies /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

WORKDIR /app
COPY config.py run.py latch ./
COPY settings settings
COPY models models
COPY service service
# Readable whatever the umask of the checkout was. The import proves the image whole and leaves the bytecode of all that
# a start needs, Python's own included: neither can be written later, and compiling takes seconds in every process.
RUN chmod -R u=rwX,go=rX . && python -c "import run, tortoise.backends.asyncpg, urllib.request, service.senders.aliyun, service.senders.tencent, service.senders.twilio"

# `latch` is a command: docker compose exec latch latch check
ENV PATH=/app:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data

VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM

# Without the proxies of the environment: a container that has some would ask them for its own address.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-c", "import os; from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=3)"]

ENTRYPOINT ["latch"]
CMD ["serve"]
