/**
 * `npm run cluster`: a real Kubernetes of one node for people, with the images of the tests and something to try. It shows
 * what happens in it, ends on Ctrl-C, and leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { startCluster } from '../test/cluster/engine/cluster.ts';
import { imageOf, loadImages } from '../test/cluster/engine/images.ts';
import { missingForCluster } from '../test/cluster/engine/needs.ts';
import { buildPrograms } from '../test/cluster/engine/programs.ts';

/** A ConfigMap, and a Deployment whose application tells what it reads. */
const DEMO = `apiVersion: v1
kind: ConfigMap
metadata:
  name: app
data:
  greeting: one
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  selector:
    matchLabels: { app: app }
  template:
    metadata:
      labels: { app: app }
    spec:
      containers:
        - name: app
          image: ${imageOf('static')}
          imagePullPolicy: Never
          args: [--watch, /etc/app, --on-change, SIGHUP, --, /witness, run, /etc/app]
          volumeMounts:
            - name: config
              mountPath: /etc/app
      volumes:
        - name: config
          configMap:
            name: app
`;

const tell = (line: string) => console.log(line);

const missing = missingForCluster();
if (missing.length > 0) {
  console.error(`cluster: this machine lacks ${missing.join(', ')}`);
  process.exit(1);
}
const programs = await buildPrograms(tell);
const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
});
const cluster = await startCluster({ programs, tell });
try {
  await loadImages(cluster);
  const { folder } = cluster.place;
  const kubeconfig = join(folder, 'admin.kubeconfig');
  mkdirSync(join(folder, 'bin'));
  const kubectl = `#!/bin/sh\nexec ${programs.kubernetes} kubectl "$@"\n`;
  writeFileSync(join(folder, 'bin/kubectl'), kubectl, { mode: 0o755 });
  writeFileSync(join(folder, 'demo.yaml'), DEMO);
  tell(`
export KUBECONFIG=${kubeconfig}
export PATH=${join(folder, 'bin')}:$PATH

kubectl apply -f ${join(folder, 'demo.yaml')}
kubectl logs -f deployment/app
kubectl patch configmap app -p '{"data":{"greeting":"two"}}'

Its programs log to ${join(folder, 'logs')}. Ctrl-C ends it. What happens in it:
`);
  const columns = ['NAMESPACE:.metadata.namespace', 'OBJECT:.involvedObject.name', 'REASON:.reason'];
  const words = ['get', 'events', '--all-namespaces', '--watch', '--output'];
  const shown = `custom-columns=${columns.join(',')},MESSAGE:.message`;
  const events = spawn(programs.kubernetes, ['kubectl', ...words, shown], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  await stopped;
  events.kill();
} finally {
  await cluster.stop();
  tell('the cluster is gone');
}
