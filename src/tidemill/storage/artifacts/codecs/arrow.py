"""The codec of tables: Arrow IPC files, uncompressed so that they can be memory-mapped instead of parsed."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from tidemill.storage.artifacts.codecs.codec import Metadata, Unsuitable, type_name
from tidemill.storage.artifacts.codecs.frames import from_table, is_pandas, series_to_table, to_table

COLUMNS = 1000
"""How many columns are told in the metadata."""


class ArrowCodec:
    """pandas.DataFrame, pandas.Series and pyarrow.Table; each comes back as what it was."""

    name = "arrow"
    safe = True
    suffix = ".arrow"

    def dump(self, value: object, target: Path) -> Metadata:
        table = _table(value)
        with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            # Said outright: a table without rows would be written without a batch, and so without its categories.
            writer.write_batch(_batch(table))
        rows = len(value) if isinstance(value, Sized) else table.num_rows
        hidden = [name for name in table.schema.names if is_pandas(table) and name.startswith("__index_level_")]
        fields = [field for field in table.schema if field.name not in hidden]
        return {
            "type": type_name(type(value)),
            "rows": rows,
            "length": rows,
            "columns": [{"name": field.name, "type": str(field.type)} for field in fields[:COLUMNS]],
            "columns_total": len(fields),
            "bytes": target.stat().st_size,
            "library": {"pyarrow": pa.__version__, "pandas": pd.__version__},
        }

    def load(self, source: Path) -> object:
        table = pa.ipc.open_file(pa.memory_map(str(source), "r")).read_all()
        return from_table(table) if is_pandas(table) else table


def _table(value: object) -> Any:
    # Subclasses, of geopandas say, hold more than their columns.
    if type(value) is pd.DataFrame:
        return to_table(value)
    if type(value) is pd.Series:
        return series_to_table(value)
    if isinstance(value, pa.Table) and not is_pandas(value):
        return value
    raise Unsuitable(f"{type_name(type(value))} is not a plain table")


def _batch(table: Any) -> Any:
    """The table in one batch: a mapped column is then one piece of memory, and equal tables give equal bytes."""
    columns = [column.chunk(0) if column.num_chunks == 1 else column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)
