import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mirror } from '../../scripts/debian.ts';
import { CACHE } from '../../scripts/product.ts';
import type { Capability } from './machine.ts';

const VICTIM = join(import.meta.dirname, '../victims/teller.c');

/** Limits that runc may set where it is itself in a container. */
const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

const RUN = ['podman', '--runtime', 'runc', 'run', '--rm', '--network', 'none', ...LIMITS];

function works(program: string, ...words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0;
}

/** Containers of images that are made here. */
export const CONTAINERS: Capability = {
  prefix:
    process.getuid?.() === 0 &&
    ['podman', 'runc', 'debootstrap', 'musl-gcc', 'gcc'].every((program) => works(program, '--version')) &&
    existsSync('/bin/busybox')
      ? []
      : undefined,
  remedy:
    'containers (as root: apt-get install -y podman runc debootstrap busybox-static musl-tools gcc libc6-dev)',
};

/** What images are made of: the executable under test as `/rehup`, the teller as `/teller`, and what its kind needs. */
export type Kind = 'scratch' | 'alpine-like' | 'distroless-like' | 'debian' | 'node';

const made: string[] = [];

/** Makes an image whose entrypoint is `/rehup`; answers its name. */
export async function makeImage(kind: Kind, executable: string): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'rehup-image-'));
  try {
    copyFileSync(executable, join(root, 'rehup'));
    await fill(kind, root);
    chmodSync(root, 0o755);
    const name = `rehup-test-${kind}-${process.pid}`;
    const archive = `${root}.tar`;
    execFileSync('tar', ['-C', root, '-cf', archive, '.']);
    execFileSync('podman', ['import', '--change', 'ENTRYPOINT ["/rehup"]', archive, name], {
      stdio: 'ignore',
    });
    rmSync(archive);
    made.push(name);
    return name;
  } finally {
    rmSync(root, { recursive: true });
  }
}

export function removeImages(): void {
  for (const name of made.splice(0)) execFileSync('podman', ['rmi', '--force', name], { stdio: 'ignore' });
}

async function fill(kind: Kind, root: string): Promise<void> {
  const compile = (compiler: string, ...flags: readonly string[]) =>
    execFileSync(compiler, ['-O2', ...flags, VICTIM, '-o', join(root, 'teller')]);
  switch (kind) {
    case 'scratch':
      compile('musl-gcc', '-static');
      return;
    case 'alpine-like':
      compile('musl-gcc');
      for (const library of librariesOf(join(root, 'teller'))) put(library, root);
      put('/bin/busybox', root);
      symlinkSync('busybox', join(root, 'bin/sh'));
      return;
    case 'distroless-like':
      compile('gcc');
      for (const library of librariesOf(join(root, 'teller'))) put(library, root);
      return;
    // What the Node edition needs, and no more: no shell either.
    case 'node':
      compile('musl-gcc', '-static');
      for (const library of librariesOf(join(root, 'rehup'))) put(library, root);
      return;
    case 'debian':
      execFileSync('tar', ['-C', root, '-xf', await debian()]);
      compile('gcc');
      return;
    default:
      kind satisfies never;
  }
}

function put(file: string, root: string): void {
  mkdirSync(join(root, dirname(file)), { recursive: true });
  copyFileSync(file, join(root, file));
}

/** The loader and the libraries that a program names. */
function librariesOf(file: string): readonly string[] {
  const text = execFileSync('readelf', ['--program-headers', '--dynamic', file], { encoding: 'utf8' });
  const loader = /program interpreter: (\S+)\]/.exec(text)?.[1] ?? '';
  const names = [...text.matchAll(/NEEDED.*\[(.*)\]/g)].flatMap(([, name]) => name ?? []);
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const folders = [dirname(loader), `/lib/${triplet}`, `/usr/lib/${triplet}`];
  const found = names.flatMap(
    (name) => folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? [],
  );
  return [loader, ...found];
}

/** A minimal Debian as an archive, made once. */
async function debian(): Promise<string> {
  const archive = join(CACHE, 'debian-bookworm.tar');
  if (existsSync(archive)) return archive;
  const root = mkdtempSync(join(tmpdir(), 'rehup-debian-'));
  try {
    const from = (await mirror()) ?? 'http://deb.debian.org/debian';
    execFileSync('debootstrap', ['--variant=minbase', 'bookworm', root, from], { stdio: 'ignore' });
    const left = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale', 'dev'];
    for (const path of left) rmSync(join(root, path), { recursive: true, force: true });
    execFileSync('tar', ['-C', root, '-cf', archive, '.']);
    return archive;
  } finally {
    rmSync(root, { recursive: true });
  }
}

export type ContainerOptions = {
  readonly name: string;
  readonly image: string;
  /** A volume of the host at `/etc/app`. */
  readonly volume: string;
  /** The most memory that it may have. */
  readonly memory?: string;
  readonly more?: readonly string[];
};

/** The words that run a container as a strict cluster does: nothing to write to, no capabilities, an unknown user, little of anything. */
export function containerWords({
  name,
  image,
  volume,
  memory = '8m',
  more = [],
}: ContainerOptions): readonly string[] {
  const strict = [
    ...[
      '--read-only',
      '--read-only-tmpfs=false',
      '--ipc',
      'none',
      '--cap-drop',
      'ALL',
      '--user',
      '65534:65534',
    ],
    ...['--security-opt', 'no-new-privileges', '--pids-limit', '32', '--memory', memory],
  ];
  return [...RUN, '--name', name, ...strict, '--volume', `${volume}:/etc/app:ro`, ...more, image];
}
