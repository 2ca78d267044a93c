"""What the agent counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from netwright.agent.reconcile import Outcome

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class AgentMetrics:
    """One per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "netwright_agent_reconcile_seconds",
            "Time of one reconcile run",
            registry=registry,
            buckets=_BUCKETS,
        )
        self._written = Counter(
            "netwright_agent_written_total", "Kernel objects written", ["stage"], registry=registry
        )
        self._removed = Counter(
            "netwright_agent_removed_total", "Kernel objects removed", ["stage"], registry=registry
        )
        self._pending = Gauge(
            "netwright_agent_failed_stages", "Stages that differ from the plan", registry=registry
        )
        self._generation = Gauge("netwright_agent_generation", "Plan generation in place", registry=registry)
        self._ended = Counter(
            "netwright_agent_connections_ended_total", "Connections ended by changed rules", registry=registry
        )

    def ran(self, outcome: Outcome, generation: int, seconds: float) -> None:
        """After a reconcile run."""
        self._seconds.observe(seconds)
        self._pending.set(len(outcome.failures))
        self._generation.set(generation)
        for stage, count in outcome.written.items():
            self._written.labels(stage.value).inc(count)
        for stage, count in outcome.removed.items():
            self._removed.labels(stage.value).inc(count)

    def ended(self, count: int) -> None:
        self._ended.inc(count)
