from __future__ import annotations

import pytest

for package in ("torch", "lightning_fabric", "matplotlib", "safetensors", "sklearn"):
    pytest.importorskip(package, reason="needs the extra deepbiq[train]")


@pytest.fixture
def task(miniature):
    from tests.training.finetuning.tiny import tiny_task

    return tiny_task(miniature)
