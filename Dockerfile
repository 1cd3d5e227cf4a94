# One image for code server, webserver, daemon and commands; docker-compose.yml says which it runs.
FROM python:3.12-slim
RUN pip install --no-cache-dir uv && useradd --create-home --uid 10001 fotmate
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-default-groups --no-install-project --compile-bytecode
COPY fotmate_assets fotmate_assets
COPY sql sql
COPY dagster.yaml workspace.yaml ./
RUN uv sync --locked --no-default-groups --compile-bytecode && mkdir -p /dagster /vision && ln -s /app/dagster.yaml /dagster/dagster.yaml \
    && chown -R fotmate /dagster /vision
ENV PATH=/app/.venv/bin:$PATH DAGSTER_HOME=/dagster PYTHONUNBUFFERED=1
USER fotmate
