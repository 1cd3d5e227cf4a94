# One image for code server, webserver, daemon and commands; docker-compose.yml says which it runs.
# With the detector ultralytics (AGPL-3.0): --build-arg EXTRAS=vision
FROM python:3.12-slim
ARG EXTRAS=
RUN pip install --no-cache-dir uv && useradd --create-home --uid 10001 fotmate
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-default-groups ${EXTRAS:+--extra $EXTRAS} --no-install-project --compile-bytecode
COPY fotmate_assets fotmate_assets
COPY sql sql
COPY dagster.yaml workspace.yaml ./
RUN uv sync --locked --no-default-groups ${EXTRAS:+--extra $EXTRAS} --compile-bytecode \
    && mkdir -p /dagster /vision && ln -s /app/dagster.yaml /dagster/dagster.yaml && chown -R fotmate /dagster /vision
ENV PATH=/app/.venv/bin:$PATH DAGSTER_HOME=/dagster PYTHONUNBUFFERED=1
USER fotmate
