import { expect } from 'vitest';
import { underLoad } from '../client/load.ts';
import { field, list } from '../client/objects.ts';
import type { Logged, Pod } from '../client/pod.ts';
import { CONFIG, type Room } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { inPlace, keeping, RULES, started } from './restarted.ts';
import type { Row } from './row.ts';
import { ALONE } from './untouched.ts';

/** What comes of ends of a sidecar beyond the new content: intervals, drains, verdicts, and rules that are not there. */

const SERVING = ['run', '-serve', ':8080', '/etc/app'];

const VERIFIED = ['--ready', 'http://127.0.0.1:8080/healthz', '--ready-timeout', '40'];

/** In its Service only while the sidecar says so. */
const READINESS = {
  httpGet: { path: '/readyz', port: 9847 },
  periodSeconds: 1,
  timeoutSeconds: 10,
  failureThreshold: 1,
};

/** A sidecar with a rule for its end, and words besides those of all; what the application has it reads at its start. */
function served(room: Room, more: readonly string[], container: object, metadata: object = {}): Promise<Pod> {
  const sidecar = keeping(room, 'exit:88', RULES);
  return room.pod({
    volumes: { ...CONFIG, state: { emptyDir: {} } },
    container: { ...ALONE, args: SERVING, readinessProbe: READINESS, ...container },
    spec: { initContainers: [{ ...sidecar, args: [...sidecar.args, ...more] }] },
    metadata,
  });
}

/** A line of a life of the sidecar; the kubelet keeps nothing of what earlier lives wrote. */
function toldBy(pod: Pod, life: number, event: string, about: Readonly<Record<string, unknown>> = {}) {
  return awaited(
    `${event} in life ${life}`,
    () =>
      pod
        .log('rehup')
        .find(
          (line) =>
            line.life === life &&
            line.event === event &&
            Object.entries(about).every(([name, value]) => field(line, name) === value),
        ),
    { shown: pod.everything },
  );
}

/** The port of the node at which a Service leads to all that serve. */
async function nodePort(room: Room): Promise<string> {
  const ports = [{ port: 80, targetPort: 8080 }];
  await room.make('Service', 'served', { spec: { type: 'NodePort', selector: { app: 'served' }, ports } });
  const service = await room.api.get('Service', 'served', room.namespace);
  return `http://${room.place.address}:${field(list(service, 'spec', 'ports')[0], 'nodePort')}`;
}

type Draining = {
  readonly needs: string;
  /** Where requests take so long. */
  readonly path: string;
  readonly words: readonly string[];
  judge(lost: readonly string[]): void;
};

/** Two pods behind a Service, some of whose requests take long; what is lost while one of them is restarted in place. */
function draining({ needs, path, words, judge }: Draining): Row {
  return {
    name: `a restart in place of what needs ${needs}`,
    async run(room) {
      await room.config({ greeting: 'one' });
      const metadata = { labels: { app: 'served' } };
      const pod = await served(room, [...VERIFIED, ...words], {}, metadata);
      const stays = {
        ...ALONE,
        args: SERVING,
        readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
      };
      const other = await room.pod({ container: stays, metadata }, 'other');
      await pod.ready();
      await other.ready();
      const url = await nodePort(room);
      await awaited('the Service', async () => ((await fetch(url)).ok ? true : undefined));
      const patient = { timeout: 120_000 };
      const over = async () => {
        await room.change({ greeting: 'two' });
        expect((await pod.said('start greeting=two')).life).toBe(1);
        await pod.restarted(1);
        await pod.ready();
      };
      let long: readonly string[] = [];
      const short = await underLoad(
        url,
        async () => {
          ({ lost: long } = await underLoad(`${url}${path}`, over, { clients: 8, ...patient }));
        },
        patient,
      );
      judge([...short.lost, ...long]);
      expect([await pod.restarts(), await other.restarts()]).toEqual([1, 0]);
    },
  };
}

/** What a sidecar says that has ended in vain twice, and stays. */
export async function missed(pod: Pod): Promise<Logged> {
  const told = await awaited(
    'what is missing',
    () =>
      pod
        .log('rehup')
        .find(
          ({ event, reason }) =>
            event === 'reload.failed' && String(reason).includes('it alone was started again ('),
        ),
    { shown: pod.everything },
  );
  await pod.restarted(2, 'rehup');
  expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([0, 2]);
  expect(pod.output()).toHaveLength(1);
  return told;
}

/** What cannot be told apart from inside of a pod, all of it in one line. */
export const ALL_CAUSES =
  /no rule for 88, or the API server took none\. Give it restartPolicyRules: .*values: \[88\].*1\.36 or later/;

function withoutRule(name: string, rules: object): Row {
  return {
    name,
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await inPlace(room, rules);
      await pod.said(started('one'));
      await pod.ready();
      await room.change({ greeting: 'two' });
      expect(String((await missed(pod))['reason'])).toMatch(ALL_CAUSES);
    },
  };
}

export const ENDED: readonly Row[] = [
  draining({
    // Longer than a kubelet takes to stop it on a busy machine: its readiness is gone by then.
    needs: '40 s for a request, without --drain',
    path: '/longer',
    words: [],
    judge: (lost) => expect(lost).not.toEqual([]),
  }),
  draining({
    needs: '10 s for a request, with --drain',
    path: '/long',
    words: ['--drain', '20s'],
    judge: (lost) => expect(lost).toEqual([]),
  }),
  {
    name: 'a restart in place for bad content that passed the check',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await served(room, VERIFIED, {});
      await pod.ready();
      await room.change({ greeting: 'sick' });
      // The next life says so, and takes it out of its Service.
      await toldBy(pod, 1, 'sidecar.resumed', { code: 88 });
      await toldBy(pod, 1, 'reload.failed');
      await awaited('it to be out of its Service', async () =>
        field(
          list(await pod.object(), 'status', 'conditions').find((one) => field(one, 'type') === 'Ready'),
          'status',
        ) === 'False'
          ? true
          : undefined,
      );
      await pod.restarted(1);
      await pod.restarted(1, 'rehup');
      expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([1, 1]);
      await room.change({ greeting: 'three' });
      await toldBy(pod, 2, 'reload.applied');
      await pod.ready();
      expect(pod.output().at(-1)?.text).toBe('start greeting=three');
    },
  },
  {
    name: 'restarts in place that follow each other, at the default --min-interval',
    async run(room) {
      await room.config({ greeting: 'one' });
      const container = { ...keeping(room, 'exit:88', RULES) };
      const args = container.args.filter((word, at, all) => ![word, all[at - 1]].includes('--min-interval'));
      const pod = await room.pod({
        volumes: { ...CONFIG, state: { emptyDir: {} } },
        container: { ...ALONE, args: ['run', '/etc/app'] },
        spec: { initContainers: [{ ...container, args }] },
      });
      await pod.said('start greeting=one');
      await pod.ready();
      // The first one at once, the second after a minute, the third after two.
      const waits: number[] = [];
      for (const [life, text] of ['two', 'three', 'four'].entries()) {
        await room.change({ greeting: text });
        if (life === 0) {
          await pod.said('start greeting=two');
          continue;
        }
        const held = await toldBy(pod, life, 'reload.held', { reason: 'min-interval' });
        waits.push(Number(held['ms']));
        if (life === 1) await pod.said('start greeting=three');
      }
      const [first = 0, second = 0] = waits;
      expect(first).toBeLessThanOrEqual(60_000);
      expect(second).toBeGreaterThan(60_000);
      expect(second).toBeLessThanOrEqual(120_000);
      await pod.restarted(2);
      await pod.restarted(2, 'rehup');
      expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([2, 2]);
    },
  },
  withoutRule('a sidecar that ends for a restart of all containers, and no rule of the pod for that', {}),
  withoutRule('a sidecar that ends for a restart of all containers, and a rule for another code', {
    restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [89] } }],
  }),
];
