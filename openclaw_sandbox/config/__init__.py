"""Files to layers: discovery, JSON5 and YAML readers that keep line numbers, and the schemas."""
