"""The Docker Engine: `translate` and `failure` are pure, `wire` owns the socket, `engine` is the contract."""
