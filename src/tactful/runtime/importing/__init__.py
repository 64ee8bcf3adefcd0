"""Reads engagement logs (CSV, TSV, NDJSON, Parquet) into records: malformed rows are set aside, the rest is taken.

May import `features`, `events` and the ground; no engine. `log` is the story; `mapping` says which column is what;
`files` splits files into rows; `fields` makes numbers of texts; `arrange` sorts, removes duplicates and derives
sessions; `rejects` keeps what was refused. To add a format, write one file that yields chunks, and name its suffix in
`files`.
"""

from tactful.runtime.importing.log import Batch, Log, Progress, Report, read_log
from tactful.runtime.importing.mapping import Mapping, load_mapping

__all__ = ["Batch", "Log", "Mapping", "Progress", "Report", "load_mapping", "read_log"]
