"""The loop that makes this host match its plan."""
