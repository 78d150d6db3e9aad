"""What values are made of, one module per library; a heavy library's module is read when such a value is met."""
