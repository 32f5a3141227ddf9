import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mirror } from '../../scripts/build/debian.ts';
import { CACHE } from '../../scripts/build/product.ts';
import { librariesOf } from '../../scripts/release/libraries.ts';
import type { Capability } from './machine.ts';

const VICTIM = join(import.meta.dirname, '../victims/teller.c');

/** Limits that runc may set where it is itself in a container. */
export const LIMITS: readonly string[] = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

/** The words that run a container. */
export const RUN: readonly string[] = ['podman', '--runtime', 'runc', 'run', '--rm', ...LIMITS];

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

const images = new Map<string, Promise<string>>();

/** An image whose entrypoint is `/rehup`, made once for all tests of a file; answers its name. */
export function makeImage(kind: Kind, executable: string): Promise<string> {
  const what = `${kind} ${executable}`;
  const image = images.get(what) ?? newImage(kind, executable);
  images.set(what, image);
  return image;
}

async function newImage(kind: Kind, executable: string): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'rehup-image-'));
  try {
    copyFileSync(executable, join(root, 'rehup'));
    await fill(kind, root);
    chmodSync(root, 0o755);
    const archive = `${root}.tar`;
    execFileSync('tar', ['-C', root, '-cf', archive, '.']);
    const name = importImage(archive, kind, '--change', 'ENTRYPOINT ["/rehup"]');
    rmSync(archive);
    return name;
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Makes an image of an archive; answers its name. */
export function importImage(archive: string, kind: string, ...more: readonly string[]): string {
  const name = `rehup-test-${kind}-${process.pid}`;
  execFileSync('podman', ['import', ...more, archive, name], { stdio: 'ignore' });
  made.push(name);
  return name;
}

export type Build = {
  readonly name: string;
  readonly dockerfile: string;
  /** The directory that COPY takes from. */
  readonly context: string;
  /** The stage that is wanted; by default the last one. */
  readonly target?: string;
  /** What stands in for each image that the Dockerfile begins with, since none can be pulled. */
  readonly bases: Readonly<Record<string, string>>;
};

/** Builds a Dockerfile as it is; answers the name of the image. */
export function buildImage({ name, dockerfile, context, target, bases }: Build): string {
  const image = `rehup-test-${name}-${process.pid}`;
  const contexts = Object.entries(bases).map(
    ([wanted, base]) => `--build-context=${wanted}=container-image://localhost/${base}`,
  );
  const stage = target === undefined ? [] : ['--target', target];
  const words = [
    'build',
    '--pull=never',
    // Layers that are kept for another build may be gone before it has them: other tests remove their images meanwhile.
    '--layers=false',
    ...contexts,
    ...stage,
    '--tag',
    image,
    '--file',
    dockerfile,
    context,
  ];
  execFileSync('podman', words, { stdio: 'pipe' });
  made.push(image);
  return image;
}

export function removeImages(): void {
  for (const name of made.splice(0).reverse())
    execFileSync('podman', ['rmi', '--force', name], { stdio: 'ignore' });
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

export function put(file: string, root: string): void {
  mkdirSync(join(root, dirname(file)), { recursive: true });
  copyFileSync(file, join(root, file));
}

/** A minimal Debian as an archive, made once. */
export function debian(): Promise<string> {
  return archived('debian-bookworm', async (root) => {
    const from = (await mirror()) ?? 'http://deb.debian.org/debian';
    execFileSync('debootstrap', ['--variant=minbase', 'bookworm', root, from], { stdio: 'ignore' });
  });
}

/** An archive of a root file system that is kept, without what an image has no use for; made if it is not there. */
export async function archived(name: string, make: (root: string) => Promise<void>): Promise<string> {
  const archive = join(CACHE, `${name}.tar`);
  if (existsSync(archive)) return archive;
  const root = mkdtempSync(join(tmpdir(), 'rehup-root-'));
  try {
    await make(root);
    const left = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale', 'dev'];
    for (const path of left) rmSync(join(root, path), { recursive: true, force: true });
    // In one step: another test may be after the same one.
    const beside = `${archive}-${process.pid}`;
    execFileSync('tar', ['-C', root, '-cf', beside, '.']);
    renameSync(beside, archive);
    return archive;
  } finally {
    rmSync(root, { recursive: true });
  }
}

export type ContainerOptions = {
  readonly name: string;
  readonly image: string;
  /** A volume of the host at `mount`. */
  readonly volume: string;
  readonly mount?: string;
  /** The most memory that it may have. */
  readonly memory?: string;
  /** By default nobody. */
  readonly user?: string;
  readonly more?: readonly string[];
};

/** The words that run a container as a strict cluster does: nothing to write to, no capabilities, an unknown user, little of anything. */
export function containerWords({
  name,
  image,
  volume,
  mount = '/etc/app',
  memory = '8m',
  user = '65534:65534',
  more = [],
}: ContainerOptions): readonly string[] {
  const strict = [
    ...['--read-only', '--read-only-tmpfs=false', '--ipc', 'none', '--cap-drop', 'ALL', '--user', user],
    ...['--security-opt', 'no-new-privileges', '--pids-limit', '32', '--memory', memory],
  ];
  const given = ['--network', 'none', '--volume', `${volume}:${mount}:ro`];
  return [...RUN, '--name', name, ...strict, ...given, ...more, image];
}
