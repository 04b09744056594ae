"""One module per verb that changes what is stored, and one per effect inside them."""
