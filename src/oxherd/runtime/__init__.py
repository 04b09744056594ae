"""The asynchronous objects that a user holds, and the loops behind them."""
