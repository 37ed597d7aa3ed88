"""Events that node_life.py does not meet: a cancelled job, one that waits or is tried again, what could not be undone,
a drained node, a full disk, a lost journal (journal_life.py), leaks, and what cluster_life.py, guest_life.py,
image_life.py, keep_life.py, migrate_life.py and things_life.py are about."""

UNMET = {
    "drover.job.cancelled", "drover.job.waiting", "drover.job.retrying", "drover.job.progress",
    "drover.container.adopted", "drover.container.migrated", "drover.container.unknown",
    "drover.container.backoff", "drover.container.claim_lost", "drover.container.upgraded", "drover.container.reverted",
    "drover.container.snapshot_taken", "drover.container.rolled_back", "drover.container.snapshot_deleted",
    "drover.container.backed_up", "drover.container.gave_up", "drover.container.healthy",
    "drover.container.unhealthy", "drover.image.removed", "drover.volume.created", "drover.volume.resized",
    "drover.volume.deleted", "drover.network.created", "drover.network.removed", "drover.network.lost",
    "drover.network.restored", "drover.node.drained", "drover.node.undrained", "drover.node.disk_full",
    "drover.node.disk_ok", "drover.node.quorum_lost", "drover.node.quorum_restored",
    "drover.node.maintenance_entered", "drover.node.maintenance_left", "drover.node.journal_rebuilt",
    "drover.resource.leaked", "drover.resource.kept", "drover.resource.collected",
}
