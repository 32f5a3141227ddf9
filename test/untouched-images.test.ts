import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { SIDECAR_OPTIONS } from '../src/cli/commands/sidecar.ts';
import { RUN_OPTIONS } from '../src/cli/options.ts';
import { parse } from '../src/cli/parse.ts';
import { blocks, DOCUMENTS } from './support/documents.ts';
import { checkedManifest } from './support/manifests.ts';

/** docs/untouched-images.md: what its manifests say is known to Kubernetes, and its words to rehup. */

const PAGE = DOCUMENTS['docs/untouched-images.md'] ?? '';
const PODS = blocks(PAGE, 'yaml');

/** What is to be done by these words. */
function invoked(words: readonly string[]) {
  const given = {
    words,
    environment: new Map(),
    cwd: '/',
    terminal: false,
    columns: () => undefined,
    version: '',
  };
  return parse(given);
}

type Words = { readonly args?: readonly string[]; readonly name: string } & Readonly<
  Partial<
    Record<'startupProbe' | 'livenessProbe', { readonly exec?: { readonly command: readonly string[] } }>
  >
>;

describe.each(PODS.map((text, index) => [index + 1, text] as const))('the pod %i of the page', (_, text) => {
  const pod = parseYaml(text) as {
    readonly initContainers: readonly Words[];
    readonly containers: readonly Words[];
  };

  test('is what the schemas of Kubernetes know', () => {
    const metadata = { name: 'app', labels: { app: 'app' } };
    const spec = { selector: { matchLabels: metadata.labels }, template: { metadata, spec: pod } };
    const manifest = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'app' }, spec };
    expect(checkedManifest(manifest).kind).toBe('Deployment');
  });

  test('has words that rehup takes', () => {
    const args = pod.initContainers.flatMap((one) => (one.args === undefined ? [] : [one.args]));
    const probes = pod.containers.flatMap(({ startupProbe, livenessProbe }) =>
      [startupProbe, livenessProbe].flatMap((probe) =>
        probe?.exec === undefined ? [] : [probe.exec.command.slice(1)],
      ),
    );
    const kinds = [...args, ...probes].map((words) => [words[0], invoked(words).kind]);
    expect(kinds.length).toBeGreaterThan(0);
    for (const [word, kind] of kinds) expect(kind).toBe(word === 'sidecar' ? 'run' : word);
  });
});

test('the page names no option that is not there', () => {
  const known = [...RUN_OPTIONS, ...SIDECAR_OPTIONS].map(({ name }) => `--${name}`);
  const others = ['--and', '--health-cmd', '--health-on-failure'];
  const named = [...PAGE.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option);
  expect(named.filter((option) => ![...known, ...others].includes(option))).toEqual([]);
});
