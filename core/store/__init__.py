"""Tables, migrations, and the database behind them."""
