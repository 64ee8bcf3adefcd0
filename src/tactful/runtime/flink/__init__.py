"""The same decisions on Apache Flink: a job around shards (`runtime/shard.py`), its input folder, and who starts it.

`bundle.py` is what a job reads, `rows.py` its lines, `reading.py`, `groups.py` and `keeping.py` its operators in plain
Python, `job.py` the graph, `running.py` starts it, `moved.py` takes over from an engine and gives back. Only `job.py`
and `running.py` import `pyflink`, when they are used.
"""
