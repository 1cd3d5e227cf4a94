"""StatsBomb: open data in a folder or over HTTP, and the licensed API.

`documents` fetches, `schema` says what the JSON must hold, `parse` turns it into the domain model.
Format: StatsBomb open-data specification v4.0; measured facts in the tests beside it.
"""
