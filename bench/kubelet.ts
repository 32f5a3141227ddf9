/**
 * `npm run bench:kubelet`: how long a change takes from the API's answer to the application, with the kubelet's settings of the
 * field: `syncFrequency` of a minute, and each of the ways in which it learns of a change. 20 changes each, of 20 pods at
 * times of their own; and the same with an annotation of the pod, changed just after, which makes the kubelet look at once.
 */
import process from 'node:process';
import { inRoom, type Room } from '../test/cluster/client/room.ts';
import { bePatient } from '../test/cluster/client/waiting.ts';
import { type Cluster, startCluster } from '../test/cluster/engine/cluster.ts';
import { loadImages } from '../test/cluster/engine/images.ts';
import { buildPrograms } from '../test/cluster/engine/programs.ts';
import type { Detection } from '../test/cluster/engine/settings.ts';

const CHANGES = 20;

const DETECTIONS: readonly Detection[] = ['Watch', 'Cache', 'Get'];

/** What was measured, s. */
type Times = {
  readonly detection: Detection;
  readonly plain: readonly number[];
  readonly annotated: readonly number[];
};

async function measured(cluster: Cluster): Promise<Times> {
  const { detection } = cluster.place;
  const plain: number[] = [];
  const annotated: number[] = [];
  await inRoom({ name: `times of ${detection}`, on: cluster.place }, async (room) => {
    await Promise.all(
      Array.from({ length: CHANGES }, async (_, index) => {
        const [first, second] = await oneOf(room, `app-${index}`, (index * 60_000) / CHANGES);
        plain.push(first);
        annotated.push(second);
      }),
    );
  });
  return { detection, plain, annotated };
}

/** A pod of its own, which is changed twice; s to the effect of each, the second with an annotation. */
async function oneOf(room: Room, name: string, later: number): Promise<readonly [number, number]> {
  await room.config({ greeting: 'one' }, name);
  const pod = await room.pod({ volumes: { config: { configMap: { name } } } }, name);
  await pod.said('start greeting=one');
  await pod.ready();
  // The first looks after a start are close together; and no two pods begin at once.
  await new Promise((resolve) => setTimeout(resolve, 100_000 + later));
  const since = await room.change({ greeting: 'two' }, name);
  const first = (await pod.said('SIGHUP greeting=two')).time - since;
  const again = await room.change({ greeting: 'three' }, name);
  await room.api.patch('Pod', name, room.namespace, { metadata: { annotations: { look: `${again}` } } });
  const second = (await pod.said('SIGHUP greeting=three')).time - again;
  return [first / 1000, second / 1000];
}

/** Median and longest. */
function shown(seconds: readonly number[]): string {
  const sorted = seconds.toSorted((one, other) => one - other);
  const at = (index: number) => (sorted.at(index) ?? Number.NaN).toFixed(1);
  return `${at(Math.floor(sorted.length / 2))} | ${at(-1)}`;
}

// A minute and a half of the kubelet's, and a cache of a minute.
bePatient(400_000);
const tell = (line: string) => console.error(line);
const programs = await buildPrograms(tell);
const clusters: Cluster[] = [];
try {
  for (const detection of DETECTIONS) {
    const cluster = await startCluster({ programs, tell, detection, syncFrequency: '60s' });
    clusters.push(cluster);
    await loadImages(cluster);
  }
  const times = await Promise.all(clusters.map(measured));
  console.log('| Detection | median, s | longest, s | with an annotation: median | longest |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const { detection, plain, annotated } of times)
    console.log(`| ${detection} | ${shown(plain)} | ${shown(annotated)} |`);
} finally {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
}
process.exit();
