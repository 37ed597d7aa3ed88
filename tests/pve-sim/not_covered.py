"""The recordings that pve-sim is not held against, by why."""

NOT_COVERED = {
    "no answer was recorded, for the connection was closed": "http-big-body upload-wrong-order-400",
    "the simulator's HTTP library takes no line that is longer than 8 KiB": "http-long-url",
    "the simulator's HTTP library speaks nothing but TLS": "http-plain-on-tls-port",
}
