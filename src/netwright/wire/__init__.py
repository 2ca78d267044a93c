"""Plans and reports as bytes."""
