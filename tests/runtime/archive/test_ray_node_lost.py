"""An archive on a Ray cluster of two nodes, of which one is lost on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from tests.runtime.archive.ray_material import many_names, no_trace

cluster_utils = pytest.importorskip(
    "ray.cluster_utils", reason="archives on a cluster need Ray: install deepbiq[ray]"
)

from deepbiq.archive.results import read_rows  # noqa: E402  # after the check for Ray
from deepbiq.archive.schema import rows_of  # noqa: E402

pytestmark = pytest.mark.slow

COUNT = 500
QUICK_TO_GIVE_UP = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""By default Ray waits half a minute and more for a node that is silent."""


@pytest.fixture
def cluster():
    """Two nodes of one core each; the first one is the head."""
    with no_trace():
        head = {"num_cpus": 1, "include_dashboard": False, "_system_config": QUICK_TO_GIVE_UP}
        nodes = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
        nodes.add_node(num_cpus=1)
        try:
            yield nodes
        finally:
            nodes.shutdown()


def test_a_lost_node_loses_nothing(tmp_path, tiny_bundle, cluster):
    folder, results = many_names(tmp_path / "many", COUNT), tmp_path / "results"
    words = ["archive", str(folder), "--out", str(results), "--bundle", str(tiny_bundle), "--format", "json"]
    words += ["--on", "ray", "--ray-address", cluster.address, "--shard-rows", "50"]
    with subprocess.Popen(
        [sys.executable, "-m", "deepbiq", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        while not list(results.glob("rows-*")):
            assert command.poll() is None, command.stderr.read()
            time.sleep(0.05)
        (lost,) = cluster.worker_nodes
        cluster.remove_node(lost, allow_graceful=False)
        assert command.poll() is None
        output, faults = command.communicate()
    assert command.returncode == 0, faults
    assert json.loads(output)["scored"] == COUNT
    rows = list(rows_of(read_rows(results)))
    assert sorted(row.path for row in rows) == sorted(str(folder / f"{number}.png") for number in range(COUNT))
    assert all(row.error is None and row.score == pytest.approx(40, abs=1) for row in rows)
