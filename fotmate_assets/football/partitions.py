"""The football wing's partitions."""

from dagster import DynamicPartitionsDefinition

season = DynamicPartitionsDefinition(name="season")
"""A season of a competition, `premier-league_2003-2004`: one namespace for all providers. Tens of keys."""
