"""What a container leaves of its machine, from files as the kernel's documentation of control groups has them."""

import math

import pytest

from jaxnn.container import container_cores, container_memory


def files(root, texts):
    for name, text in texts.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("texts", "cores"),
    [
        ({}, math.inf),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
    ],
)
def test_a_quota_is_a_number_of_cores(texts, cores, tmp_path):
    assert container_cores(files(tmp_path, texts)) == cores


@pytest.mark.parametrize(
    ("prefix", "limit", "used", "idle"),
    [
        ("", "max", "current", "inactive_file"),
        ("memory/", "limit_in_bytes", "usage_in_bytes", "total_inactive_file"),
    ],
)
def test_the_limit_leaves_what_is_not_used_and_what_makes_room(prefix, limit, used, idle, tmp_path):
    """By hand: 1,000 - 700 + 200 bytes."""
    stat = {f"{prefix}memory.stat": f"anon 500\n{idle} 200\nactive_file 0\n", f"{prefix}memory.{used}": "700\n"}
    assert container_memory(files(tmp_path, stat)) == math.inf
    assert container_memory(files(tmp_path, {f"{prefix}memory.{limit}": "max\n"})) == math.inf
    assert container_memory(files(tmp_path, {f"{prefix}memory.{limit}": "1000\n"})) == 500
