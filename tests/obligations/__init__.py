"""What an HTTP/1.1 server owes its clients, obligation by obligation, asked over real sockets."""
