/**
 * `npm run cluster`: a real Kubernetes of one node for people, with the images of the tests. Ends on Ctrl-C, and leaves
 * nothing behind.
 */
import { join } from 'node:path';
import process from 'node:process';
import { startCluster } from '../test/cluster/engine/cluster.ts';
import { loadImages } from '../test/cluster/engine/images.ts';
import { buildPrograms } from '../test/cluster/engine/programs.ts';

const tell = (line: string) => console.log(line);

const programs = await buildPrograms(tell);
const cluster = await startCluster({ programs, tell });
const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
});
await loadImages(cluster);
const { folder } = cluster.place;
tell(`
export KUBECONFIG=${join(folder, 'admin.kubeconfig')}
alias kubectl='${programs.kubernetes} kubectl'
`);
await stopped;
await cluster.stop();
