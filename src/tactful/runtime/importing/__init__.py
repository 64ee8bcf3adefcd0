"""Reads engagement logs (CSV, TSV, NDJSON, Parquet) into records: malformed rows are set aside, the rest is taken.

`log` is the story; `mapping` says which column is what; `files` splits files into rows; `fields` makes numbers of
texts; `arrange` sorts, removes duplicates and derives sessions; `rejects` keeps what was refused.
"""

from tactful.runtime.importing.log import Batch, Log, Progress, Report, read_log
from tactful.runtime.importing.mapping import Mapping, load_mapping

__all__ = ["Batch", "Log", "Mapping", "Progress", "Report", "load_mapping", "read_log"]
