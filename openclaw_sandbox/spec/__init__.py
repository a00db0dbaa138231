"""EffectivePolicy to ContainerSpec: names, labels, hashes, mounts, limits. Pure."""
