import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Facts } from './facts.ts';

/** Images made without a container engine: OCI archives, which `podman load`, `skopeo` and `ctr images import` take. */

export type Layout = {
  /** As OCI has it; by default that of this machine. */
  readonly architecture?: 'amd64' | 'arm64';
  /** What is in it: paths of this machine by paths in the image, all of them executable if they are here. */
  readonly files: Readonly<Record<string, string>>;
  /** Links by their paths in the image, with what stands in them. */
  readonly links?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  readonly user?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether it has a /tmp that anybody may write to. */
  readonly tmp?: boolean;
};

/** What an image says of itself. */
export function labelsOf(facts: Facts): Readonly<Record<string, string>> {
  return {
    'org.opencontainers.image.title': 'rehup',
    'org.opencontainers.image.description': facts.description,
    'org.opencontainers.image.version': facts.version,
    'org.opencontainers.image.revision': facts.revision,
    'org.opencontainers.image.source': facts.repository,
    'org.opencontainers.image.licenses': facts.license,
    'org.opencontainers.image.created': new Date(facts.epoch * 1000).toISOString().replace('.000', ''),
  };
}

type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

const OCI = 'application/vnd.oci.image';

// What would make two archives of the same files differ.
const PLAIN = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

const OWN = process.arch === 'arm64' ? 'arm64' : 'amd64';

/**
 * Writes an archive of an image of one layer, for one architecture or several.
 *
 * @param name with its tag: `localhost/pause:1`
 * @param created ISO 8601, if the image is to say when it was made
 */
export function writeImage(
  archive: string,
  name: string,
  layouts: readonly Layout[],
  created?: string,
): void {
  const work = mkdtempSync(join(tmpdir(), 'rehup-image-'));
  try {
    const image = join(work, 'image');
    mkdirSync(join(image, 'blobs/sha256'), { recursive: true });
    const manifests = layouts.map((layout, index) => ({
      ...writeManifest(image, join(work, `${index}`), layout, created),
      platform: { architecture: layout.architecture ?? OWN, os: 'linux' },
    }));
    const [first] = manifests;
    const several = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests };
    // Of several an index of its own: who reads the archive then chooses by its own architecture.
    const top = manifests.length > 1 ? blob(image, `${OCI}.index.v1+json`, several) : first;
    const annotations = {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.split(':').at(-1),
    };
    writeFileSync(join(image, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    writeFileSync(
      join(image, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [{ ...top, annotations }] }),
    );
    execFileSync('tar', [...PLAIN, '-C', image, '-cf', archive, '.']);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function writeManifest(
  image: string,
  root: string,
  { architecture = OWN, files, links = {}, entrypoint = [], user, labels, tmp = false }: Layout,
  created: string | undefined,
): Descriptor {
  mkdirSync(root, { mode: 0o755 });
  for (const [path, source] of Object.entries(files)) copyFileSync(source, placed(root, path));
  for (const [path, target] of Object.entries(links)) symlinkSync(target, placed(root, path));
  if (tmp) mkdirSync(join(root, 'tmp'));
  execFileSync('chmod', ['-R', 'u+rwX,go-w,go+rX', root]);
  if (tmp) execFileSync('chmod', ['1777', join(root, 'tmp')]);
  const layerFile = `${root}.tar`;
  execFileSync('tar', [...PLAIN, '-C', root, '-cf', layerFile, '.']);
  const layer = blob(image, `${OCI}.layer.v1.tar`, readFileSync(layerFile));
  const config = blob(image, `${OCI}.config.v1+json`, {
    ...(created === undefined ? {} : { created }),
    architecture,
    os: 'linux',
    config: {
      ...(user === undefined ? {} : { User: user }),
      ...(labels === undefined ? {} : { Labels: labels }),
      Entrypoint: entrypoint,
      Env: ['PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  return blob(image, `${OCI}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config,
    layers: [layer],
  });
}

function placed(root: string, path: string): string {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  return join(root, path);
}

function blob(image: string, mediaType: string, content: Buffer | object): Descriptor {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const hex = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(image, 'blobs/sha256', hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
