# syntax=docker/dockerfile:1
# One image for each service:  docker build --target scheduler --tag bothsides/scheduler .
# (or analysis-worker, or monitor). All configuration comes from the environment. Each listens on every interface,
# so it starts only with AUTH_JWT_SECRET, AUTH_JWT_PUBLIC_KEY_FILE or AUTH_DISABLED=true.

ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
WORKDIR /source
# The locked set changes seldom, so it has its own layer: uv, and what building our packages needs.
COPY requirements.lock ./
RUN python -m venv /tools \
    && /tools/bin/pip install --require-hashes --requirement requirements.lock
COPY protos protos
COPY libs/common libs/common
COPY services services
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels \
        ./protos ./libs/common ./services/scheduler ./services/analysis_worker ./services/monitor
# As a constraint, the lock brings nothing by itself; what a service asks for gets its version and its hashes.
ENV UV_CONSTRAINT=/source/requirements.lock \
    UV_FIND_LINKS=/wheels \
    VIRTUAL_ENV=/service
RUN python -m venv --without-pip /service

FROM build AS scheduler-build
RUN /tools/bin/uv pip install bothsides-scheduler "bothsides-common[files]"

FROM build AS analysis-worker-build
RUN /tools/bin/uv pip install bothsides-analysis-worker "bothsides-common[files]"

FROM build AS monitor-build
RUN /tools/bin/uv pip install bothsides-monitor

FROM python:${PYTHON_VERSION}-slim AS runtime
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/service/bin:$PATH
# Nobody's number: no account, no home, nothing of its own to write to.
USER 65532:65532
WORKDIR /

FROM runtime AS scheduler
ENV SCHEDULER_ADDR=0.0.0.0:50051
COPY --from=scheduler-build /service /service
EXPOSE 50051
ENTRYPOINT ["python", "-m", "scheduler"]

FROM runtime AS analysis-worker
ENV WORKER_HEALTH_ADDR=0.0.0.0:50053
COPY --from=analysis-worker-build /service /service
EXPOSE 50053
ENTRYPOINT ["python", "-m", "analysis_worker"]

FROM runtime AS monitor
ENV MONITOR_ADDR=0.0.0.0:50052
COPY --from=monitor-build /service /service
EXPOSE 50052
ENTRYPOINT ["python", "-m", "monitor"]
