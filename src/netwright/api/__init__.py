"""HTTP only: Networking API v2.0 resources, the watch that agents hold open, health and metrics."""
