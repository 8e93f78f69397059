"""What the end-to-end tests stand on: real processes on free loopback ports, certificates, tokens, a raw client."""
