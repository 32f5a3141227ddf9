import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { describe, expect, test } from 'vitest';
import { RUN_OPTIONS } from '../src/cli/options.ts';
import { exitCode, startFailureCode } from '../src/core/exit.ts';
import { PID_NAMESPACE } from './support/machine.ts';
import { needing } from './support/needing.ts';
import { REHUP_BIN, type Rehup, rehup, witness } from './support/rehup.ts';
import { AT_ONCE, eachWithDirectory, told, writtenVolume } from './support/volume.ts';

/** The README's commands, examples, tables and lists: each is run, or compared with what the program says. */

const ROOT = join(import.meta.dirname, '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const PACKAGE: { scripts: Record<string, string>; version: string } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);

function blocks(language: string): readonly string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) =>
    text.trim(),
  );
}

const directory = eachWithDirectory();

/** The examples of `rehup`, each with the files of its volumes, and what a change of the first file must lead to. */
const EXAMPLES: Readonly<
  Record<string, { paths: readonly string[]; changed: string; leadsTo: readonly string[] }>
> = {
  "rehup -w /etc/nginx/conf.d --on-change SIGHUP nginx -g 'daemon off;'": {
    paths: ['/etc/nginx/conf.d/site.conf'],
    changed: '/etc/nginx/conf.d/site.conf',
    leadsTo: ['start', 'SIGHUP'],
  },
  'rehup -w /etc/app node server.js': {
    paths: ['/etc/app/settings'],
    changed: '/etc/app/settings',
    leadsTo: ['start', 'SIGTERM', 'start'],
  },
  'rehup -w /etc/app=restart -w /etc/app/tls.crt=SIGHUP -- app --port 8080': {
    paths: ['/etc/app/settings', '/etc/app/tls.crt'],
    changed: '/etc/app/tls.crt',
    leadsTo: ['start', 'SIGHUP'],
  },
  'rehup app': { paths: [], changed: '', leadsTo: ['start'] },
};

/** Puts a stand-in for the application of an example on the PATH: the witness, which tells its words first. */
function standIn(name: string, file: string): void {
  const line = witness(file)
    .map((word) => `'${word}'`)
    .join(' ');
  writeFileSync(join(directory.path, name), `#!/bin/sh\necho "words $*"\nexec ${line}\n`, { mode: 0o755 });
}

describe('each example of rehup', () => {
  const known = Object.keys(EXAMPLES);

  test('is known here', () => {
    expect(blocks('sh').filter((text) => text.startsWith('rehup '))).toEqual(known);
  });

  for (const [line, { paths, changed, leadsTo }] of Object.entries(EXAMPLES)) {
    needing(PID_NAMESPACE)(`does what it says: ${line}`, async () => {
      // The paths of the example lie below a directory of the test's own.
      const moved = (path: string) => join(directory.path, path);
      const [program, ...words] = line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? [];
      expect(program).toBe('rehup');
      const root = paths[0] === undefined ? undefined : join(moved(paths[0]), '..');
      const payload = Object.fromEntries(paths.map((path) => [path.split('/').at(-1) ?? '', 'old']));
      const volume = root === undefined ? undefined : writtenVolume(root, payload);
      const command = words.find((word) => ['nginx', 'node', 'app'].includes(word)) ?? '';
      standIn(command, moved(changed));
      const args = words.map((word) => word.replace(/^\/etc\//, `${directory.path}/etc/`));
      const run = rehup([...AT_ONCE, ...args], {
        environment: { PATH: `${directory.path}:${process.env['PATH']}` },
      });
      await run.said('start');
      expect(run.output[0]).toBe(`words ${args.slice(args.indexOf(command) + 1).join(' ')}`);
      await run.logged('child.started');
      if (volume !== undefined) {
        volume.write({ ...payload, [changed.split('/').at(-1) ?? '']: 'new' });
        await run.logged('reload.applied');
      }
      const last = leadsTo.at(-1) ?? '';
      await run.said(last, leadsTo.filter((step) => step === last).length);
      expect(steps(run)).toEqual(leadsTo);
    });
  }
});

function steps(run: Rehup): readonly string[] {
  return told(run)
    .map((line) => line.split(' ')[0] ?? '')
    .filter((word) => word !== 'words');
}

describe('the other commands', () => {
  test('are scripts of package.json, and the example runs', () => {
    const commands = blocks('sh').filter((text) => !text.startsWith('rehup '));
    expect(commands).toEqual([
      'npm ci && npm run demo',
      'npm run build && examples/node-restart/run',
      'npm ci && npm test',
    ]);
    for (const script of ['demo', 'build', 'test', 'bench']) expect(PACKAGE.scripts).toHaveProperty(script);
    const { stdout, exitCode: code } = execaSync(join(ROOT, 'examples/node-restart/run'), {
      env: { REHUP_BIN },
    });
    expect(code).toBe(0);
    expect(stdout.split('\n').at(-1)).toBe('-- rehup ended with the code of the application: 0');
  });

  test('the demo ends in 0', () => {
    const { stdout, exitCode: code } = execaSync(process.execPath, [join(ROOT, 'scripts/demo.ts')]);
    expect(code).toBe(0);
    expect(stdout).toContain('All of it happened');
  });
});

describe('the images', () => {
  test('of the README are those of Dockerfile.example and the manifests', () => {
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile.example'), 'utf8');
    for (const line of blocks('dockerfile').join('\n').split('\n'))
      expect(dockerfile.split('\n')).toContain(line);
    const yaml = blocks('yaml').join('\n');
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

describe('the tables', () => {
  test('of options are those of the program, with their groups and defaults', () => {
    const rows = [...README.matchAll(/^\| `((?:-\w, )?--[^`]+)` \| (.*?) \|/gm)].map(
      ([, flags = '', value = '']) => ({
        flags: flags.toLowerCase(),
        value: value.replaceAll('`', ''),
      }),
    );
    const expected = RUN_OPTIONS.map((option) => ({
      flags: option.flags.replaceAll(/[<>]/g, ''),
      value: option.name === 'log-format' ? 'json' : (option.default ?? 'none'),
    }));
    expect(rows).toEqual(expected);
    const groups = [...README.matchAll(/^\| \*\*(.*?)\*\* \| \| \|/gm)].map(([, group]) => group);
    expect(groups).toEqual([...new Set(RUN_OPTIONS.map((option) => option.group))]);
    expect(README).toContain('REHUP_ON_CHANGE');
  });

  test('of events name every event that is logged, and no other', () => {
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const text = sources.map((file) => readFileSync(join(ROOT, 'src', file), 'utf8')).join('\n');
    const logged = new Set(
      [
        ...text.matchAll(
          /'((?:check|child|config|environment|log|rehup|reload|signal|stage|start|stop|watch)\.[a-z_]+)'/g,
        ),
      ].map(([, event]) => event),
    );
    const section = README.slice(README.indexOf('| Event |'), README.indexOf('## Limits'));
    const listed = [...section.matchAll(/`([a-z]+\.[a-z_]+)`/g)].map(([, event]) => event);
    expect(listed.sort()).toEqual([...logged].sort());
  });

  test('of exit codes are true', () => {
    expect(exitCode({ kind: 'signal', signal: 9 })).toBe(137);
    expect([startFailureCode('ENOENT'), startFailureCode('EACCES')]).toEqual([127, 126]);
  });

  test('and the version agree with package.json', () => {
    const { stdout } = execaSync(REHUP_BIN, ['--version']);
    expect(stdout).toMatch(/^rehup \S+ \((static|node)(, [0-9a-f]{7,}(-dirty)?)?\)$/);
    expect(stdout.split(' ')[1]).toBe(PACKAGE.version);
    expect(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')).toContain(`## ${PACKAGE.version}`);
  });
});
