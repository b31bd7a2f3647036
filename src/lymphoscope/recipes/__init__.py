"""Published methods as data: what they are, without the code that runs them."""
