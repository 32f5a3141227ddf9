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

/** Images made without a container engine: an OCI archive of one layer, which `ctr images import` takes. */

export type ImageOptions = {
  /** With its tag: `localhost/pause:1`. */
  readonly name: string;
  /** What is in it: paths of this machine by paths in the image, all of them executable. */
  readonly files: Readonly<Record<string, string>>;
  /** Links by their paths in the image, with what stands in them. */
  readonly links?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
};

type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

const OCI = 'application/vnd.oci.image';

// What would make two archives of the same files differ.
const PLAIN = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

/** Writes the archive of an image to a file. */
export function writeImage(
  archive: string,
  { name, files, links = {}, entrypoint = [] }: ImageOptions,
): void {
  const work = mkdtempSync(join(tmpdir(), 'rehup-image-'));
  try {
    const root = join(work, 'root');
    // Where an application may want to write.
    mkdirSync(join(root, 'tmp'), { recursive: true, mode: 0o1777 });
    for (const [path, source] of Object.entries(files)) copyFileSync(source, placed(root, path));
    for (const [path, target] of Object.entries(links)) symlinkSync(target, placed(root, path));
    execFileSync('chmod', ['-R', 'u+rwX,go+rX', root]);
    execFileSync('chmod', ['1777', join(root, 'tmp')]);

    const image = join(work, 'image');
    mkdirSync(join(image, 'blobs/sha256'), { recursive: true });
    const layerFile = join(work, 'layer.tar');
    execFileSync('tar', [...PLAIN, '-C', root, '-cf', layerFile, '.']);
    const layer = blob(image, `${OCI}.layer.v1.tar`, readFileSync(layerFile));
    const config = blob(image, `${OCI}.config.v1+json`, {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Entrypoint: entrypoint, Env: ['PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const manifest = blob(image, `${OCI}.manifest.v1+json`, {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config,
      layers: [layer],
    });
    const annotations = { 'io.containerd.image.name': name };
    writeFileSync(join(image, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    writeFileSync(
      join(image, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
    );
    execFileSync('tar', [...PLAIN, '-C', image, '-cf', archive, '.']);
  } finally {
    rmSync(work, { recursive: true });
  }
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
