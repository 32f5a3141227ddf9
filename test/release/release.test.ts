import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { release } from '../../scripts/release.ts';
import { standInsFor } from '../support/bases.ts';
import { blocks, page, README } from '../support/documents.ts';
import { CONTAINERS, RUN, removeImages } from '../support/images.ts';
import { type Capability, DPKG_DEB, LINTIAN, MINISIGN, OPENSSL, SKOPEO } from '../support/machine.ts';
import { needing } from '../support/needing.ts';

/** The folder that `npm run release` makes, and that each thing in it can be used. */

const STATIC: Capability = {
  prefix: existsSync(join(ROOT, 'dist/rehup')) ? [] : undefined,
  remedy: 'a C compiler for the static executable (apt-get install -y musl-tools gcc xz-utils)',
};

/** Whether the Node edition was built. */
const NODE = existsSync(join(ROOT, 'dist/rehup-node'));

const test = needing(STATIC, DPKG_DEB);

const directory = mkdtempSync(join(tmpdir(), 'rehup-release-'));
const FOLDER = join(directory, 'release');
const ENVIRONMENT = {
  REHUP_REPOSITORY: 'https://example.org/somebody/rehup/',
  SOURCE_DATE_EPOCH: '1767312000',
};
const VERSION: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const EXECUTABLE = `rehup-${VERSION}-linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
const at = (name: string) => join(FOLDER, name);
const text = (name: string) => readFileSync(at(name), 'utf8');
const output = (program: string, ...words: readonly string[]) =>
  execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** What a container writes. */
function contained(...words: readonly string[]): string {
  const [program = '', ...before] = RUN;
  return output(program, ...before, ...words);
}

let files: readonly string[] = [];

beforeAll(async () => {
  if (STATIC.prefix !== undefined && DPKG_DEB.prefix !== undefined)
    files = await release(join(ROOT, 'dist'), FOLDER, ENVIRONMENT);
});

afterAll(() => {
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(directory, { recursive: true });
});

const architectures = () => files.flatMap((name) => /-linux-(\w+)$/.exec(name)?.[1] ?? []);

describe('npm run release', () => {
  test('makes a folder with all of it, and the sums of all', () => {
    const all = architectures();
    expect(files).toEqual([
      ...all.map((name) => `rehup-${VERSION}-linux-${name}`),
      ...all.map((name) => `rehup_${VERSION}_${name}.deb`),
      `rehup-${VERSION}-oci.tar`,
      ...(NODE ? [`rehup-node-${VERSION}-oci.tar`] : []),
      `rehup-${VERSION}.tgz`,
      ...all.map((name) => `rehup-linux-${name.replace('amd64', 'x64')}-${VERSION}.tgz`),
      ...[`rehup-controller-${VERSION}.tgz`, `rehup-controller-${VERSION}-kustomize.tgz`],
      ...['rehup.1', 'rehup.bash', '_rehup', 'rehup.fish'],
      ...all.map((name) => `rehup-${VERSION}-linux-${name}.cdx.json`),
      ...[`rehup-${VERSION}-npm.cdx.json`, 'THIRD-PARTY-LICENSES.txt', 'LICENSE', 'SHA256SUMS'],
    ]);
    expect(readdirSync(FOLDER).sort()).toEqual([...files].sort());
    const told = execFileSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: FOLDER, encoding: 'utf8' });
    expect(told.trim().split('\n')).toEqual(files.slice(0, -1).map((name) => `${name}: OK`));
  });

  test('publishes the executables that were built, as they were tested', () => {
    expect(readFileSync(at(EXECUTABLE)).equals(readFileSync(join(ROOT, 'dist/rehup')))).toBe(true);
    expect(output(at(EXECUTABLE), '--version')).toContain(`rehup ${VERSION} (static`);
  });

  test('is verified as the README says, by who has one file of it', () => {
    const line = blocks(README, 'sh').find((block) => block.startsWith('sha256sum ')) ?? '';
    const folder = join(directory, 'fetched');
    mkdirSync(folder);
    for (const name of ['SHA256SUMS', EXECUTABLE]) cpSync(at(name), join(folder, name));
    const verified = () => spawnSync('sh', ['-c', line], { cwd: folder, encoding: 'utf8' });
    expect(verified()).toMatchObject({ status: 0, stdout: `${EXECUTABLE}: OK\n` });
    writeFileSync(join(folder, EXECUTABLE), 'another');
    expect(verified().status).not.toBe(0);
  });

  test('names what is in each edition, in a form that the schema of CycloneDX allows, with a licence each', async () => {
    const bills = files.filter((name) => name.endsWith('.cdx.json'));
    const components = (name: string): readonly { name: string; group?: string; hashes?: unknown }[] =>
      JSON.parse(text(name)).components;
    for (const name of bills) {
      expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text(name))).toBeNull();
      for (const { name: part, group } of components(name))
        expect(text('THIRD-PARTY-LICENSES.txt')).toContain(group === undefined ? part : `${group}/${part}`);
    }
    const inStatic = components(`${EXECUTABLE}.cdx.json`);
    expect(inStatic.map(({ name }) => name)).toEqual([
      'commander',
      'quickjs',
      expect.stringMatching(/^(musl|glibc)$/),
    ]);
    const told = page('security').slice(page('security').indexOf('What is in it')).toLowerCase();
    for (const { name } of inStatic) expect(told).toContain(name);
    const engine = inStatic.find(({ name }) => name === 'quickjs');
    expect(engine?.hashes).toEqual([{ alg: 'SHA-256', content: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    const inNode = components(`rehup-${VERSION}-npm.cdx.json`).map(({ name }) => name);
    expect(inNode).toEqual(expect.arrayContaining(['chokidar', 'commander', 'execa', 'pino']));
    expect(inNode).not.toContain('vitest');
    const licences = text('THIRD-PARTY-LICENSES.txt');
    for (const words of ['Fabrice Bellard', 'TJ Holowaychuk', 'Rich Felker'])
      expect(licences).toContain(words);
  });

  test('has the chart as Helm packs it, and the kustomization, both of this version', () => {
    const [chart = '', kustomization = ''] = files.filter((name) => name.startsWith('rehup-controller-'));
    const read = (archive: string, name: string) => output('tar', '-xOzf', at(archive), name);
    expect(read(chart, 'rehup-controller/Chart.yaml')).toContain(`\nversion: ${VERSION}\n`);
    expect(output('tar', '-tzf', at(chart)).split('\n')).toEqual(
      expect.arrayContaining([
        'rehup-controller/values.schema.json',
        'rehup-controller/templates/rights.yaml',
      ]),
    );
    const deployment = read(kustomization, 'rehup-controller-kustomize/base/deployment.yaml');
    expect(deployment).toContain(`image: rehup-node:${VERSION}\n`);
    // The chart has no other places where a version stands.
    expect(read(chart, 'rehup-controller/values.yaml')).not.toContain(VERSION);
  });

  test('has what npx needs for the controller', () => {
    const names = output('tar', '-tzf', at(`rehup-${VERSION}.tgz`)).split('\n');
    expect(names).toEqual(expect.arrayContaining(['package/lib/rehup.cjs', 'package/lib/controller.cjs']));
  });

  test('gives the same bytes again', async () => {
    const sums = text('SHA256SUMS');
    const again = join(directory, 'again');
    expect(await release(join(ROOT, 'dist'), again, ENVIRONMENT)).toEqual(files);
    expect(readFileSync(join(again, 'SHA256SUMS'), 'utf8')).toBe(sums);
  });

  needing(
    STATIC,
    DPKG_DEB,
    MINISIGN,
    OPENSSL,
  )('signs the sums where a key is given, by minisign or openssl', async () => {
    const key = (name: string) => join(directory, name);
    output('minisign', '-G', '-W', '-s', key('minisign.key'), '-p', key('minisign.pub'));
    output('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', key('openssl.key'));
    output('openssl', 'pkey', '-in', key('openssl.key'), '-pubout', '-out', key('openssl.pub'));
    const { sign } = await import('../../scripts/release/sums.ts');
    expect(await sign(FOLDER, 'SHA256SUMS', key('minisign.key'))).toBe('SHA256SUMS.minisig');
    expect(await sign(FOLDER, 'SHA256SUMS', key('openssl.key'))).toBe('SHA256SUMS.sig');
    const verify = (file: string) => [
      spawnSync('minisign', ['-V', '-p', key('minisign.pub'), '-m', file, '-x', at('SHA256SUMS.minisig')])
        .status,
      spawnSync('openssl', [
        ...['pkeyutl', '-verify', '-rawin', '-pubin', '-inkey', key('openssl.pub')],
        ...['-in', file, '-sigfile', at('SHA256SUMS.sig')],
      ]).status,
    ];
    expect(verify(at('SHA256SUMS'))).toEqual([0, 0]);
    writeFileSync(join(directory, 'forged'), `${text('SHA256SUMS')} `);
    expect(verify(join(directory, 'forged'))).toEqual([1, 1]);
  });
});

describe('the package for Debian', () => {
  needing(
    STATIC,
    DPKG_DEB,
    LINTIAN,
  )('is one that lintian finds nothing wrong with', () => {
    const packages = files.filter((file) => file.endsWith('.deb')).map(at);
    const words = ['--fail-on', 'error,warning', ...packages];
    const { status, stdout } = spawnSync('lintian', words, { encoding: 'utf8' });
    expect([packages.length, status, stdout]).toEqual([architectures().length, 0, '']);
  });

  needing(
    STATIC,
    DPKG_DEB,
    CONTAINERS,
  )('is installed, runs, and leaves nothing when it is removed', async () => {
    const [base] = Object.values(await standInsFor('FROM debian:bookworm-slim'));
    const name = `rehup_${VERSION}_${process.arch === 'arm64' ? 'arm64' : 'amd64'}.deb`;
    const script = `set -e
      dpkg --install /release/${name} >/dev/null
      rehup --version
      rehup --log-level silent sh -c 'exit 7' || echo "code $?"
      ls /usr/share/man/man1/rehup.1.gz /usr/share/bash-completion/completions/rehup
      dpkg --verify rehup
      dpkg --remove rehup >/dev/null
      find / -xdev -name '*rehup*' -not -path '/proc/*' -not -path '/release*'`;
    const mounted = ['--network', 'none', '--volume', `${FOLDER}:/release:ro`];
    const lines = contained(...mounted, `localhost/${base}`, 'sh', '-c', script)
      .trim()
      .split('\n');
    expect(lines).toEqual([
      expect.stringContaining(`rehup ${VERSION} (static`),
      'code 7',
      '/usr/share/bash-completion/completions/rehup',
      '/usr/share/man/man1/rehup.1.gz',
    ]);
  });
});

describe('the image', () => {
  const archive = () => `oci-archive:${at(`rehup-${VERSION}-oci.tar`)}`;

  needing(
    STATIC,
    DPKG_DEB,
    SKOPEO,
  )('is there for each architecture, with labels, for a plain user', () => {
    for (const architecture of architectures()) {
      const words = ['--override-arch', architecture, 'inspect', '--config', archive()];
      const { architecture: own, config } = JSON.parse(output('skopeo', ...words));
      expect(own).toBe(architecture);
      expect(config).toMatchObject({ Entrypoint: ['/rehup'], User: '65534:65534' });
      expect(config.Labels).toMatchObject({
        'org.opencontainers.image.version': VERSION,
        'org.opencontainers.image.source': 'https://example.org/somebody/rehup',
        'org.opencontainers.image.created': '2026-01-02T00:00:00Z',
      });
    }
    const manifests: unknown[] = JSON.parse(output('skopeo', 'inspect', '--raw', archive())).manifests ?? [
      'one',
    ];
    expect(manifests).toHaveLength(architectures().length);
  });

  needing(
    STATIC,
    DPKG_DEB,
    CONTAINERS,
  )('is loaded and run by podman, and that of the Node edition has the controller', () => {
    output('podman', 'load', '--input', at(`rehup-${VERSION}-oci.tar`));
    const image = `localhost/rehup:${VERSION}`;
    try {
      const words = ['--network', 'none', '--read-only', image, '--version'];
      expect(contained(...words)).toContain(`rehup ${VERSION} (static`);
    } finally {
      output('podman', 'rmi', '--force', image);
    }
    if (!NODE) return;
    output('podman', 'load', '--input', at(`rehup-node-${VERSION}-oci.tar`));
    const node = `localhost/rehup-node:${VERSION}`;
    try {
      const words = ['--network', 'none', '--read-only', node, 'controller', '--help'];
      expect(contained(...words)).toContain('--max-rolling');
    } finally {
      output('podman', 'rmi', '--force', node);
    }
  });
});
