#!/bin/sh
# The last step inside the image. A host gets its role, keys and names on its own disk; nothing here knows a lab.
set -eu

# What a container has no use for, and what would fetch or scrub on its own in the middle of a test.
systemctl mask systemd-binfmt.service getty@.service console-getty.service \
  apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
systemctl disable postgresql.service haproxy.service nftables.service
# Without certificates it would start again every second, for ever.
systemctl disable pgbackrest.service
systemctl enable ssh.service

# The account that Ansible uses, and the one that the S3 server runs as.
useradd --create-home --shell /bin/bash deploy
echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy
chmod 0440 /etc/sudoers.d/deploy
useradd --system --home-dir /var/lib/seaweedfs --shell /usr/sbin/nologin seaweedfs

# Penalties answer a fault test's dropped connections with refusals long after the fault is gone.
cat >/etc/ssh/sshd_config.d/lab.conf <<'SSHD'
PasswordAuthentication no
MaxStartups 100
PerSourcePenalties no
SSHD

# The package makes a cluster; a host makes its own at its first start, in this one's place.
rm -rf /var/lib/postgresql/17/main /var/log/postgresql/*
install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/17/main

# /usr is as these say: a new host need not rebuild catalogues and caches at its first start (systemd-update-done(8)).
touch /etc/.updated /var/.updated
systemctl set-default multi-user.target
systemctl mask dev-hugepages.mount

rm -f /etc/ssh/ssh_host_* /var/lib/systemd/random-seed /etc/hostname
: >/etc/machine-id
rm -rf /var/cache/apt/*.bin /var/lib/apt/lists/*
