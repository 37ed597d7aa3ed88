"""The recordings that pve-sim is not held against, by why."""

NOT_COVERED = {
    "no answer was recorded, for the connection was closed": "http-big-body upload-wrong-order-400",
    "the simulator's HTTP library takes no line that is longer than 8 KiB": "http-long-url",
    "the simulator's HTTP library speaks nothing but TLS": "http-plain-on-tls-port",
    "a registry would have to be there under the name that was recorded":
        "oci-01-query-tags oci-03-registry-pull-again oci-04-registry-pull-bad-reference-400 "
        "oci-05-registry-pull-missing-image oci-06-content-list oci-07-create-ct oci-08-config oci-09-start oci-10-status "
        "oci-11-interfaces oci-12-shutdown oci-13-env-set oci-14-config oci-15-env-bad oci-16-create-with-entrypoint-env "
        "oci-17-config-111 oci-18-delete",
    "the simulator has one storage, which cannot be changed":
        "get-storage-config storage-after-delete-local storage-create-again storage-create-bad-type "
        "storage-create-missing-path storage-delete storage-delete-again storage-delete-local storage-disabled-content "
        "storage-get storage-get-missing storage-list-after storage-update storage-update-fixed",
    "the simulator is asked for its own tasks only": "cluster-tasks",
}
