"""The racing wing's partitions."""

from dagster import DailyPartitionsDefinition

FIRST_DAY = "2002-01-01"
"""KSPO's rankings begin that year."""

race_date = DailyPartitionsDefinition(FIRST_DAY, timezone="Asia/Seoul", end_offset=8)
"""The source's race date, Korean, up to seven days ahead of today. Races are rows, not partitions."""
