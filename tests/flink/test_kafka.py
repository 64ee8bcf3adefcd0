"""A job that reads a topic builds its plan without a broker, where the environment names Flink's connector."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

JAR = os.environ.get("TACTFUL_KAFKA_JAR", "")
BUILDS = """
import sys
from pyflink.datastream import StreamExecutionEnvironment
from tactful.runtime.flink import job
from tactful.runtime.flink.groups import Plan
env = StreamExecutionEnvironment.get_execution_environment()
tuning = job.Tuning(kafka=job.Kafka(servers="nowhere:9092", topic="inputs", jar=sys.argv[2]))
job.build(env, Plan(sys.argv[1], 8, live_lag_us=0), job.Places(sys.argv[1], sys.argv[1], closed=True), tuning)
print(env.get_execution_plan())
"""


@pytest.mark.skipif(not JAR, reason="TACTFUL_KAFKA_JAR names no flink-sql-connector-kafka")
def test_a_job_with_a_topic_builds_its_plan_without_a_broker(tmp_path: Path) -> None:
    words = [sys.executable, "-c", BUILDS, str(tmp_path), JAR]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3_000:]
    types = " ".join(node["type"] for node in json.loads(done.stdout[done.stdout.index("{") :])["nodes"])
    assert "Source: topic" in types
    assert "decide" in types
