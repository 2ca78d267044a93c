"""One function per thing that a user can ask, one transaction each."""
