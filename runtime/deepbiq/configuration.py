"""A configuration: what a scorer computes with, as users ask for it or leave it open."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"
THREADS_HELP = "Threads of one inference (default: as tuned, or one per core)."


@dataclass(frozen=True)
class Configuration:
    """What a scorer computes with.

    Attributes:
        engine: As users write it; `auto` is open.
        precision: As users write it; `auto` is open.
        threads: Threads of one inference; None leaves the choice to the engine.
    """

    engine: str
    precision: str
    threads: int | None

    def __str__(self) -> str:
        threads = "its own threads" if self.threads is None else f"threads {self.threads}"
        return f"{self.engine} {self.precision}, {threads}"

    def is_case_of(self, wanted: Configuration) -> bool:
        """Says whether this configuration has everything that was asked for."""
        return (
            wanted.engine in (AUTO, self.engine)
            and wanted.precision in (AUTO, self.precision)
            and wanted.threads in (None, self.threads)
        )
