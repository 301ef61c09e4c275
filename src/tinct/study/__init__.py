"""What people see in colourings: real or coloured, which of two, how natural; counted honestly."""
