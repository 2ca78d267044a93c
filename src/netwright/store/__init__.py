"""Tables, migrations, address allocation: one reader and writer file per noun."""
