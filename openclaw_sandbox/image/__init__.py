"""What `setup` does: the engine, the base image, the sandbox images and where they came from."""
