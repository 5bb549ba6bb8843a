from __future__ import annotations

import pytest

for package in ("torch", "lightning_fabric", "safetensors", "sklearn", "torchao"):
    pytest.importorskip(package, reason="needs the extra deepbiq[train]")


@pytest.fixture
def task(miniature):
    from tests.training.finetuning.tiny import tiny_task

    return tiny_task(miniature)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other are most of the time on networks this small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
