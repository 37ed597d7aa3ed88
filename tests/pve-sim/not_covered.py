"""The recordings that pve-sim is not held against, by why."""

NOT_COVERED = {
    "no answer was recorded, for the connection was closed": "http-big-body upload-wrong-order-400",
    "the simulator's HTTP library takes no line that is longer than 8 KiB": "http-long-url",
    "the simulator's HTTP library speaks nothing but TLS": "http-plain-on-tls-port",
    "the simulator has one storage, which cannot be changed":
        "get-storage-config storage-after-delete-local storage-create-again storage-create-bad-type "
        "storage-create-missing-path storage-delete storage-delete-again storage-delete-local storage-disabled-content "
        "storage-get storage-get-missing storage-list-after storage-update storage-update-fixed",
}
