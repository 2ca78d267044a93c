"""The classic nova-network Python surface, by its own names and signatures, over the same engine."""
