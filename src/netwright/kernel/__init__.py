"""Drivers: each owns one kind of kernel object, reads what is ours and writes what it is given."""
