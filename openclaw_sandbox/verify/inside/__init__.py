"""What runs inside the sandbox: sent as text to the image's own python3, never imported by this tool."""
