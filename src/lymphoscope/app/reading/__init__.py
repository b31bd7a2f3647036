"""Reading a case: acts on its regions, their record, and the numbers that follow from them."""
