# PVE::Storage as Proxmox VE's own answers, for drover-storage: real devices, and its state in files.
#
# $DROVER_TEST_STORAGES is a folder. "storage.cfg" in it has lines "ID TYPE FILES DEVICES": the volume
# ID:NAME is the file FILES/NAME, and while it is active the block device DEVICES/NAME, a loop device.
# A fifth word GROUP names a real group of LVM, whose volumes are all there is then.
# Of type zfspool it is the folder FILES/NAME, a file system of its own while it is active; "quotas" has
# lines "VOLUME BYTES" of those. "calls" gets a line a call. What "fail" holds, the next call dies with.
package PVE::Storage;

use strict;
use warnings;

my $state = $ENV{DROVER_TEST_STORAGES} // die "DROVER_TEST_STORAGES names no folder\n";
my $extent = 4 * 1024 * 1024;

sub lines_of {
    my ($name) = @_;
    open(my $file, '<', "$state/$name") or return ();
    my @lines = <$file>;
    chomp(@lines);
    return @lines;
}

sub called {
    my (@words) = @_;
    open(my $file, '>>', "$state/calls") or die "calls: $!\n";
    print {$file} "@words\n";
    close($file);
    if (my ($why) = lines_of('fail')) {
        unlink("$state/fail");
        die "$why\n";
    }
}

sub program {
    my (@command) = @_;
    system(@command) == 0 or die "command '@command' failed: exit code " . ($? >> 8) . "\n";
}

sub parse_volume_id {
    my ($volume) = @_;
    $volume =~ m/^([^:]+):(.+)$/ or die "unable to parse volume ID '$volume'\n";
    return ($1, $2);
}

sub config {
    my %storages;
    for my $line (lines_of('storage.cfg')) {
        my ($id, $type, $files, $devices, $group) = split(/ /, $line);
        $storages{$id} = { type => $type, files => $files, devices => $devices, group => $group };
    }
    return { ids => \%storages };
}

sub storage_config {
    my ($config, $id) = @_;
    return $config->{ids}->{$id} // die "storage '$id' does not exist\n";
}

sub file_of {
    my ($config, $volume) = @_;
    my ($id, $name) = parse_volume_id($volume);
    my $file = storage_config($config, $id)->{files} . "/$name";
    die "volume '$volume' does not exist\n" if !-e $file;
    return $file;
}

# GROUP/NAME of a real logical volume; nothing for all others.
sub logical {
    my ($config, $volume) = @_;
    my ($id, $name) = parse_volume_id($volume);
    my $group = storage_config($config, $id)->{group} || return undef;
    die "volume '$volume' does not exist\n" if system("lvs $group/$name >/dev/null 2>&1") != 0;
    return "$group/$name";
}

sub path {
    my ($config, $volume) = @_;
    my ($id, $name) = parse_volume_id($volume);
    my $storage = storage_config($config, $id);
    return "/dev/$storage->{group}/$name" if $storage->{group};
    my $folder = $storage->{type} eq 'zfspool' ? $storage->{files} : $storage->{devices};
    return wantarray ? ("$folder/$name", 0, 'images') : "$folder/$name";
}

sub quota {
    my ($volume, $bytes) = @_;
    my %quotas = map { split(/ /) } lines_of('quotas');
    return $quotas{$volume} // 0 if !defined($bytes);
    $quotas{$volume} = $bytes;
    open(my $file, '>', "$state/quotas") or die "quotas: $!\n";
    print {$file} "$_ $quotas{$_}\n" for keys %quotas;
}

sub is_mounted {
    my ($folder) = @_;
    open(my $table, '<', '/proc/self/mountinfo') or die "mountinfo: $!\n";
    return scalar(grep { (split(/ /))[4] eq $folder } <$table>);
}

sub make_device {
    my ($config, $volume) = @_;
    my $device = path($config, $volume);
    return if -b $device;
    my $file = file_of($config, $volume);
    my $loop = `losetup --find --show '$file'`;
    chomp($loop);
    die "no loop device for $file\n" if $loop eq '';
    symlink($loop, $device) or die "link $device: $!\n";
    # As Proxmox's programs do, on standard output.
    print "  Logical volume is active.\n";
}

sub activate_volumes {
    my ($config, $volumes) = @_;
    for my $volume (@$volumes) {
        called('activate', $volume);
        my ($id) = parse_volume_id($volume);
        my $type = storage_config($config, $id)->{type};
        if (my $name = logical($config, $volume)) {
            program('lvchange', '-ay', '-K', $name);
            program('lvchange', '--refresh', $name);
            next;
        }
        my $file = file_of($config, $volume);
        if ($type eq 'zfspool') {
            program('mount', '-t', 'tmpfs', '-o', 'size=' . quota($volume), 'tmpfs', $file)
                if !is_mounted($file);
        } elsif ($type ne 'rbd') {
            make_device($config, $volume);
        }
    }
}

sub map_volume {
    my ($config, $volume) = @_;
    my ($id) = parse_volume_id($volume);
    called('map', $volume);
    make_device($config, $volume) if storage_config($config, $id)->{type} eq 'rbd';
    # A plugin of somebody else's may leave it at that.
    return storage_config($config, $id)->{type} eq 'lvm' ? undef : path($config, $volume);
}

sub volume_size_info {
    my ($config, $volume) = @_;
    if (my $name = logical($config, $volume)) {
        return int(`lvs --noheadings --units b --nosuffix --options lv_size $name`);
    }
    my $file = file_of($config, $volume);
    return -d $file ? quota($volume) : -s $file;
}

sub volume_resize {
    my ($config, $volume, $bytes) = @_;
    called('resize', $volume, $bytes);
    my ($id) = parse_volume_id($volume);
    if (my $name = logical($config, $volume)) {
        program('lvextend', '-L', int($bytes / 1024) . 'k', $name);
        return;
    }
    my $file = file_of($config, $volume);
    if (-d $file) {
        quota($volume, $bytes);
        program('mount', '-o', "remount,size=$bytes", $file);
        return;
    }
    $bytes = int(($bytes + $extent - 1) / $extent) * $extent if storage_config($config, $id)->{type} =~ /^lvm/;
    truncate($file, $bytes) or die "truncate $file: $!\n";
    my $device = path($config, $volume);
    program('losetup', '--set-capacity', readlink($device)) if -b $device;
    print "  Logical volume successfully resized.\n";
}

1;
