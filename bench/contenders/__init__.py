"""The programs that are measured: each an ASGI application that answers the same requests with equal JSON."""
