"""Reports to text and to JSON."""
