"""openclaw-sandbox: explains, enforces and proves the sandbox of OpenClaw agents."""

__version__ = "0.1.0"
