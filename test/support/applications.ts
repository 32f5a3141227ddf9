import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Capability } from './machine.ts';

/** The applications that the examples need of the machine. */

function application(name: string, debian: string): Capability {
  // Where a plain user's PATH does not lead as well.
  const there = ['/usr/sbin', '/usr/bin'].some((folder) => existsSync(join(folder, name)));
  return { prefix: there ? [] : undefined, remedy: `${name} (apt-get install -y ${debian})` };
}

export const HAPROXY = application('haproxy', 'haproxy');
export const NGINX = application('nginx', 'nginx-light');
export const PROMETHEUS = application('prometheus', 'prometheus');
