import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Capability } from './machine.ts';

function application(name: string, debian: string): Capability {
  // Where a plain user's PATH does not lead as well.
  const there = ['/usr/sbin', '/usr/bin'].some((folder) => existsSync(join(folder, name)));
  return { prefix: there ? [] : undefined, remedy: `${name} (apt-get install -y ${debian})` };
}

const HAPROXY = application('haproxy', 'haproxy');
export const NGINX = application('nginx', 'nginx-light');
const PROMETHEUS = application('prometheus', 'prometheus');

/** What each example needs of the machine, to be run on it or to be made an image. */
export const NEEDED_BY: Readonly<Record<string, readonly Capability[]>> = {
  'env-from-configmap': [],
  'haproxy-master-worker': [HAPROXY],
  'nginx-sighup': [NGINX],
  'node-restart': [],
  'prometheus-http': [PROMETHEUS],
  'staged-rollback': [NGINX],
};
