import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Capability } from './machine.ts';

/** A file system of its own whose quota leaves room for 4 MiB: of Btrfs, since other kinds of it are rarely built in. */
const REAL = `PATH=$PATH:/usr/sbin:/sbin && truncate -s 128M "$0.img" && mkfs.btrfs -q "$0.img" >/dev/null 2>&1 &&
mount -o loop "$0.img" "$0" && rm "$0.img" && btrfs quota enable "$0" && btrfs qgroup limit 4M 0/5 "$0" && chmod 777 "$0" && exec "$@"`;

/** Where no quota can be had a file system that is as small, and fails with ENOSPC instead. */
const SMALL = 'mount -t tmpfs -o size=4m,mode=777 none "$0" && exec "$@"';

function words(): readonly string[] | undefined {
  const point = mkdtempSync(join(tmpdir(), 'rehup-quota-'));
  const ways = [REAL, SMALL].map((script) => ['unshare', '--mount', 'sh', '-c', script]);
  const found = ways.find(
    ([program = '', ...rest]) => spawnSync(program, [...rest, point, 'true']).status === 0,
  );
  rmSync(point, { recursive: true });
  rmSync(`${point}.img`, { force: true });
  return found;
}

export const QUOTA: Capability = {
  prefix: words(),
  remedy: 'root, to mount a file system with a quota (run the tests as root; apt-get install -y btrfs-progs)',
};
