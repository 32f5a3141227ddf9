import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../scripts/build/product.ts';
import { anchorsOf, blocks, DOCUMENTS, linksOf, OPERATIONS, page, README } from './support/documents.ts';
import { PID_NAMESPACE } from './support/machine.ts';
import { needing } from './support/needing.ts';
import { REHUP_BIN, type Rehup, rehup, witness } from './support/rehup.ts';
import { httpServer } from './support/server.ts';
import { AT_ONCE, eachWithDirectory, told, writtenVolume } from './support/volume.ts';

/** The commands, examples, tables and lists: each is run, or compared with what the program says. */

const PACKAGE: { scripts: Record<string, string>; version: string } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);

const directory = eachWithDirectory();

/** What a change of the first file must lead to: what the application tells, and what the log says at the end. */
type Expected = {
  readonly paths: readonly string[];
  readonly changed: string;
  readonly reads?: string;
  readonly leadsTo: readonly string[];
  readonly logs?: string;
  readonly asked?: string;
};

/** The examples of `rehup`, each with the files of its volumes; `reads` is the file that the application looks at, if not `changed`. */
const EXAMPLES: Readonly<Record<string, Expected>> = {
  "rehup -w /etc/nginx/conf.d --on-change SIGHUP nginx -g 'daemon off;'": {
    paths: ['/etc/nginx/conf.d/site.conf'],
    changed: '/etc/nginx/conf.d/site.conf',
    leadsTo: ['start old', 'SIGHUP new'],
  },
  'rehup -w /etc/app node server.js': {
    paths: ['/etc/app/settings'],
    changed: '/etc/app/settings',
    leadsTo: ['start old', 'SIGTERM new', 'start new'],
  },
  'rehup -w /etc/app=restart -w /etc/app/tls.crt=SIGHUP -- app --port 8080': {
    paths: ['/etc/app/settings', '/etc/app/tls.crt'],
    changed: '/etc/app/tls.crt',
    leadsTo: ['start old', 'SIGHUP new'],
  },
  'rehup -w /etc/prometheus --on-change http://127.0.0.1:9090/-/reload prometheus --web.enable-lifecycle': {
    paths: ['/etc/prometheus/prometheus.yml'],
    changed: '/etc/prometheus/prometheus.yml',
    leadsTo: ['start old'],
    asked: 'POST /-/reload HTTP/1.1',
  },
  'rehup --env-dir /etc/app-env app': {
    paths: ['/etc/app-env/GREETING'],
    changed: '/etc/app-env/GREETING',
    leadsTo: ['start old', 'SIGTERM new', 'start new'],
  },
  'rehup -w /etc/app --on-change exit app': {
    paths: ['/etc/app/settings'],
    changed: '/etc/app/settings',
    leadsTo: ['start old', 'SIGTERM new'],
    logs: 'child.exited',
  },
  "rehup --stage /etc/app=/run/app --check 'app --check {dir}' app --config /run/app": {
    paths: ['/etc/app/settings'],
    changed: '/etc/app/settings',
    reads: '/run/app/settings',
    leadsTo: ['start old', 'SIGTERM new', 'start new'],
  },
  'rehup app': { paths: [], changed: '', leadsTo: ['start ENOENT'] },
};

/**
 * Puts a stand-in for the application of an example on the PATH: the witness, which tells its words first. As a check of
 * a directory it finds all content good.
 */
function standIn(name: string, file: string): void {
  const line = witness(file)
    .map((word) => `'${word}'`)
    .join(' ');
  const text = `#!/bin/sh\n[ "$1" = --check ] && exit\necho "words $* GREETING=$GREETING"\nexec ${line}\n`;
  writeFileSync(join(directory.path, name), text, { mode: 0o755 });
}

describe('each example of rehup', () => {
  const known = Object.keys(EXAMPLES);

  test('is known here', () => {
    expect(blocks(page('use'), 'sh')).toEqual(known);
    const others = Object.values(DOCUMENTS).filter((text) => ![page('use'), OPERATIONS].includes(text));
    for (const text of others)
      expect(blocks(text, 'sh').filter((line) => line.startsWith('rehup '))).toEqual([]);
    // That of the other page is one of these, and its story is told by operations.test.ts.
    const told = blocks(OPERATIONS, 'sh').filter((text) => text.startsWith('rehup '));
    expect(told).not.toEqual([]);
    for (const line of told) expect(known).toContain(line);
  });

  for (const [line, { paths, changed, reads = changed, leadsTo, logs, asked }] of Object.entries(EXAMPLES)) {
    needing(PID_NAMESPACE)(`does what it says: ${line}`, async () => {
      const server = await httpServer(200);
      // The paths of the example lie below a directory of the test's own, and its server is one of the test.
      const moved = (text: string) =>
        text
          .replaceAll(/(?<=^|=)\/(?=(?:etc|run)\/)/g, `${directory.path}/`)
          .replace('127.0.0.1:9090', `127.0.0.1:${server.port}`);
      const [program, ...words] = line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? [];
      expect(program).toBe('rehup');
      const root = paths[0] === undefined ? undefined : join(moved(paths[0]), '..');
      const payload = Object.fromEntries(paths.map((path) => [path.split('/').at(-1) ?? '', 'old']));
      const volume = root === undefined ? undefined : writtenVolume(root, payload);
      const command = words.find((word) => ['nginx', 'node', 'app', 'prometheus'].includes(word)) ?? '';
      // The emptyDir of the stage.
      mkdirSync(moved('/run/'), { recursive: true });
      standIn(command, moved(reads));
      const args = words.map(moved);
      const run = rehup([...AT_ONCE, ...args], {
        environment: { PATH: `${directory.path}:${process.env['PATH']}` },
      });
      await run.said('start');
      const variable = paths.find((path) => path.endsWith('/GREETING')) === undefined ? '' : 'old';
      const own = args.slice(args.indexOf(command) + 1).join(' ');
      expect(run.output[0]).toBe(`words ${own} GREETING=${variable}`);
      await run.logged('child.started');
      if (volume !== undefined) {
        volume.write({ ...payload, [changed.split('/').at(-1) ?? '']: 'new' });
        await run.logged(logs ?? 'reload.applied');
      }
      const last = leadsTo.at(-1)?.split(' ')[0] ?? '';
      await run.said(last, leadsTo.filter((step) => step.startsWith(last)).length);
      expect(steps(run)).toEqual(leadsTo);
      expect(server.requests.map((request) => request.split('\r\n')[0])).toEqual(
        asked === undefined ? [] : [asked],
      );
      if (logs !== undefined) expect(await run.ended).toBe(0);
    });
  }
});

/** What the application told, with the content that it found. */
function steps(run: Rehup): readonly string[] {
  return told(run)
    .map((line) => line.split(' '))
    .filter(([word]) => word !== 'words')
    .map((words) => `${words[0]} ${words.at(-1)}`);
}

describe('the other commands', () => {
  test('are scripts of package.json, and the example runs', () => {
    const commands = blocks(README, 'sh').filter(
      (text) => !text.includes('podman') && !text.startsWith('echo'),
    );
    expect(commands).toEqual([
      'npm ci && npm run demo',
      'npm run build && examples/node-restart/run',
      // Run by release.test.ts, in the folder of a release.
      'sha256sum --check --ignore-missing SHA256SUMS',
      'npm ci && npm test',
    ]);
    const { stdout, exitCode: code } = execaSync(join(ROOT, 'examples/node-restart/run'), {
      env: { REHUP_BIN },
    });
    expect(code).toBe(0);
    expect(stdout.split('\n').at(-1)).toBe('-- rehup ended with the code of the application: 0');
  });

  test('are scripts wherever a text names one', () => {
    for (const text of Object.values(DOCUMENTS)) {
      for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g)) {
        expect(Object.keys(PACKAGE.scripts)).toContain(script);
      }
    }
  });

  test('the demo ends in 0', () => {
    const { stdout, exitCode: code } = execaSync(process.execPath, [join(ROOT, 'scripts/demo.ts')]);
    expect(code).toBe(0);
    expect(stdout).toContain('All of it happened');
  });
});

test('the README is short, and leads to every page', () => {
  expect(README.split('\n').length).toBeLessThanOrEqual(201);
  const pages = Object.keys(DOCUMENTS).filter((path) => path.startsWith('docs/'));
  expect(linksOf(README).map(({ path }) => path)).toEqual(expect.arrayContaining(pages));
});

describe('the images', () => {
  test('of the README are those of Dockerfile.example and the manifests', () => {
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile.example'), 'utf8');
    for (const line of blocks(README, 'dockerfile').join('\n').split('\n'))
      expect(dockerfile.split('\n')).toContain(line);
    const yaml = blocks(README, 'yaml').join('\n');
    const manifest = readFileSync(join(ROOT, 'examples/node-restart/kubernetes.yaml'), 'utf8');
    for (const line of yaml.split('\n').filter((text) => !/name:|mountPath:/.test(text))) {
      expect(manifest).toContain(line.trim());
    }
  });

  needing(PID_NAMESPACE)('have an ENTRYPOINT that rehup takes', async () => {
    for (const file of ['Dockerfile.example', 'examples/node-restart/Dockerfile']) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      const words: string[] = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)?.[1] ?? '[]');
      expect(words.shift()).toBe('rehup');
      const watched = words.find((word) => word.startsWith('/etc/')) ?? '';
      const volume = writtenVolume(join(directory.path, watched), { key: 'old' });
      const args = words.map((word) => (word === watched ? volume.path : word));
      const run = rehup([...args, ...AT_ONCE, ...witness(join(volume.path, 'key'))]);
      await run.said('start');
      volume.write({ key: 'new' });
      await run.logged('reload.applied');
      await run.dispose();
    }
  });
});

describe('the links', () => {
  test('lead to something', () => {
    for (const [file, text] of Object.entries(DOCUMENTS)) {
      for (const { path, anchor } of linksOf(text)) {
        const target = path === '' ? join(ROOT, file) : join(ROOT, file, '..', path);
        expect(existsSync(target), `${path} of ${file}`).toBe(true);
        if (anchor !== '') expect(anchorsOf(readFileSync(target, 'utf8'))).toContain(anchor);
      }
    }
  });
});

test('every example has a link', () => {
  const stories = readdirSync(join(ROOT, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `examples/${name}`);
  expect(linksOf(README).map(({ path }) => path)).toEqual(expect.arrayContaining(stories));
});
