"""The commands of `promethios`, a file per noun."""
