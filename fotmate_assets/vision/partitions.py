"""The vision wing's partitions."""

from dagster import DynamicPartitionsDefinition

video = DynamicPartitionsDefinition(name="video")
"""A match whose video or provider's tracking has arrived; the key is the match id."""
