import type { Plugin } from 'esbuild';

/**
 * What of the official client of Kubernetes is left out of the controller: its models of every object, and undici, which its own
 * requests go by. Of it only `KubeConfig` is used, and neither is reached by what that is asked; each of them takes megabytes of memory,
 * used or not. Who reached one all the same would be told.
 */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  undici: ['Agent', 'ProxyAgent'],
  './gen/index.js': ['ServerConfiguration', 'createConfiguration'],
};

export const lean: Plugin = {
  name: 'lean',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(undici|\.\/gen\/index\.js)$/ }, ({ path, importer }) =>
      importer.includes('/@kubernetes/client-node/dist/') ? { path, namespace: 'lean' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lean' }, ({ path }) => ({
      contents: (LEFT_OUT[path] ?? [])
        .map((name) => `export function ${name}() { throw new Error('${path}: ${name} is left out'); }`)
        .join('\n'),
    }));
  },
};
