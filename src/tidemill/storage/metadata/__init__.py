"""The database: its tables, its migrations, and one module of plain functions for each noun.

Rows become the frozen records of `tidemill.core`. Nothing here knows the engine or a clock: the caller says what time
it is.
"""
