"""What is wrong with this machine, its engine, image, config and containers, and what mends it."""
