"""The way out of a sandbox that has no network: a forwarder on its loopback, a gateway that decides.

The modules that `image` lists run inside the helpers' image: standard library and h11 only. The rest runs on
the host.
"""
