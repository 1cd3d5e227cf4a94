"""Logging: one JSON object per line, tied to its Dagster run by `trace_id`."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor


def _stderr_logger(*_names: str) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


def is_configured() -> bool:
    """Whether `configure_logging` has been called in this process. That Dagster has configured structlog is not it."""
    return structlog.get_config()["logger_factory"] is _stderr_logger


def configure_logging(level: str, log_format: Literal["json", "console"]) -> None:
    """Send our log lines from `level` on to stderr. Called by whoever owns the process, never at import."""
    renderer: Processor = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks if log_format == "json" else structlog.dev.set_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=_stderr_logger,
    )
