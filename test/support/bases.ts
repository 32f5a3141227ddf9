import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archived, debian, importImage, librariesOf, put } from './images.ts';

/** What stands in for the images that Dockerfiles begin with, made here of Debian's packages, since none can be pulled. */

/** The images of our Dockerfiles, and what is in each. */
const STAND_INS = {
  'debian:bookworm-slim': debian,
  'nginxinc/nginx-unprivileged:1.28': applications,
  'haproxy:3.2': applications,
  'node:26-bookworm-slim': applications,
  'alpine:3.22': alpine,
  'prom/prometheus:v3.5.0': prometheus,
} as const satisfies Record<string, () => Promise<string>>;

type Base = keyof typeof STAND_INS;

/** Makes what stands in for the images that a Dockerfile names in its FROM lines; an unknown one is an error. */
export async function standInsFor(dockerfile: string): Promise<Readonly<Record<string, string>>> {
  const wanted = [...dockerfile.matchAll(/^FROM (\S+)/gm)].flatMap(([, name]) => name ?? []);
  const names = [...new Set(wanted)].filter((name) => name !== 'scratch');
  const imported = new Map<string, string>();
  const bases: [string, string][] = [];
  for (const name of names) {
    if (!isBase(name)) throw new Error(`test/support/bases.ts has nothing that stands in for ${name}`);
    const archive = await STAND_INS[name]();
    const image = imported.get(archive) ?? importImage(archive, `base-${imported.size}`);
    imported.set(archive, image);
    bases.push([name, image]);
  }
  return Object.fromEntries(bases);
}

function isBase(name: string): name is Base {
  return Object.hasOwn(STAND_INS, name);
}

const PACKAGES = ['nginx-light', 'haproxy', 'libatomic1', 'libstdc++6'];

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

/** Debian with nginx, haproxy and Node: one archive for the images of all three. */
function applications(): Promise<string> {
  return archived('debian-applications', async (root) => {
    execFileSync('tar', ['-C', root, '-xf', await debian()]);
    // A package that starts a service when it is installed must not do so here.
    writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    mkdirSync(join(root, 'dev'), { recursive: true });
    execFileSync('mknod', ['-m', '666', join(root, 'dev/null'), 'c', '1', '3']);
    copyFileSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'));
    const apt = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"';
    execFileSync('chroot', [root, 'sh', '-c', apt, 'sh', ...PACKAGES], {
      stdio: 'pipe',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' },
    });
    writeFileSync(join(root, 'etc/nginx/nginx.conf'), NGINX_CONF);
    const node = join(root, 'usr/local/bin/node');
    execFileSync('strip', ['-o', node, process.execPath]);
    chmodSync(node, 0o755);
  });
}

/** Busybox on musl: what of alpine a static executable could miss. */
async function alpine(): Promise<string> {
  return archived('alpine-like', async (root) => {
    put('/bin/busybox', root);
    const probe = join(mkdtempSync(join(tmpdir(), 'rehup-probe-')), 'probe');
    execFileSync('musl-gcc', ['-x', 'c', '-', '-o', probe], { input: 'int main(void) { return 0; }' });
    for (const library of librariesOf(probe).filter((file) => existsSync(file))) put(library, root);
    rmSync(join(probe, '..'), { recursive: true });
    for (const name of ['sh', 'sleep', 'kill'])
      execFileSync('ln', ['-s', 'busybox', join(root, 'bin', name)]);
  });
}

/** Prometheus and its tool as this machine has them, on their libraries alone: its own image has no more than busybox besides. */
function prometheus(): Promise<string> {
  return archived('prometheus', async (root) => {
    for (const program of ['/usr/bin/prometheus', '/usr/bin/promtool'])
      for (const file of [program, ...librariesOf(program)]) put(file, root);
  });
}
