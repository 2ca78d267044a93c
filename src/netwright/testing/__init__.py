"""Shipped fakes and builders: a fake kernel, sample plans, namespaces for hosts and guests."""
