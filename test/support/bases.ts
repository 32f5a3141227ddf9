import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { librariesOf, withLibraries } from '../../scripts/release/libraries.ts';
import { archived, debian, importImage, put } from './images.ts';

/** What stands in for the images that Dockerfiles begin with, made here of what Debian and npm have brought, since none can be pulled. */

/** The images of our Dockerfiles, and what is in each. */
const STAND_INS = {
  'debian:bookworm-slim': debian,
  'nginxinc/nginx-unprivileged:1.28': nginx,
  'haproxy:3.2': () => onLibraries('haproxy', ['/usr/sbin/haproxy']),
  'node:26-bookworm-slim': node,
  'alpine:3.22': alpine,
  'prom/prometheus:v3.5.0': () => onLibraries('prometheus', ['/usr/bin/prometheus', '/usr/bin/promtool']),
  'prom/alertmanager:v0.28.1': alertmanager,
} as const satisfies Record<string, () => Promise<string>>;

type Base = keyof typeof STAND_INS;

const NGINX_WORDS = 'CMD ["nginx", "-g", "daemon off;"]';

/** What an image says of itself, where that matters to somebody who runs it as it is. */
const SAYS: Partial<Record<Base, readonly string[]>> = {
  'nginxinc/nginx-unprivileged:1.28': ['USER 101', 'ENTRYPOINT ["/docker-entrypoint.sh"]', NGINX_WORDS],
  'prom/prometheus:v3.5.0': ['ENTRYPOINT ["/usr/bin/prometheus"]'],
  'prom/alertmanager:v0.28.1': ['ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]'],
};

const imported = new Map<string, string>();

/** Makes what stands in for the images that a Dockerfile names in its FROM lines; an unknown one is an error. */
export async function standInsFor(dockerfile: string): Promise<Readonly<Record<string, string>>> {
  const wanted = [...dockerfile.matchAll(/^FROM (\S+)/gm)].flatMap(([, name]) => name ?? []);
  const names = [...new Set(wanted)].filter((name) => name !== 'scratch');
  const bases: [string, string][] = [];
  for (const name of names) {
    if (!isBase(name)) throw new Error(`test/support/bases.ts has nothing that stands in for ${name}`);
    const archive = await STAND_INS[name]();
    const changes = (SAYS[name] ?? []).flatMap((change) => ['--change', change]);
    const image =
      imported.get(archive) ?? importImage(archive, `base-${basename(archive, '.tar')}`, ...changes);
    imported.set(archive, image);
    bases.push([name, image]);
  }
  return Object.fromEntries(bases);
}

function isBase(name: string): name is Base {
  return Object.hasOwn(STAND_INS, name);
}

/** As nginxinc/nginx-unprivileged has it: nothing but /tmp is written to. */
const NGINX_CONF = `worker_processes 1;
error_log stderr notice;
pid /tmp/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path /tmp/client_temp;
  proxy_temp_path /tmp/proxy_temp;
  fastcgi_temp_path /tmp/fastcgi_temp;
  uwsgi_temp_path /tmp/uwsgi_temp;
  scgi_temp_path /tmp/scgi_temp;
  include /etc/nginx/conf.d/*.conf;
}
`;

/** Files of this machine, and the libraries that they name: what an image has besides, nothing here is to need. */
function onLibraries(name: string, files: readonly string[], more: (root: string) => void = () => {}) {
  return archived(name, async (root) => {
    for (const file of new Set(files.flatMap(withLibraries))) put(file, root);
    more(root);
  });
}

/** As nginxinc/nginx-unprivileged has it: a script in front of the server, which tells that it ran. */
const NGINX_ENTRYPOINT = `#!/bin/sh
set -e
echo "$0: Configuration complete; ready for start up"
exec "$@"
`;

function nginx(): Promise<string> {
  return onLibraries('nginx-behind-a-script', ['/usr/sbin/nginx', '/bin/busybox'], (root) => {
    mkdirSync(join(root, 'etc/nginx'), { recursive: true });
    writeFileSync(join(root, 'etc/nginx/nginx.conf'), NGINX_CONF);
    writeFileSync(join(root, 'docker-entrypoint.sh'), NGINX_ENTRYPOINT, { mode: 0o755 });
    symlinkSync('busybox', join(root, 'bin/sh'));
  });
}

/** Debian's looks for its templates in a directory; others have them in the program. */
function alertmanager(): Promise<string> {
  return onLibraries('alertmanager', ['/usr/bin/prometheus-alertmanager'], (root) => {
    for (const name of ['default', 'email']) put(`/usr/share/prometheus/alertmanager/${name}.tmpl`, root);
  });
}

/** The Node that npm brought, without its symbols, and what the first line of a script runs. */
function node(): Promise<string> {
  return onLibraries('node', ['/usr/bin/env', ...librariesOf(process.execPath)], (root) => {
    mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
    execFileSync('strip', ['-o', join(root, 'usr/local/bin/node'), process.execPath]);
  });
}

/** Busybox on musl: what of alpine a static executable could miss. */
async function alpine(): Promise<string> {
  return archived('alpine', async (root) => {
    put('/bin/busybox', root);
    const probe = join(mkdtempSync(join(tmpdir(), 'rehup-probe-')), 'probe');
    execFileSync('musl-gcc', ['-x', 'c', '-', '-o', probe], { input: 'int main(void) { return 0; }' });
    for (const library of librariesOf(probe).filter((file) => existsSync(file))) put(library, root);
    rmSync(join(probe, '..'), { recursive: true });
    for (const name of ['sh', 'sleep', 'kill', 'cat'])
      execFileSync('ln', ['-s', 'busybox', join(root, 'bin', name)]);
  });
}
