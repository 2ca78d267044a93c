"""Intent to plan: what one host must provide, decided in pure code."""
